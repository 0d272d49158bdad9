import { GatewayError } from '@sallyport/chassis/errors';
import { parseJsonText } from '@sallyport/chassis/http/json';

/** Deepest nesting of what is read: metadata and answers are flat, but for what extensions add. */
const MAX_DEPTH = 16;
/** Codes by which an authorization server says that it can give no answer now (RFC 6749 §4.1.2.1, RFC 8628 §3.5). */
const AWAY: ReadonlySet<string> = new Set(['temporarily_unavailable', 'server_error', 'slow_down']);

/** The error that stands for an authorization server, or one that names it, which does not answer. */
export function away(cause?: unknown): GatewayError {
  const message = 'The authorization server cannot be reached.';
  return new GatewayError('unavailable', message, {
    ...(cause === undefined ? {} : { cause }),
    retryAfterMs: 1_000,
  });
}

/** A code that a stranger wrote, where it is a code: undefined for a sentence, or for nothing. */
export function codeWord(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w.:-]{1,64}$/.test(value) ? value : undefined;
}

/** Whether a code says that the server is away for a while. */
export function saysAway(code: string): boolean {
  return AWAY.has(code);
}

/** Whether something is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The members of a JSON object; undefined for a text that is none, or that two readers could read in two ways. */
export function objectOf(text: string, maxDepth: number = MAX_DEPTH): Record<string, unknown> | undefined {
  try {
    const value = parseJsonText(text, { maxDepth });
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** An issuer without a slash at its end; empty for what is none. */
export function bareIssuer(issuer: unknown): string {
  return typeof issuer === 'string' ? issuer.replace(/\/$/, '') : '';
}
