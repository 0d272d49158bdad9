/** What the tokens of an issuer must be to be accepted. */
export interface TokenRules {
  /** Compared exactly with `iss`. */
  readonly issuer: string;
  /** One of them must be in `aud`, exactly. */
  readonly audiences: readonly string[];
  /** Accepted signature algorithms; asymmetric ones only. */
  readonly algorithms: readonly string[];
  /** Accepted `typ` headers in lower case without `application/`; `absent` for none. */
  readonly tokenTypes: readonly string[];
  readonly clockSkewSeconds: number;
  readonly maxTokenAgeSeconds: number;
  /** Claims that must be there with exactly this value, or in a list. */
  readonly requiredClaims: Readonly<Record<string, string>>;
  /** Clients whose tokens are accepted; empty: any. */
  readonly authorizedParties: readonly string[];
  /** Tokens may name actors (`act`, RFC 8693 §4.1): only our own server's, whose chain we made ourselves. */
  readonly delegated: boolean;
}

/** `typ` as RFC 7515 §4.1.9 has it compared: without regard to case, `application/` may be left out. */
export function tokenTypeOf(typ: unknown): string | undefined {
  if (typ === undefined) return 'absent';
  return typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : undefined;
}

/** The client that a token was issued to: `azp`, or what Entra ID v1 (`appid`), Okta (`cid`) and RFC 9068 (`client_id`) call it. */
export function authorizedPartyOf(claims: Readonly<Record<string, unknown>>): string | undefined {
  for (const name of ['azp', 'appid', 'cid', 'client_id']) {
    const value = claims[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  return undefined;
}
