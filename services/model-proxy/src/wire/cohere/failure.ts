import type { FailureKind, ProviderFailure } from '../../chat/failure.ts';
import { asObject, asString } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import { failureOfStatus, failureOfText, retryable } from '../failure-class.ts';

/** Reasons to finish that are failures. */
const failed: Readonly<Record<string, FailureKind>> = { ERROR: 'server_error', TIMEOUT: 'timeout' };

/** The API refused words that are on a list (docs.cohere.com/reference/errors). */
const DENIED_TOKEN = 498;
const CLIENT_GONE = 499;

/** True for an answer that ended by an error of the model. */
export function isFailure(body: JsonObject): boolean {
  return typeof body.finish_reason === 'string' && Object.hasOwn(failed, body.finish_reason);
}

/**
 * Reads `{message}`, or the end of an answer that failed: its reason to finish, and in a stream its `error`. `status` is
 * absent inside a stream and for an answer that came with status 200.
 */
export function decodeFailure(status: number | undefined, body: unknown): ProviderFailure {
  const outer = asObject(body);
  const end = asObject(outer?.delta) ?? outer;
  const raw = asString(end?.finish_reason);
  const told = asString(outer?.message) ?? asString(end?.error) ?? asString(asObject(outer?.error)?.message);
  const message = told ?? (raw === undefined ? '' : `The answer ended with ${raw}.`);
  const byReason = raw !== undefined && Object.hasOwn(failed, raw) ? failed[raw] : undefined;
  const kind = byReason ?? byText(status, message) ?? byStatus(status);
  return {
    kind,
    retryable: retryable(kind),
    message,
    ...(status === undefined ? {} : { status }),
    ...(raw === undefined ? {} : { raw }),
  };
}

function byStatus(status: number | undefined): FailureKind {
  if (status === DENIED_TOKEN) return 'content_policy';
  return status === CLIENT_GONE ? 'timeout' : failureOfStatus(status);
}

// A limit of requests a minute passes, one of a month on a trial does not.
function byText(status: number | undefined, message: string): FailureKind | undefined {
  if (status !== 429) return failureOfText(status, message);
  const text = message.slice(0, 500).toLowerCase();
  return text.includes('trial key') && text.includes('month') ? 'billing' : undefined;
}
