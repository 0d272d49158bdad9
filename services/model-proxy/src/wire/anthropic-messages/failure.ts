import type { FailureKind, ProviderFailure } from '../../chat/failure.ts';
import { asObject, asString } from '../../chat/json.ts';
import { failureOfStatus, failureOfText, retryable } from '../failure-class.ts';

const types: Readonly<Record<string, FailureKind>> = {
  authentication_error: 'auth',
  billing_error: 'billing',
  permission_error: 'permission',
  not_found_error: 'not_found',
  request_too_large: 'too_large',
  rate_limit_error: 'rate_limited',
  timeout_error: 'timeout',
  api_error: 'server_error',
  overloaded_error: 'overloaded',
};

/** Reads `{type: "error", error: {type, message}}`; `status` is absent inside a stream. */
export function decodeFailure(status: number | undefined, body: unknown): ProviderFailure {
  const outer = asObject(body);
  const error = asObject(outer?.error);
  const type = asString(error?.type);
  const message = asString(error?.message) ?? asString(outer?.message) ?? '';
  // invalid_request_error covers too long prompts and empty accounts; only the text tells them apart.
  const byType = type !== undefined && Object.hasOwn(types, type) ? types[type] : undefined;
  const byText = failureOfText(status ?? (type === 'invalid_request_error' ? 400 : undefined), message);
  const kind = byType ?? byText ?? (type === 'invalid_request_error' ? 'invalid_request' : failureOfStatus(status));
  return {
    kind,
    retryable: retryable(kind),
    message,
    ...(status === undefined ? {} : { status }),
    ...(type === undefined ? {} : { raw: type }),
  };
}
