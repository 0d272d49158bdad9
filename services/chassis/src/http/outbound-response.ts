import { reasonOf } from '../deadline.ts';
import type { EndSignal } from '../ending.ts';
import { GatewayError } from '../errors.ts';
import type { Soon } from '../soon.ts';

/** One answer; read the body to its end or `discard` it, so that the connection is used again. One reader only. */
export interface OutboundResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** What arrived at once is one chunk; throws GatewayError (`upstream_timeout`, `upstream_error`, or the signal's reason). */
  readonly body: AsyncIterable<Buffer>;
  /** The whole body as bytes or text; `upstream_invalid` beyond the limit. */
  bytes(limitBytes: number): Soon<Buffer>;
  text(limitBytes: number): Soon<string>;
  discard(): Promise<void>;
}

const TIMEOUTS = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']);

/** What a failed call means to our caller; the upstream's own words stay in `cause`. */
export function outboundError(caught: unknown, signal: EndSignal | undefined): GatewayError {
  if (caught instanceof GatewayError) return caught;
  if (signal?.aborted) return reasonOf(signal) as GatewayError;
  const error = caught as NodeJS.ErrnoException;
  if (error.cause instanceof GatewayError) return error.cause;
  const code = error.code ?? (error.cause as NodeJS.ErrnoException | undefined)?.code;
  if (code !== undefined && TIMEOUTS.has(code)) {
    return new GatewayError('upstream_timeout', 'The upstream did not answer in time.', { cause: caught });
  }
  return new GatewayError('upstream_error', 'The upstream cannot be reached or broke off.', {
    cause: caught,
    details: code === undefined ? undefined : { reason: code },
  });
}
