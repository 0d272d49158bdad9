import type { FailureKind, ProviderFailure } from '../../chat/failure.ts';
import { asNumber, asObject, asString } from '../../chat/json.ts';
import { EXCEPTION } from '../event-stream.ts';
import { failureOfStatus, failureOfText, retryable } from '../failure-class.ts';

/** Exceptions of the runtime by their names without the ending, in lower case, as streams and bodies write them. */
const exceptions: Readonly<Record<string, FailureKind>> = {
  throttling: 'rate_limited',
  modelnotready: 'overloaded',
  serviceunavailable: 'overloaded',
  servicequotaexceeded: 'rate_limited',
  modeltimeout: 'timeout',
  modelerror: 'server_error',
  modelstreamerror: 'server_error',
  internalserver: 'server_error',
  internalfailure: 'server_error',
  resourcenotfound: 'not_found',
  accessdenied: 'permission',
  unrecognizedclient: 'auth',
  invalidsignature: 'auth',
  expiredtoken: 'auth',
  incompletesignature: 'auth',
  missingauthenticationtoken: 'auth',
};

/** What a refusal with status 403 says of the keys themselves. */
const badKeys = ['security token', 'signature', 'authentication token', 'api key'];

/**
 * Reads `{message}`, with the name of the exception where a header, the body or the stream says it (docs.aws.amazon.com/bedrock/latest/
 * APIReference/API_runtime_Converse.html, Errors). `status` is absent inside a stream.
 */
export function decodeFailure(status: number | undefined, body: unknown): ProviderFailure {
  const outer = asObject(body);
  const payload = asObject(outer?.payload) ?? outer;
  const raw = asString(outer?.[EXCEPTION]) ?? asString(outer?.__type)?.split('#').at(-1)?.split(':')[0];
  const message = asString(payload?.message) ?? asString(payload?.Message) ?? '';
  const original = asNumber(payload?.originalStatusCode);
  // A refusal of the request says in words alone what was wrong with it.
  const unsaid = raw !== undefined && /^validation/i.test(raw) ? 'invalid_request' : undefined;
  const byStatus = failureOfStatus(status === 424 ? original : status);
  const kind = byName(raw) ?? byText(status, message) ?? unsaid ?? byStatus;
  return {
    kind,
    retryable: retryable(kind),
    message,
    ...(status === undefined ? {} : { status }),
    ...(raw === undefined ? {} : { raw }),
  };
}

function byName(raw: string | undefined): FailureKind | undefined {
  const name = raw?.toLowerCase().replace(/(exception|failure)$/, '') ?? '';
  return Object.hasOwn(exceptions, name) ? exceptions[name] : undefined;
}

// A limit of tokens a minute is told in the words that others have for a long prompt.
function byText(status: number | undefined, message: string): FailureKind | undefined {
  if (status === 429 || status === 503) return undefined;
  const text = message.slice(0, 500).toLowerCase();
  if (status === 403) return badKeys.some((words) => text.includes(words)) ? 'auth' : undefined;
  return text.includes('input is too long') ? 'context_length' : failureOfText(status ?? 400, message);
}
