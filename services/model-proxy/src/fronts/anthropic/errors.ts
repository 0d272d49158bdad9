import type { ErrorCode, GatewayError } from '@sallyport/chassis/errors';
import type { JsonObject } from '../../chat/message.ts';

/** Anthropic's closed set of error types by code. */
const types: Readonly<Record<ErrorCode, string>> = {
  invalid_request: 'invalid_request_error',
  duplicate_key: 'invalid_request_error',
  body_too_large: 'request_too_large',
  body_too_deep: 'invalid_request_error',
  unauthenticated: 'authentication_error',
  permission_denied: 'permission_error',
  not_found: 'not_found_error',
  conflict: 'conflict_error',
  unsupported: 'invalid_request_error',
  rate_limited: 'rate_limit_error',
  budget_exceeded: 'billing_error',
  step_limit: 'rate_limit_error',
  upstream_error: 'api_error',
  upstream_timeout: 'timeout_error',
  upstream_invalid: 'api_error',
  upstream_credentials: 'api_error',
  upstream_credentials_exhausted: 'api_error',
  policy_denied: 'permission_error',
  unavailable: 'overloaded_error',
  deadline_exceeded: 'timeout_error',
  cancelled: 'api_error',
  audit_unavailable: 'overloaded_error',
  internal: 'api_error',
};

/** `{type: "error", error: {type, message}, request_id}` with the gateway's stable code and the trajectory's id. */
export function errorBody(error: GatewayError, trajectory?: string): JsonObject {
  const { param, errorCode } = error.details ?? {};
  return {
    type: 'error',
    error: {
      type: types[error.code],
      message: error.message,
      code: error.code,
      ...(typeof param === 'string' ? { param } : {}),
      ...(typeof errorCode === 'string' ? { details: { error_code: errorCode } } : {}),
    },
    request_id: trajectory ?? null,
  };
}

/** The error as the last event of a stream. */
export function errorFrame(error: GatewayError, trajectory?: string): string {
  return `event: error\ndata: ${JSON.stringify(errorBody(error, trajectory))}\n\n`;
}
