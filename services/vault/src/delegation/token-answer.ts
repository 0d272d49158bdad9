import { away, objectOf } from '../oauth/answers.ts';
import { type AnswerCase, type AnswerWanted, answerGuards } from './answer-guards.ts';
import { challengeOf } from './claims-challenge.ts';
import { type Guard, pass } from './guard.ts';
import { refusedBy } from './refusals.ts';

/** A token that was had in a person's name. */
export interface GivenToken {
  readonly value: string;
  /** Epoch ms. */
  readonly expiresAtMs: number;
  /** Undefined: those that were asked for (RFC 6749 §5.1). */
  readonly scopes: readonly string[] | undefined;
}

const MAX_SECONDS = 24 * 3600;

/**
 * Reads what a token endpoint answered. Throws `upstream_credentials` where it refuses (`refusedBy`), `upstream_invalid` for
 * an answer that is none, `unavailable` where it fails.
 */
export async function readAnswer(
  response: Response,
  wanted: AnswerWanted,
  guards: readonly Guard<AnswerCase>[] = answerGuards,
): Promise<GivenToken> {
  const { status } = response;
  if (status >= 500 || status === 429) throw away();
  // Of a text that is no object the guards say what is missing.
  const body = objectOf(await response.text()) ?? {};
  const challenge = status >= 400 ? challengeOf(body.claims) : undefined;
  if (challenge !== undefined) wanted.challenged?.(challenge);
  if (status >= 400) throw refusedBy(body);
  pass(guards, { status, contentType: response.headers.get('content-type') ?? '', body, wanted }, 'The answer');
  const { access_token: value, expires_in: seconds, scope } = body;
  return {
    value: String(value),
    expiresAtMs: Date.now() + Math.min(Number(seconds), MAX_SECONDS) * 1000,
    scopes: typeof scope === 'string' ? scope.split(' ').filter((one) => one !== '') : undefined,
  };
}
