/** Every code that a failure may carry, between services and to clients. Closed: a new one is added here first. */
export type ErrorCode =
  | 'invalid_request'
  | 'duplicate_key'
  | 'body_too_large'
  | 'body_too_deep'
  | 'unauthenticated'
  | 'permission_denied'
  | 'not_found'
  | 'conflict'
  | 'unsupported'
  | 'rate_limited'
  | 'budget_exceeded'
  | 'step_limit'
  | 'upstream_error'
  | 'upstream_timeout'
  | 'upstream_invalid'
  | 'upstream_credentials'
  | 'upstream_credentials_exhausted'
  | 'policy_denied'
  | 'unavailable'
  | 'deadline_exceeded'
  | 'cancelled'
  | 'audit_unavailable'
  | 'internal';

/** The HTTP status and the gRPC status number of each code: the one table that maps to the wire. */
const WIRE: Readonly<Record<ErrorCode, { readonly http: number; readonly grpc: number }>> = {
  invalid_request: { http: 400, grpc: 3 },
  duplicate_key: { http: 400, grpc: 3 },
  body_too_large: { http: 413, grpc: 8 },
  body_too_deep: { http: 400, grpc: 3 },
  unauthenticated: { http: 401, grpc: 16 },
  permission_denied: { http: 403, grpc: 7 },
  not_found: { http: 404, grpc: 5 },
  conflict: { http: 409, grpc: 6 },
  unsupported: { http: 501, grpc: 12 },
  rate_limited: { http: 429, grpc: 8 },
  budget_exceeded: { http: 402, grpc: 8 },
  step_limit: { http: 429, grpc: 8 },
  upstream_error: { http: 502, grpc: 9 },
  upstream_timeout: { http: 504, grpc: 9 },
  upstream_invalid: { http: 502, grpc: 9 },
  upstream_credentials: { http: 502, grpc: 9 },
  upstream_credentials_exhausted: { http: 502, grpc: 9 },
  policy_denied: { http: 403, grpc: 7 },
  unavailable: { http: 503, grpc: 14 },
  deadline_exceeded: { http: 504, grpc: 4 },
  cancelled: { http: 499, grpc: 1 },
  audit_unavailable: { http: 503, grpc: 14 },
  internal: { http: 500, grpc: 13 },
};

/** The code that a bare gRPC status stands for when no error detail came with it; status numbers not here are `internal`. */
const FROM_GRPC: Readonly<Record<number, ErrorCode>> = {
  1: 'cancelled',
  3: 'invalid_request',
  4: 'deadline_exceeded',
  5: 'not_found',
  6: 'conflict',
  7: 'permission_denied',
  // Ours always carry a detail; a bare one is grpc-js refusing a message above its size limit.
  8: 'body_too_large',
  9: 'conflict',
  10: 'conflict',
  11: 'invalid_request',
  12: 'unsupported',
  14: 'unavailable',
  16: 'unauthenticated',
};

/** What may be said of a failure beside its code and message. */
export interface GatewayErrorOptions {
  /** Facts for the caller; never secrets, never content of requests. */
  readonly details?: Record<string, unknown> | undefined;
  /** Milliseconds after which trying again makes sense. */
  readonly retryAfterMs?: number | undefined;
  /** What was caught; logged, never sent. */
  readonly cause?: unknown;
  /** HTTP status, where a dialect asks for another one than the code's own. */
  readonly status?: number | undefined;
}

/** The one error class of the suite: thrown where the fault is known, rendered once at the edge. */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  /** HTTP status. */
  readonly status: number;
  readonly details?: Record<string, unknown>;
  readonly retryAfterMs?: number;

  constructor(code: ErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GatewayError';
    this.code = code;
    this.status = options.status ?? WIRE[code].http;
    if (options.details !== undefined) this.details = options.details;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }
}

/** Tells whether a text is one of the closed codes. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(WIRE, text);
}

/** The HTTP status of a code. */
export function httpStatusOf(code: ErrorCode): number {
  return WIRE[code].http;
}

/** The gRPC status number of a code. */
export function grpcStatusOf(code: ErrorCode): number {
  return WIRE[code].grpc;
}

/** The code that a gRPC status number stands for when nothing more is known. */
export function codeOfGrpcStatus(status: number): ErrorCode {
  return FROM_GRPC[status] ?? 'internal';
}

/**
 * Turns anything caught into a GatewayError. An abort is `cancelled`, a timeout `deadline_exceeded`, all else
 * `internal` with a message that says nothing of the inside; the original stays in `cause` for the log.
 */
export function asGatewayError(caught: unknown): GatewayError {
  if (caught instanceof GatewayError) return caught;
  // By name, not by class: a DOMException of another realm is no instance of our Error.
  const name = (caught as { name?: unknown } | null | undefined)?.name;
  if (name === 'AbortError') return new GatewayError('cancelled', 'The call was cancelled.', { cause: caught });
  if (name === 'TimeoutError') {
    return new GatewayError('deadline_exceeded', 'The time allowed for this ran out.', { cause: caught });
  }
  return new GatewayError('internal', 'An internal error happened.', { cause: caught });
}
