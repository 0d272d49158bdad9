import type { DescMethod, DescService } from '@bufbuild/protobuf';
import type { EndSignal } from '../ending.ts';
import type { Logger } from '../log.ts';
import type { Init, Shape } from './definition.ts';

/** What a handler knows of the call beside its request. */
export interface CallContext {
  /** Fires when the caller is gone, the deadline passed, or (streams) the server stops. */
  readonly signal: AbortSignal;
  /** Epoch ms, a little before the caller's own; Infinity for a stream without one. */
  readonly deadlineMs: number;
  /** Service name of the caller: the SAN that the allow-list matched. */
  readonly caller: string;
  /** How many gateway calls deep this is; hand on `depth + 1`. */
  readonly depth: number;
  readonly metadata: { get(name: string): string | undefined };
  readonly log: Logger;
}

/** One handler by the kind of its method. */
export type Handler<M> = M extends { methodKind: infer K; input: infer I; output: infer O }
  ? I extends DescMethod['input']
    ? O extends DescMethod['output']
      ? K extends 'unary'
        ? (request: Shape<I>, context: CallContext) => Promise<Init<O>>
        : K extends 'server_streaming'
          ? (request: Shape<I>, context: CallContext) => AsyncIterable<Init<O>>
          : K extends 'client_streaming'
            ? (requests: AsyncIterable<Shape<I>>, context: CallContext) => Promise<Init<O>>
            : (requests: AsyncIterable<Shape<I>>, context: CallContext) => AsyncIterable<Init<O>>
      : never
    : never
  : never;

/** A service's handlers; a missing one is a type error. */
export type ServiceImpl<S extends DescService> = { [K in keyof S['method']]: Handler<S['method'][K]> };

/** How one call is made. */
export interface CallOptions {
  /** Milliseconds until the call fails with `deadline_exceeded`; Infinity only for streams. */
  readonly timeoutMs: number;
  readonly signal?: EndSignal | undefined;
  /** Depth of this call, at most 4; absent: 0. */
  readonly depth?: number | undefined;
  /** Wait for the peer to come up, within the timeout; absent: fail at once. For start-up, not for requests. */
  readonly wait?: boolean | undefined;
}

/** Both directions of a bidirectional stream. */
export interface BidiHandle<I, O> {
  /** Resolves when more may be sent; rejects once the stream failed. */
  send(message: I): Promise<void>;
  /** Nothing more is sent. */
  end(): void;
  /** Ends the call in both directions. */
  cancel(): void;
  readonly messages: AsyncIterable<O>;
}

/** One call by the kind of its method; each rejects (or its iteration throws) with GatewayError. */
export type Call<M> = M extends { methodKind: infer K; input: infer I; output: infer O }
  ? I extends DescMethod['input']
    ? O extends DescMethod['output']
      ? K extends 'unary'
        ? (request: Init<I>, options: CallOptions) => Promise<Shape<O>>
        : K extends 'server_streaming'
          ? (request: Init<I>, options: CallOptions) => AsyncIterable<Shape<O>>
          : K extends 'client_streaming'
            ? (requests: AsyncIterable<Init<I>>, options: CallOptions) => Promise<Shape<O>>
            : (options: CallOptions) => BidiHandle<Init<I>, Shape<O>>
      : never
    : never
  : never;

/** A service as its callers see it. */
export type Client<S extends DescService> = { [K in keyof S['method']]: Call<S['method'][K]> };
