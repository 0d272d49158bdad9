import type { FailureKind, ProviderFailure } from '../../chat/failure.ts';
import { asNumber, asObject, asString, parseObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import { failureOfStatus, failureOfText, retryable } from '../failure-class.ts';

/** What the server says where it has no code, in its own words. */
const phrases: readonly (readonly [string, FailureKind])[] = [
  ['context size', 'context_length'],
  ['context length', 'context_length'],
  ['server busy', 'overloaded'],
  ['does not support', 'invalid_request'],
  ['unauthorized', 'auth'],
];

/** True for an answer with status 200 that is a failure. */
export function isFailure({ error, message }: JsonObject): boolean {
  return error !== undefined && error !== null && message === undefined;
}

/** Reads `{error}`, a status of its own beside it where a remote model failed. `status` is absent inside a stream. */
export function decodeFailure(status: number | undefined, body: unknown): ProviderFailure {
  const outer = asObject(body);
  const told = asString(outer?.error) ?? asString(asObject(outer?.error)?.message) ?? '';
  // What a runner answered stands there as it was, JSON within a string.
  const inner = told.startsWith('{') ? asObject(parseObject(told)?.error) : undefined;
  const message = asString(inner?.message) ?? told;
  const own = status ?? asNumber(outer?.StatusCode) ?? asNumber(outer?.status_code) ?? asNumber(inner?.code);
  const kind = byText(own, message) ?? failureOfText(own ?? 400, message) ?? failureOfStatus(own);
  return { kind, retryable: retryable(kind), message, ...(status === undefined ? {} : { status }) };
}

function byText(status: number | undefined, message: string): FailureKind | undefined {
  if (status !== undefined && status !== 400 && status < 500) return undefined;
  const text = message.slice(0, 2000).toLowerCase();
  if (status === undefined && text.startsWith('model') && text.includes('not found')) return 'not_found';
  return phrases.find(([phrase]) => text.includes(phrase))?.[1];
}
