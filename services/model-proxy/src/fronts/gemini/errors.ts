import type { ErrorCode, GatewayError } from '@sallyport/chassis/errors';
import type { JsonObject } from '../../chat/message.ts';

/** Words of google.rpc.Code by code. */
const statuses: Readonly<Record<ErrorCode, string>> = {
  invalid_request: 'INVALID_ARGUMENT',
  duplicate_key: 'INVALID_ARGUMENT',
  body_too_large: 'INVALID_ARGUMENT',
  body_too_deep: 'INVALID_ARGUMENT',
  unauthenticated: 'UNAUTHENTICATED',
  permission_denied: 'PERMISSION_DENIED',
  not_found: 'NOT_FOUND',
  conflict: 'ABORTED',
  unsupported: 'INVALID_ARGUMENT',
  rate_limited: 'RESOURCE_EXHAUSTED',
  budget_exceeded: 'RESOURCE_EXHAUSTED',
  step_limit: 'RESOURCE_EXHAUSTED',
  upstream_error: 'INTERNAL',
  upstream_timeout: 'DEADLINE_EXCEEDED',
  upstream_invalid: 'INTERNAL',
  upstream_credentials: 'INTERNAL',
  upstream_credentials_exhausted: 'INTERNAL',
  policy_denied: 'PERMISSION_DENIED',
  unavailable: 'UNAVAILABLE',
  deadline_exceeded: 'DEADLINE_EXCEEDED',
  cancelled: 'CANCELLED',
  audit_unavailable: 'UNAVAILABLE',
  internal: 'INTERNAL',
};

/** `{error: {code, message, status, details}}` (google.rpc.Status) with the gateway's stable code as `reason`. */
export function errorBody(error: GatewayError, trajectory?: string): JsonObject {
  const param = error.details?.param;
  const metadata = {
    ...(typeof param === 'string' ? { param } : {}),
    ...(trajectory === undefined ? {} : { trajectory }),
  };
  return {
    error: {
      code: error.status,
      message: error.message,
      status: statuses[error.code],
      details: [
        {
          '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
          reason: error.code,
          domain: 'sallyport.dev',
          metadata,
        },
        ...(error.retryAfterMs === undefined
          ? []
          : [
              {
                '@type': 'type.googleapis.com/google.rpc.RetryInfo',
                retryDelay: `${Math.max(1, Math.ceil(error.retryAfterMs / 1000))}s`,
              },
            ]),
      ],
    },
  };
}

/** The error as the last event of a stream. */
export function errorFrame(error: GatewayError, trajectory?: string): string {
  return `data: ${JSON.stringify(errorBody(error, trajectory))}\n\n`;
}
