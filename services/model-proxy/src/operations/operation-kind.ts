import type { Target } from '../catalog.ts';
import type { FrontDialect, JsonObject } from '../chat/message.ts';
import type { Usage } from '../chat/usage.ts';
import type { ProviderDeclaration } from '../providers/define-provider.ts';
import type { Framing } from '../wire/framing.ts';
import type { Form } from './form.ts';

/** One endpoint that is no agent turn: what it is called, where it is, and how its requests are read. */
export interface OperationKind {
  /** Its name in AccessPolicies and records. */
  readonly endpoint: string;
  /** Paths at which clients ask for it; none where another route leads to it. */
  readonly routes: readonly string[];
  /** Whose errors its clients expect. */
  readonly dialect: FrontDialect;
  /** True where bodies are multipart forms. */
  readonly form?: boolean;
  /** Fields of the body, or of the form, in which a URL is a text like any other: a provider fetches nothing from there. */
  readonly texts: readonly string[];
  /** True where the model writes: then what its Model puts into requests must not be gone around. */
  readonly writes?: boolean;
  /** Whether a provider serves it at all. */
  serves(declaration: ProviderDeclaration): boolean;
  /** Reads a request. Throws GatewayError `invalid_request` naming the field as `param`. */
  read(request: OperationRequest): Asked;
}

/** A request as it came: parsed JSON, or a form whose fields stand in `body` as well. */
export interface OperationRequest {
  readonly body: JsonObject;
  /** `body` as it was written. */
  readonly bytes: Buffer;
  readonly form?: Form;
}

/** What a request asks for, and how a target is asked for it. */
export interface Asked {
  readonly model: string;
  readonly stream: boolean;
  readonly user?: string | undefined;
  readonly maxTokens?: number | undefined;
  /** True where it brings content that nobody here wrote: a recording, a picture, documents. */
  readonly attached?: true;
  /** What to set aside before a call whose body has so many bytes; also what a silent provider is taken to have used. */
  estimate(bodyBytes: number): Usage;
  /** The call to a target that serves it. Throws GatewayError `unsupported` for what this one cannot say. */
  exchange(target: Target, terms: Terms): Exchange;
}

/** What is changed in each body for a provider. */
export interface Terms {
  /** Fields by which a client would choose for the gateway, another model, URL or key: they never go there. */
  readonly withheld: readonly string[];
  /** Fields in which it is told who asks, where its resource says so. */
  readonly fields: Readonly<JsonObject>;
  /** Most output tokens of one answer, as the Model says. */
  readonly mostTokens?: number | undefined;
}

/** One call and how its answer is read. */
export interface Exchange {
  readonly path: string;
  readonly contentType: string;
  readonly body: Buffer;
  readonly answer: AnswerReading;
}

/** How an answer is read: as a whole, as events that are told on, or as bytes. */
export type AnswerReading =
  | { readonly kind: 'whole'; read(text: string): Whole }
  | { readonly kind: 'events'; readonly reader: EventReading; readonly framing?: Framing }
  | { readonly kind: 'bytes'; readonly usage: Usage };

/** A whole answer for the client. */
export interface Whole {
  readonly body: string;
  /** Default: JSON. */
  readonly contentType?: string;
  /** Absent: the provider did not tell it. */
  readonly usage?: Usage | undefined;
  /** What was written in it by a model, or by somebody else. */
  readonly words?: readonly string[];
}

/** Reads the events of one answer. */
export interface EventReading {
  /** The frames for the client, possibly none (''). Throws ProviderError for a failure that the provider tells. */
  push(event: { readonly event?: string; readonly data: string }): string;
  /** The closing frames. Throws ProviderError where the answer is not complete. */
  end(): string;
  /** As far as the provider told it. */
  usage(): Usage | undefined;
  /** What a model wrote so far; absent: it writes nothing. */
  words?(): readonly string[];
}

/** Media type of most bodies. */
export const JSON_TYPE = 'application/json';
