/** What a provider did wrong, or refused, by class. */
export type FailureKind =
  | 'rate_limited'
  | 'overloaded'
  | 'context_length'
  | 'content_policy'
  | 'auth'
  | 'permission'
  | 'billing'
  | 'not_found'
  | 'invalid_request'
  | 'too_large'
  | 'timeout'
  | 'server_error'
  | 'malformed';

/**
 * A provider's failure, whether it came as a status or inside a stream. `message` is the provider's own text and goes to
 * the caller only where the class allows; `raw` is the provider's word for the class.
 */
export interface ProviderFailure {
  kind: FailureKind;
  retryable: boolean;
  message: string;
  status?: number;
  raw?: string;
  retryAfterMs?: number;
}

/** What is wrong with a provider's bytes. */
export type DecodeFault = 'not_json' | 'wrong_shape' | 'truncated' | 'too_large' | 'out_of_order';

/** Thrown, or carried by an `error` event, when a provider's answer cannot be read. `path` names the place. */
export class DecodeError extends Error {
  readonly fault: DecodeFault;
  readonly path: string;

  constructor(fault: DecodeFault, path: string, message: string, options?: ErrorOptions) {
    super(`${path === '' ? 'body' : path}: ${message}`, options);
    this.name = 'DecodeError';
    this.fault = fault;
    this.path = path;
  }
}

/** Reads a decode error as a provider failure: nothing reached the caller yet, so another target may be asked. */
export function malformed(error: DecodeError): ProviderFailure {
  return { kind: 'malformed', retryable: true, message: error.message, raw: error.fault };
}
