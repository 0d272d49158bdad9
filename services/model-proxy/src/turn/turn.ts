import type { Access } from '@sallyport/peers/access';
import type { Amounts } from '@sallyport/peers/limits';
import type { ToolRef } from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Corpus, Decision, Label, Refusal } from '@sallyport/turn';
import type { Model } from '../catalog.ts';
import type { RequestFacts } from '../chat/facts.ts';
import type { Dialect, JsonObject, Message } from '../chat/message.ts';
import type { ChatRequest } from '../chat/request.ts';
import type { Usage } from '../chat/usage.ts';
import type { ClientAnswer } from '../http/client-answer.ts';

/** What a request may say for cost attribution, after the key's `mayAssert` was applied. */
export interface Attribution {
  readonly customer: string;
  readonly user: string;
  readonly feature: string;
  readonly project: string;
  readonly promptVersion: string;
  readonly variant: string;
  readonly tags: readonly string[];
}

/** A tool offered to the model in this turn. */
export interface TurnTool {
  /** Name that the model sees and calls. */
  readonly name: string;
  readonly ref: ToolRef;
  /** Who runs it: the gateway (through mcp-broker), the client, or the provider. */
  readonly runBy: 'gateway' | 'client' | 'provider';
  readonly toolClass: string;
}

/** A tool left out of the model request, and why. */
export interface HiddenTool {
  readonly tool: string;
  readonly rule: string;
  readonly reason: string;
  /** False where the rule is in Observe: the tool was shown all the same. */
  readonly enforced: boolean;
}

/** One client request and all that it causes; the stages of `run.ts` fill it in, in order. */
export interface Turn {
  readonly id: string;
  readonly startedAtMs: number;
  readonly dialect: Dialect;
  readonly endpoint: string;
  readonly body: JsonObject;
  /** `body` as the client wrote it. */
  readonly bytes: Buffer;
  readonly facts: RequestFacts;
  readonly answer: ClientAnswer;
  /** Ends when the client is gone, the credential is revoked or the turn's time is over. */
  readonly signal: AbortSignal;

  readonly principal: Principal;
  readonly access: Access;
  readonly attribution: Attribution;
  readonly model: Model;

  trajectory: string;
  newTrajectory: boolean;
  /** A trajectory id that was named but is not this principal's. */
  foreignTrajectory: string;
  /** Join of the labels of everything the next model call reads. */
  label: Label;

  /**
   * The request in neutral form, changed as the turn goes on. Undefined where the gate need not look inside: then the
   * client's own body is forwarded with the least change.
   */
  request: ChatRequest | undefined;
  /** Messages that the gateway's own rounds with the model added after the client's. */
  readonly appended: Message[];
  /** New texts of tool results that the client brought, by call id. */
  readonly changedResults: Map<string, string>;
  /** Tools offered so far, by the name that the model sees. */
  tools: Map<string, TurnTool>;
  hidden: HiddenTool[];
  policyRevision: string;
  /** Spans of the context by origin, for finding where a tool call's arguments came from. */
  corpus: Corpus | undefined;
  /** Handles that stand in the context; empty means that no text has to be searched for them. */
  readonly handles: Set<string>;

  /** Steps recorded in this turn, for numbering. */
  step: number;
  modelCalls: number;
  reasks: number;
  usage: Usage;
  /** Sum of the priced calls, nano-USD. */
  costNanoUsd: number;
  /** False once a call of unknown price was made. */
  priced: boolean;
  provider: string;
  upstreamModel: string;
  /** Text released to the client so far in this turn, for the digest that lets the next request join. */
  releasedText: string;
  readonly released: ReleasedPart[];
}

/** Something released to the client which may come back in a later request's history. */
export interface ReleasedPart {
  readonly kind: 'assistant' | 'call' | 'result';
  readonly digest: string;
  readonly callId?: string;
  readonly tool?: string;
}

/** What a model call needs from limits before it is made. */
export type Needed = Amounts;

/** A tool call of a model message, with what is known of it. */
export interface TurnCall {
  readonly id: string;
  readonly name: string;
  /** JSON text as the model wrote it. */
  readonly written: string;
  readonly tool: TurnTool | undefined;
}

/** A call and what was decided of it. */
export interface DecidedCall {
  readonly call: TurnCall;
  readonly decision: Decision;
  readonly refusal?: Refusal;
  /** Arguments with handles filled, canonical JSON; empty where the call was refused before. */
  readonly argumentsJson: string;
}
