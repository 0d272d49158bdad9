import type { Guard } from './guard.ts';

/** What an answer must be. */
export interface AnswerWanted {
  /** `issued_token_type` that it must name (RFC 8693 §2.2.1); undefined: the grant knows none. */
  readonly issuedTokenType?: string;
  /** In lower case: `bearer`, or `n_a` for what is no access token. */
  readonly tokenType: 'bearer' | 'n_a';
  /** What the request carried: an issuer that hands one of these back would have it sent on to the tool server. */
  readonly presented: readonly string[];
  /** Told what the person is to be asked for beside, where the server refuses for the lack of it (`challengeOf`). */
  readonly challenged?: (claims: string) => void;
}

/** An answer with what is wanted of it. */
export interface AnswerCase {
  readonly status: number;
  readonly contentType: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly wanted: AnswerWanted;
}

const MAX_TOKEN = 16 * 1024;

/** What every answer of a token endpoint must be (RFC 6749 §5.1, RFC 8693 §2.2.1), one by one. */
export const answerGuards: readonly Guard<AnswerCase>[] = [
  { reason: 'status', refuses: ({ status }) => status !== 200 },
  { reason: 'content type', refuses: ({ contentType }) => !/^application\/json\s*(;|$)/i.test(contentType) },
  // RFC 6750 §2.1: what is no such text would break out of the header that it is sent in.
  {
    reason: 'token form',
    refuses: ({ body: { access_token: token } }) => typeof token !== 'string' || !/^[\w.~+/-]+=*$/.test(token),
  },
  { reason: 'token length', refuses: ({ body }) => String(body.access_token).length > MAX_TOKEN },
  {
    reason: 'token type',
    refuses: ({ body: { token_type: type }, wanted }) =>
      typeof type !== 'string' || type.toLowerCase() !== wanted.tokenType,
  },
  {
    reason: 'issued token type',
    refuses: ({ body, wanted }) =>
      wanted.issuedTokenType !== undefined && body.issued_token_type !== wanted.issuedTokenType,
  },
  // A token without an end could not be forgotten in time.
  {
    reason: 'expires_in',
    refuses: ({ body: { expires_in: seconds } }) => typeof seconds !== 'number' || !(seconds > 0 && seconds < 1e9),
  },
  { reason: 'scope', refuses: ({ body: { scope } }) => scope !== undefined && typeof scope !== 'string' },
  { reason: 'echo', refuses: ({ body, wanted }) => wanted.presented.includes(String(body.access_token)) },
];
