import type { FailureKind, ProviderFailure } from '../../chat/failure.ts';
import { asNumber, asObject, asString } from '../../chat/json.ts';
import { failureOfStatus, failureOfText, retryable } from '../failure-class.ts';

const codes: Readonly<Record<string, FailureKind>> = {
  rate_limit_exceeded: 'rate_limited',
  tokens: 'rate_limited',
  requests: 'rate_limited',
  insufficient_quota: 'billing',
  billing_hard_limit_reached: 'billing',
  context_length_exceeded: 'context_length',
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
  service_unavailable: 'overloaded',
  timeout: 'timeout',
};

/**
 * Reads an error body of this dialect, or of its many look-alikes: `{error: {message, type, code}}`, `{error: "text"}`,
 * `{message, code}`, `{detail}`. The code decides, then the text, then the status; `status` is absent inside a stream.
 */
export function decodeFailure(status: number | undefined, body: unknown): ProviderFailure {
  const outer = asObject(body);
  const error = asObject(outer?.error) ?? outer;
  const message = asString(error?.message) ?? asString(outer?.error) ?? asString(outer?.detail) ?? '';
  const type = asString(error?.type);
  const code = asString(error?.code);
  const inner = status ?? asNumber(error?.code) ?? asNumber(error?.status);
  const kind = kindOf(code) ?? kindOf(type) ?? failureOfText(inner, message) ?? failureOfStatus(inner);
  const raw = code ?? type;
  return {
    kind,
    retryable: retryable(kind),
    message,
    ...(inner === undefined ? {} : { status: inner }),
    ...(raw === undefined ? {} : { raw }),
  };
}

function kindOf(word: string | undefined): FailureKind | undefined {
  return word !== undefined && Object.hasOwn(codes, word) ? codes[word] : undefined;
}
