import type { z } from 'zod';
import type { Caller, Role } from './caller.ts';

/** Timeout and cancellation that a handler hands on to each of its calls. */
export interface Patience {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What a handler gets: everything checked against the route's schemas. */
export interface RouteRequest<P, Q, B> {
  readonly caller: Caller;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** The client's `Idempotency-Key`; empty when it sent none or the route takes none. */
  readonly idempotencyKey: string;
  /** Headers that the answer is to carry; only those that the route names in `responseHeaders`. */
  readonly responseHeaders: Map<string, string>;
  readonly patience: Patience;
}

/** One route; express and OpenAPI are both made from it, so they cannot differ. */
export interface Route<P = unknown, Q = unknown, B = unknown, R = unknown> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Below `/admin/v1`, parameters in braces as OpenAPI writes them. */
  readonly path: `/${string}`;
  readonly operationId: string;
  readonly summary: string;
  /** Who may call it. */
  readonly roles: readonly Role[];
  readonly params?: z.ZodType<P>;
  readonly query?: z.ZodType<Q>;
  readonly body?: z.ZodType<B>;
  readonly idempotent?: boolean;
  /** Headers of the answer, by lower-case name, with what they say. */
  readonly responseHeaders?: Readonly<Record<string, string>>;
  /** 204: an answer without a body. */
  readonly status: 200 | 201 | 204;
  readonly response: z.ZodType<R>;
  readonly handle: (request: RouteRequest<P, Q, B>) => Promise<R>;
}

/** Checks the types of a route's parts against each other and forgets them, so that routes fit into one list. */
export function defineRoute<P = undefined, Q = undefined, B = undefined, R = unknown>(route: Route<P, Q, B, R>): Route {
  return route as unknown as Route;
}
