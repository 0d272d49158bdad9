import type { EndSignal } from '@sallyport/chassis/ending';
import type { Access } from '@sallyport/peers/access';
import type { CredentialUse } from '@sallyport/peers/credentials';
import type { Reservation } from '@sallyport/peers/limits';
import type { ToolRef } from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { CALL_TOOL, Corpus, Label } from '@sallyport/turn';
import type { Model } from '../catalog.ts';
import type { RequestFacts } from '../chat/facts.ts';
import type { FrontDialect, JsonObject, Message } from '../chat/message.ts';
import type { ChatRequest } from '../chat/request.ts';
import type { Usage } from '../chat/usage.ts';
import type { ClientAnswer } from '../http/client-answer.ts';
import type { Exchange } from '../responses/exchange.ts';
import type { Step } from '../routing/plan.ts';
import type { RouteWish } from '../routing/wish.ts';
import type { TurnCache } from './cache-lookup.ts';
import type { Controls } from './controls.ts';
import type { Decoration } from './decorate.ts';
import type { Operation } from './operation.ts';
import type { OwnCall, SearchFunction } from './searching.ts';
import type { Spoken } from './spoken.ts';

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

/** What bounds the turn of an agent that a resource declares. */
export interface LoopBounds {
  /** How many calls of the gateway's services lead to it. */
  readonly depth: number;
  readonly maxModelCalls: number;
}

/** A tool offered to the model in this turn. */
export interface TurnTool {
  /** Name that the model sees and calls. */
  readonly name: string;
  readonly ref: ToolRef;
  /** Who runs it: the gateway (through mcp-broker), the client, or the provider. */
  readonly runBy: 'gateway' | 'client' | 'provider';
  readonly toolClass: string;
  /** JSON Schema of the arguments, where the definition has one. */
  readonly inputSchema?: JsonObject;
  /** JSON Schema of the structured result, of the reviewed definition, as JSON text. */
  readonly outputSchemaJson?: string;
  /** Of a tool that was asked for by a toolset: its name, and the arguments that are part of every call. */
  readonly toolset?: { readonly name: string; readonly set: JsonObject };
  /** Of a brokered tool: the label under which the client named its server, and whether the client wants to be asked. */
  readonly listed?: { readonly label: string; readonly asks: boolean };
  /** JSON pointers (`*` for any token) of arguments that name a host or identifier and that policy lets a handle fill. */
  readonly handlePositions?: readonly string[];
  /** Label of the toolset in which the model searches for it, instead of being told of it. */
  readonly searched?: string;
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
  readonly dialect: FrontDialect;
  readonly endpoint: string;
  /** As the client sent it, with what its Model puts into it. */
  body: JsonObject;
  /** `body` in bytes: the client's own where nothing was put into it. */
  bytes: Buffer;
  readonly facts: RequestFacts;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly answer: ClientAnswer;
  /** Ends when the client is gone, the credential is revoked or the turn's time is over. */
  readonly signal: EndSignal;

  readonly principal: Principal;
  readonly access: Access;
  readonly attribution: Attribution;
  readonly model: Model;
  /** What the client asks of routing; undefined: nothing. */
  readonly wish: RouteWish | undefined;
  /** What the client asks of the gateway itself. */
  readonly controls: Controls;
  /** What is asked of the model where that is no chat: then the stages from Label to Tools have nothing to do. */
  readonly operation: Operation | undefined;

  /** The id that the client named, if it is one: nothing is done in its name before it is known to be the caller's. */
  readonly claimed: string;
  /** '' until stage 2 found or issued it. */
  trajectory: string;
  newTrajectory: boolean;
  /** A trajectory id that was named but is none, or is not this principal's. */
  foreignTrajectory: string;
  /** Join of the labels of everything the next model call reads. */
  label: Label;
  /** The label that the trajectory is known to keep, whatever a later request leaves out. */
  latched: Label;

  /**
   * The request in neutral form, changed as the turn goes on. Undefined where the gate need not look inside: then the
   * client's own body is forwarded with the least change.
   */
  request: ChatRequest | undefined;
  /** Messages that the gateway's own rounds with the model added after the client's. */
  readonly appended: Message[];
  /** New texts of tool results that the client brought, by call id. */
  readonly changedResults: Map<string, string>;
  /** Results of mcp-broker that came in the wrapping of a framework, without it, by call id. */
  readonly unwrapped: Map<string, string>;
  /** Tools offered so far, by the name that the model sees. */
  tools: Map<string, TurnTool>;
  /** Functions of the gateway's own by which tools are searched and called, by the name that the model sees. */
  readonly searches: Map<string, SearchFunction>;
  hidden: HiddenTool[];
  policyRevision: string;
  /** Spans of the context by origin, for finding where a tool call's arguments came from. */
  corpus: Corpus | undefined;
  /** Handles that stand in the context; empty means that no text has to be searched for them. */
  readonly handles: Set<string>;

  /** Untrusted values that results brought into this turn: digest to source. */
  readonly untrusted: Map<string, string>;
  /** How many of them policy was told. */
  untrustedTold: number;

  /** Steps recorded in this turn, for numbering. */
  step: number;
  modelCalls: number;
  /** The request was counted against limits: once a turn, however many model calls it takes. */
  requestCounted: boolean;
  /** What was set aside for the present or last model call; undefined before the first. */
  reserved: Reservation | undefined;
  /** The failure that ends the turn stands in the record of a model call. */
  failureRecorded: boolean;
  reasks: number;
  /** Approvals that the turn ended waiting for. */
  approvals: readonly string[];
  usage: Usage;
  /** Sum of the priced calls, nano-USD. */
  costNanoUsd: number;
  /** False once a call of unknown price was made. */
  priced: boolean;
  provider: string;
  upstreamModel: string;
  /** The target of the present or last model call, and why it was chosen; undefined before the first. */
  routed: Step | undefined;
  /** Fields of the request that the target of the present call is not told, since it could not be. */
  dropped: readonly string[];
  /** The key of the present call, where its provider has several. */
  keyUse: CredentialUse | undefined;
  /** Undefined where the Model keeps no answers, and before the cache was asked. */
  cache: TurnCache | undefined;
  /** LiteLLM's `cache` of the body, which was taken out of it. */
  bodyControls: JsonObject | undefined;
  /** What was put into the request; undefined where the Model says nothing. */
  decoration: Decoration | undefined;
  /** Of the Responses API alone. */
  readonly exchange: Exchange | undefined;
  /** Of an agent's turn alone. */
  readonly loop: LoopBounds | undefined;
  /** What the client was shown of the assistant's words, to be known when it comes back. */
  readonly spoken: Spoken;
}

/** A tool call of a model message, with what is known of it. */
export interface TurnCall {
  readonly id: string;
  readonly name: string;
  /** As the model wrote it: JSON text, for `custom` tools free text. */
  readonly written: string;
  readonly kind: 'function' | 'custom';
  readonly tool: TurnTool | undefined;
  /** What the gateway does itself in its place; then there is no tool. */
  readonly own?: OwnCall;
  /** It was made through the function that calls what was found. */
  readonly via?: typeof CALL_TOOL;
}
