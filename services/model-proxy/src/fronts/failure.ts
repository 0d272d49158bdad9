import { type ErrorCode, GatewayError } from '@sallyport/chassis/errors';
import type { FailureKind, ProviderFailure } from '../chat/failure.ts';
import type { Unsupported } from '../chat/request.ts';

interface Shown {
  code: ErrorCode;
  status?: number;
  message: string;
  /** The provider's words help the caller and say nothing of the gateway's own accounts. */
  tell: boolean;
}

const shown: Readonly<Record<FailureKind, Shown>> = {
  rate_limited: { code: 'rate_limited', message: 'The model provider is limiting the rate of requests.', tell: false },
  overloaded: { code: 'unavailable', message: 'The model provider is overloaded.', tell: false },
  // No dialect but OpenAI's has a code for it: SDKs and frameworks know it by these very words of Anthropic and of Google.
  context_length: {
    code: 'invalid_request',
    message: 'The prompt is too long: it exceeds the maximum number of tokens allowed by the model.',
    tell: true,
  },
  content_policy: {
    code: 'invalid_request',
    message: "The model provider's content policy refused the request.",
    tell: true,
  },
  auth: {
    code: 'upstream_credentials',
    message: 'The model provider refused the credentials of the gateway.',
    tell: false,
  },
  permission: {
    code: 'upstream_credentials',
    message: 'The model provider refused the account of the gateway.',
    tell: false,
  },
  billing: {
    code: 'upstream_credentials',
    message: "The gateway's account at the model provider cannot pay.",
    tell: false,
  },
  not_found: { code: 'upstream_error', message: 'The model provider does not know the model.', tell: false },
  invalid_request: { code: 'invalid_request', message: 'The model provider refused the request.', tell: true },
  too_large: { code: 'body_too_large', message: 'The request is larger than the model provider takes.', tell: false },
  timeout: { code: 'upstream_timeout', message: 'The model provider did not answer in time.', tell: false },
  server_error: { code: 'upstream_error', message: 'The model provider failed.', tell: false },
  malformed: {
    code: 'upstream_invalid',
    message: 'The model provider sent an answer that cannot be read.',
    tell: false,
  },
};

/** Longest piece of a provider's message that a caller is shown. */
const longestMessage = 500;

/** Says a provider's failure to the caller: stable code, no accounts, keys or internals of the gateway. */
export function asGatewayFailure(failure: ProviderFailure): GatewayError {
  const { code, message, tell } = shown[failure.kind];
  const words = tell && failure.message !== '' ? ` ${failure.message.slice(0, longestMessage)}` : '';
  return new GatewayError(code, `${message}${words}`, {
    details: { upstream: failure.kind },
    ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
  });
}

/** Refuses a request that the target's dialect cannot say; `param` names the first field, the message all of them. */
export function asUnsupported(unsupported: readonly Unsupported[]): GatewayError {
  const list = unsupported.map(({ field, reason }) => `${field} (${reason})`).join('; ');
  return new GatewayError('unsupported', `The model that serves this request cannot take: ${list}.`, {
    status: 400,
    details: { param: unsupported[0]?.field },
  });
}
