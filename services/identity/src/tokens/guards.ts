import { GatewayError } from '@sallyport/chassis/errors';
import { parseJson } from '@sallyport/chassis/http/json';
import { claimGuards } from './claim-guards.ts';
import { type KeyGuard, keyGuards } from './key-guards.ts';
import { bytesOf, type Token } from './token.ts';
import { TokenFault, type TokenFaultReason } from './token-fault.ts';
import type { TokenRules } from './token-rules.ts';

/** One thing that a token is refused for. Each stands for itself, so that tests can show what it alone holds off. */
export interface Guard<Subject> {
  readonly reason: TokenFaultReason;
  readonly refuses: (subject: Subject) => boolean;
}

/** What a guard of claims looks at: the token, what its issuer's tokens must be, and the time in seconds since 1970. */
export interface ClaimsCase {
  readonly token: Token;
  readonly rules: TokenRules;
  readonly nowSeconds: number;
}

/** All guards in the order in which they are asked, the cheapest first. */
export interface Guards {
  readonly text: readonly Guard<string>[];
  readonly header: readonly Guard<Token>[];
  readonly claims: readonly Guard<ClaimsCase>[];
  readonly key: readonly KeyGuard[];
}

/** Longest token in characters. Node's own bound on all headers together is 16 KiB. */
export const MAX_TOKEN_LENGTH = 12_288;
const MAX_DEPTH = 8;
const MAX_KEY_ID = 256;

const text: readonly Guard<string>[] = [
  { reason: 'size', refuses: (token) => token.length > MAX_TOKEN_LENGTH },
  // Five parts are a JWE: we hold no key to open one with, and its `zip` would let a few bytes become many.
  { reason: 'parts', refuses: (token) => token.split('.').length !== 3 },
  // One text for one token: other spellings of the same bytes would pass by caches and lists of ended tokens.
  { reason: 'encoding', refuses: (token) => token.split('.').some((part) => !isCanonical(part)) },
  { reason: 'members', refuses: (token) => faultOfJson(token) === 'duplicate_key' },
  { reason: 'nesting', refuses: (token) => faultOfJson(token) === 'body_too_deep' },
];

const header: readonly Guard<Token>[] = [
  {
    reason: 'algorithm-name',
    refuses: ({ header: { alg } }) => typeof alg !== 'string' || !/^(RS|PS|ES)\d{3}$|^EdDSA$/.test(alg),
  },
  // RFC 7515 §4.1.11: what must be understood and is not makes the whole token invalid; we understand no extension.
  { reason: 'critical', refuses: (token) => 'crit' in token.header },
  { reason: 'unencoded-payload', refuses: (token) => 'b64' in token.header },
  // A key that comes with the token proves nothing, and a URL of one would be ours to fetch.
  { reason: 'embedded-key', refuses: (token) => ['jwk', 'jku', 'x5u', 'x5c'].some((name) => name in token.header) },
  { reason: 'encrypted', refuses: (token) => 'enc' in token.header || 'zip' in token.header },
  { reason: 'nested', refuses: ({ header: { cty } }) => cty !== undefined },
  {
    reason: 'key-id',
    refuses: ({ header: { kid } }) =>
      kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > MAX_KEY_ID),
  },
];

/** The guards in force. */
export const GUARDS: Guards = { text, header, claims: claimGuards, key: keyGuards };

/** Throws TokenFault for the first guard that refuses. */
export function pass<Subject>(guards: readonly Guard<Subject>[], subject: Subject): void {
  for (const { reason, refuses } of guards) if (refuses(subject)) throw new TokenFault(reason);
}

function isCanonical(part: string): boolean {
  // What is written anew holds base64url's characters alone. No pattern is asked: on many megabytes V8 may run out of its stack.
  return part !== '' && bytesOf(part).toString('base64url') === part;
}

function faultOfJson(token: string): string | undefined {
  for (const part of token.split('.', 2)) {
    try {
      parseJson(bytesOf(part), { maxDepth: MAX_DEPTH });
    } catch (error) {
      if (error instanceof GatewayError) return error.code;
      throw error;
    }
  }
  return undefined;
}
