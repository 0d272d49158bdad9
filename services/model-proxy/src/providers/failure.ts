import { DecodeError, type FailureKind, malformed, type ProviderFailure } from '../chat/failure.ts';
import { parseBody } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { codecs } from '../wire/codec.ts';
import { failureOfStatus, retryable } from '../wire/failure-class.ts';
import type { ProviderDeclaration } from './define-provider.ts';

/** The longest wait that a provider may ask for; more is read as this. */
const longestRetryMs = 600_000;

/** A header by its lower-case name. */
export type HeaderReader = (name: string) => string | undefined;

/**
 * Classes an answer with a status of 400 and above. A body that is not JSON (a proxy's page) leaves the status to decide;
 * never throws. `nowMs` resolves a Retry-After date.
 */
export function readFailure(
  provider: ProviderDeclaration,
  status: number,
  text: string,
  header: HeaderReader,
  nowMs: number,
): ProviderFailure {
  const retryAfterMs = parseRetryAfter(header, nowMs);
  return { ...readBody(provider, status, text, header), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function readBody(provider: ProviderDeclaration, status: number, text: string, header: HeaderReader): ProviderFailure {
  let body: JsonObject;
  try {
    body = parseBody(text);
  } catch {
    const kind: FailureKind = failureOfStatus(status);
    return { kind, retryable: retryable(kind), message: '', status };
  }
  // Amazon names the exception beside the body.
  const named = header('x-amzn-errortype');
  if (named !== undefined) body = { __type: named, ...body };
  return provider.error?.(status, body) ?? codecs[provider.wire].decodeFailure(status, body, provider.failureCodes);
}

/** Reads a body that came with status 200 and says that the call failed; undefined where it is an answer. */
export function failureInAnswer(provider: ProviderDeclaration, body: JsonObject): ProviderFailure | undefined {
  const codec = codecs[provider.wire];
  return codec.isFailure?.(body) ? codec.decodeFailure(undefined, body, provider.failureCodes) : undefined;
}

/** Reads an answer that could not be decoded as a failure; anything but a DecodeError is thrown on. */
export function failureOfDecode(error: unknown): ProviderFailure {
  if (error instanceof DecodeError) return malformed(error);
  throw error;
}

/**
 * Reads `retry-after-ms` (OpenAI), then `retry-after` as seconds or as an HTTP date (RFC 9110 §10.2.3). Undefined where
 * absent or unreadable; a past date is 0.
 */
export function parseRetryAfter(header: HeaderReader, nowMs: number): number | undefined {
  const exact = header('retry-after-ms');
  if (exact !== undefined && /^\d{1,9}(\.\d+)?$/.test(exact)) return clamp(Number(exact));
  const value = header('retry-after')?.trim();
  if (value === undefined || value === '') return undefined;
  if (/^\d{1,9}(\.\d+)?$/.test(value)) return clamp(Number(value) * 1000);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : clamp(date - nowMs);
}

function clamp(ms: number): number {
  return Math.min(longestRetryMs, Math.max(0, Math.ceil(ms)));
}
