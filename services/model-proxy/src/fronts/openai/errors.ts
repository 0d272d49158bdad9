import type { ErrorCode, GatewayError } from '@sallyport/chassis/errors';
import type { JsonObject } from '../../chat/message.ts';

/** OpenAI's `type` by code; official clients choose their exception by the status and show the type. */
const types: Readonly<Record<ErrorCode, string>> = {
  invalid_request: 'invalid_request_error',
  duplicate_key: 'invalid_request_error',
  body_too_large: 'invalid_request_error',
  body_too_deep: 'invalid_request_error',
  unauthenticated: 'authentication_error',
  permission_denied: 'permission_error',
  not_found: 'invalid_request_error',
  conflict: 'invalid_request_error',
  unsupported: 'invalid_request_error',
  rate_limited: 'rate_limit_error',
  budget_exceeded: 'insufficient_quota',
  step_limit: 'rate_limit_error',
  upstream_error: 'server_error',
  upstream_timeout: 'server_error',
  upstream_invalid: 'server_error',
  upstream_credentials: 'server_error',
  upstream_credentials_exhausted: 'server_error',
  policy_denied: 'permission_error',
  unavailable: 'server_error',
  deadline_exceeded: 'server_error',
  cancelled: 'server_error',
  audit_unavailable: 'server_error',
  internal: 'server_error',
};

/** Codes of OpenAI's own that clients test for, by what the provider refused. */
const upstreamCodes: Readonly<Record<string, string>> = {
  context_length: 'context_length_exceeded',
  content_policy: 'content_policy_violation',
};

/** `{error: {message, type, param, code}}` with the gateway's stable code and the trajectory's id. */
export function errorBody(error: GatewayError, trajectory?: string): JsonObject {
  const param = error.details?.param;
  const upstream = error.details?.upstream;
  let own =
    typeof upstream === 'string' && Object.hasOwn(upstreamCodes, upstream) ? upstreamCodes[upstream] : undefined;
  // LiteLLM's clients tell by it that a model is not there from a bad request.
  if (error.code === 'not_found' && param === 'model') own = 'model_not_found';
  return {
    error: {
      message: error.message,
      type: types[error.code],
      param: typeof param === 'string' ? param : null,
      code: own ?? error.code,
      ...(trajectory === undefined ? {} : { trajectory }),
    },
  };
}

/** The error as the last frame of a stream; clients raise it and expect no `[DONE]`. */
export function errorFrame(error: GatewayError, trajectory?: string): string {
  return `data: ${JSON.stringify(errorBody(error, trajectory))}\n\n`;
}
