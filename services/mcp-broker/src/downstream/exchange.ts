import type { JsonObject } from '../catalog/definition.ts';
import type { Toolset } from '../catalog/toolset.ts';
import type { Admitted, Headers } from '../invoke/admit.ts';
import type { Gate } from '../invoke/gate.ts';
import type { Session } from '../invoke/run-of-call.ts';
import type { Revision } from '../protocol.ts';
import type { LogLevel } from '../upstream/caller.ts';
import type { ChangeStreams } from './change-streams.ts';
import type { LateStream } from './late-stream.ts';
import type { Message } from './message.ts';
import type { ResourceNoticesOf } from './resource-notices.ts';
import type { SessionSubscriptions } from './session-subscriptions.ts';

/** Header and member of `_meta` that name the run, in requests and answers. */
export const TRAJECTORY_HEADER = 'sallyport-trajectory';
/** The same in `_meta`. */
export const TRAJECTORY_META = 'sallyport.dev/trajectory';

/** What a request is answered within. */
export interface Exchange {
  readonly revision: Revision;
  readonly admitted: Admitted;
  readonly headers: Headers;
  /** The session that the request names. */
  readonly session: Session | undefined;
  readonly signal: AbortSignal;
  /** Sets a header of the answer. */
  readonly answerHeader: (name: string, value: string) => void;
  /** Shows the client that its request waits. */
  readonly waits: (message: string) => Promise<void>;
  /** Tells how far the request has come; absent where its client does not want to know. */
  readonly progress: LateStream['progress'];
  /** Sends a notification on the stream of the answer; false where the client takes none. */
  readonly notify: LateStream['notify'];
  /** Asks the user of a client of the older line, on the stream of the answer; undefined where nothing came back. */
  readonly elicit: (params: JsonObject) => Promise<JsonObject | undefined>;
  /** From what level on the client wants to be told what servers log; undefined: not at all. */
  readonly logLevel: LogLevel | undefined;
  /** Keeps that for the session. */
  readonly keepLevel: (level: LogLevel) => void;
  /** Where clients are told of changes. */
  readonly streams: ChangeStreams;
  /** Where clients are told of changes of single resources. */
  readonly notices: ResourceNoticesOf;
  /** What sessions want to be told of. */
  readonly subscriptions: SessionSubscriptions;
  /** Whether the request may wait for people. */
  readonly patient: boolean;
  /** The virtual server that is spoken to; none at `/mcp`. */
  readonly toolset: Toolset | undefined;
  /** Whether two tools to search and call with are listed, instead of all. */
  readonly searching: boolean;
  /** Where people reach the gateway, without a slash at the end. */
  readonly base: () => string;
}

/** Answers requests of one method. Throws RpcFault, or GatewayError where a peer is away. */
export type Method = (gate: Gate, message: Message, exchange: Exchange) => Promise<object> | object;
