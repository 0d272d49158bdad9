import type { Target } from '../catalog.ts';
import type { Usage } from '../chat/usage.ts';
import type { CallHooks } from '../upstream/call-provider.ts';
import type { Gate } from './gate.ts';
import type { Turn } from './turn.ts';

/**
 * What is asked of a model where that is no chat (embeddings, pictures, speech …): it carries no tools and no results of
 * tools. It is admitted, routed, reserved for, settled and recorded as a chat is.
 */
export interface Operation {
  /** What to set aside before a call whose body has so many bytes. */
  estimate(bodyBytes: number): Usage;
  /** What records say of it beside its fields; no content. */
  readonly detail?: Readonly<Record<string, unknown>>;
  /** Makes the call to a target. Throws as `callProvider` does. */
  call(gate: Pick<Gate, 'credentials' | 'upstream'>, turn: Turn, target: Target, hooks: CallHooks): Promise<Answered>;
}

/** What a provider answered to an operation, before anything of it went to the client. */
export interface Answered {
  readonly content: OperationContent;
  readonly requestBytes: number;
  readonly status: number;
}

/** What an operation took. */
export interface OperationEnd {
  readonly usage: Usage;
  /** The provider did not tell it: it is guessed from what was sent and received. */
  readonly estimated: boolean;
}

/** The answer of an operation in the form of the client's front. */
export type OperationContent = WholeAnswer | StreamedAnswer;

/** An answer that is read to its end. */
export interface WholeAnswer {
  readonly kind: 'operation';
  readonly contentType: string;
  readonly body: string | Buffer;
  readonly end: OperationEnd;
  /** What was written in it by a model, or by somebody else. */
  readonly words?: readonly string[];
}

/** An answer that has begun; read `pieces` to their end or call `return`, which closes the call. */
export interface StreamedAnswer {
  readonly kind: 'operation';
  readonly contentType: string;
  /** Frames of an event stream, or bytes. */
  readonly pieces: AsyncIterableIterator<string | Buffer>;
  /** What it took so far. */
  taken(): OperationEnd;
  /** What a model wrote so far. */
  words?(): readonly string[];
}
