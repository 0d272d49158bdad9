import type { FailureKind, ProviderFailure } from '../../chat/failure.ts';
import { asArray, asNumber, asObject, asString } from '../../chat/json.ts';
import { failureOfStatus, failureOfText, retryable } from '../failure-class.ts';

/** Words of google.rpc.Code that say more than the HTTP status. */
const words: Readonly<Record<string, FailureKind>> = {
  RESOURCE_EXHAUSTED: 'rate_limited',
  UNAUTHENTICATED: 'auth',
  PERMISSION_DENIED: 'permission',
  NOT_FOUND: 'not_found',
  DEADLINE_EXCEEDED: 'timeout',
  UNAVAILABLE: 'overloaded',
  INTERNAL: 'server_error',
  ABORTED: 'server_error',
};

/** Reasons of google.rpc.ErrorInfo: a bad key comes as INVALID_ARGUMENT with status 400. */
const reasons: Readonly<Record<string, FailureKind>> = {
  API_KEY_INVALID: 'auth',
  API_KEY_EXPIRED: 'auth',
  ACCESS_TOKEN_EXPIRED: 'auth',
  API_KEY_SERVICE_BLOCKED: 'permission',
  SERVICE_DISABLED: 'permission',
  BILLING_DISABLED: 'billing',
  CONSUMER_SUSPENDED: 'billing',
};

/** The longest wait that a provider may ask for; more is read as this. */
const LONGEST_MS = 600_000;

/**
 * Reads `{error: {code, message, status, details}}` (google.rpc.Status), also as the only entry of an array, as a stream that
 * was asked for without `alt=sse` has it. `status` is absent inside a stream.
 */
export function decodeFailure(status: number | undefined, body: unknown): ProviderFailure {
  const outer = asObject(Array.isArray(body) ? body[0] : body);
  const error = asObject(outer?.error) ?? outer;
  const message = asString(error?.message) ?? '';
  const word = asString(error?.status);
  const details = asArray(error?.details).map(asObject);
  const reason = details.map((one) => asString(one?.reason)).find((one) => one !== undefined);
  const inner = status ?? asNumber(error?.code);
  const byReason = reason !== undefined && Object.hasOwn(reasons, reason) ? reasons[reason] : undefined;
  const byText = failureOfText(inner, message) ?? (isTooLong(message) ? 'context_length' : undefined);
  const byWord = word !== undefined && Object.hasOwn(words, word) ? words[word] : undefined;
  const retryAfterMs = details.map((one) => retryDelay(one?.retryDelay)).find((one) => one !== undefined);
  // The same words stand for a quota of a minute and for an empty account; only the former says when to come again.
  const byDelay = word === 'RESOURCE_EXHAUSTED' && retryAfterMs !== undefined ? 'rate_limited' : undefined;
  const kind = byReason ?? byDelay ?? byText ?? byWord ?? failureOfStatus(inner);
  return {
    kind,
    retryable: retryable(kind),
    message,
    ...(inner === undefined ? {} : { status: inner }),
    ...(word === undefined ? {} : { raw: word }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function isTooLong(message: string): boolean {
  const text = message.slice(0, 500).toLowerCase();
  return text.includes('input token count') && text.includes('exceeds');
}

/** A google.protobuf.Duration in JSON, such as `34.07s`, in ms. */
function retryDelay(value: unknown): number | undefined {
  const seconds = typeof value === 'string' ? /^(\d{1,9}(?:\.\d{1,9})?)s$/.exec(value)?.[1] : undefined;
  return seconds === undefined ? undefined : Math.min(LONGEST_MS, Math.ceil(Number(seconds) * 1000));
}
