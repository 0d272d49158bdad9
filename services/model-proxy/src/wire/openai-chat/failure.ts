import type { FailureKind, ProviderFailure } from '../../chat/failure.ts';
import { asArray, asNumber, asObject, asString } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import { failureOfStatus, failureOfText, retryable } from '../failure-class.ts';

const codes: Readonly<Record<string, FailureKind>> = {
  rate_limit_exceeded: 'rate_limited',
  rate_limit_error: 'rate_limited',
  too_many_requests_error: 'rate_limited',
  tokens: 'rate_limited',
  requests: 'rate_limited',
  insufficient_quota: 'billing',
  billing_hard_limit_reached: 'billing',
  budget_exceeded: 'billing',
  context_length_exceeded: 'context_length',
  exceed_context_size_error: 'context_length',
  string_above_max_length: 'context_length',
  content_filter: 'content_policy',
  content_policy_violation: 'content_policy',
  moderation_blocked: 'content_policy',
  invalid_api_key: 'auth',
  authentication_error: 'auth',
  permission_error: 'permission',
  insufficient_permissions: 'permission',
  model_not_found: 'not_found',
  not_found_error: 'not_found',
  server_error: 'server_error',
  internal_server_error: 'server_error',
  engine_overloaded: 'overloaded',
  overloaded: 'overloaded',
  unavailable_error: 'overloaded',
  service_unavailable: 'overloaded',
  timeout: 'timeout',
};

/**
 * Reads an error body of this dialect, or of its many look-alikes: `{error: {message, type, code}}`, `{error: "text"}`,
 * `{message, code}`, `{detail}`, `{errors: [{message}]}`, `{error_code, message}`. The code decides, then the text, then the
 * status; `status` is absent inside a stream and in a body that came with 200. `own` are a provider's codes for itself.
 */
export function decodeFailure(
  status: number | undefined,
  body: unknown,
  own: Readonly<Record<string, FailureKind>> = {},
): ProviderFailure {
  const outer = asObject(body);
  const error = asObject(outer?.error) ?? asObject(asArray(outer?.errors)[0]) ?? asObject(outer?.base_resp) ?? outer;
  const message = messageOf(error) ?? asString(outer?.error) ?? '';
  const words = [error?.code, error?.error_code, error?.status_code, error?.reason, error?.type, error?.error_type].map(
    word,
  );
  // A number beside the status is a word of the provider's own; one that looks like a status is the status.
  const inner = status ?? statusOf(error?.code) ?? statusOf(error?.status);
  const known = words.map((one) => kindOf(one, own)).find(Boolean);
  const kind = known ?? failureOfText(inner, message) ?? failureOfStatus(inner);
  const raw = words.find((one) => one !== undefined);
  return {
    kind,
    retryable: retryable(kind),
    message,
    ...(inner === undefined ? {} : { status: inner }),
    ...(raw === undefined ? {} : { raw }),
  };
}

/** OpenRouter and MiniMax answer some failures with status 200 and a body without an answer. */
export function isFailure(body: JsonObject): boolean {
  if (asArray(body.choices).length > 0) return false;
  if (body.error !== undefined && body.error !== null) return true;
  return (asNumber(asObject(body.base_resp)?.status_code) ?? 0) !== 0;
}

function messageOf(error: JsonObject | undefined): string | undefined {
  if (!error) return undefined;
  const { message, detail } = error;
  const first = asObject(asArray(detail)[0]) ?? asObject(asArray(asObject(message)?.detail)[0]);
  return (
    asString(message) ?? asString(error.status_msg) ?? asString(detail) ?? asString(first?.msg) ?? asString(error.title)
  );
}

function word(value: unknown): string | undefined {
  return asString(value) ?? (Number.isSafeInteger(value) ? String(value) : undefined);
}

function statusOf(value: unknown): number | undefined {
  const status = asNumber(value);
  return status !== undefined && status >= 400 && status < 600 ? status : undefined;
}

function kindOf(said: string | undefined, own: Readonly<Record<string, FailureKind>>): FailureKind | undefined {
  if (said === undefined) return undefined;
  if (Object.hasOwn(own, said)) return own[said];
  return Object.hasOwn(codes, said) ? codes[said] : undefined;
}
