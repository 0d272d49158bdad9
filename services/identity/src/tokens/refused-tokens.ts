import {
  AUDIENCE,
  base64url,
  CLAIMS,
  ISSUER,
  NOW,
  signed,
  type TestKey,
  type TokenChange,
  type testKeys,
} from './testing.ts';
import type { TokenFaultReason } from './token-fault.ts';
import type { TokenRules } from './token-rules.ts';

/** A token that must be refused, and by which guard. */
export interface RefusedToken {
  readonly name: string;
  /** The guard that holds it off. */
  readonly by: TokenFaultReason;
  readonly token: string;
  /** What happens without that guard: it is accepted, or another one is left. */
  readonly without: 'accepted' | TokenFaultReason;
  readonly rules?: Partial<TokenRules>;
  /** Keys of the issuer in place of the usual ones. */
  readonly keys?: readonly TestKey['jwk'][];
}

/** The table of reference security §3.5, as far as it is about tokens, with keys of its own. */
export function refusedTokens(keys: ReturnType<typeof testKeys>): RefusedToken[] {
  const { rsa, ec, ed, weak, stranger } = keys;
  const good = signed(rsa);
  const [goodHeader = '', goodClaims = '', goodSignature = ''] = good.split('.');
  const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const der = rsa.publicKey.export({ type: 'spki', format: 'der' });
  const row = (
    name: string,
    by: TokenFaultReason,
    change: TokenChange | string,
    more: Partial<Omit<RefusedToken, 'name' | 'by' | 'token'>> = {},
  ): RefusedToken => ({
    name,
    by,
    token: typeof change === 'string' ? change : signed(rsa, change),
    without: 'accepted',
    ...more,
  });
  const claim = (name: string, value: unknown) =>
    JSON.stringify({ ...CLAIMS, [name]: '@' }).replace('"@"', String(value));
  const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)]);
  const confused = (secret: string | Buffer) => ({ header: { alg: 'HS256' }, signAs: 'HS256', secret });

  return [
    // Text.
    row('a token of 100 KB', 'size', { claims: { padding: 'x'.repeat(100_000) } }),
    row('a key id of 10 MB', 'size', { header: { kid: 'x'.repeat(10_000_000) } }, { without: 'key-id' }),
    row('a JWE', 'parts', `${base64url('{"alg":"RSA-OAEP","enc":"A256GCM"}')}.a.b.c.d`, { without: 'encoding' }),
    row(
      'a JWE that would unpack to more',
      'parts',
      `${base64url('{"alg":"dir","enc":"A256GCM","zip":"DEF"}')}..aa.bb.cc`,
      { without: 'encoding' },
    ),
    row('a token without a signature part', 'parts', `${goodHeader}.${goodClaims}`, { without: 'signature' }),
    row('a signature with padding', 'encoding', `${good}==`),
    row('another spelling of the same signature', 'encoding', `${good.slice(0, -1)}${otherSpelling(good.slice(-1))}`),
    row('blanks within', 'encoding', `${goodHeader}. ${goodClaims}.${goodSignature}`, { without: 'signature' }),
    row('an empty signature', 'encoding', `${goodHeader}.${goodClaims}.`, { without: 'signature' }),
    row('a claim twice', 'members', { rawClaims: JSON.stringify(CLAIMS).replace('{', '{"sub":"u-2",') }),
    row('a claim twice, the second escaped', 'members', {
      rawClaims: JSON.stringify(CLAIMS).replace('}', ',"\\u0073ub":"u-1"}'),
    }),
    row('a header member twice', 'members', {
      rawHeader: '{"alg":"none","alg":"RS256","typ":"at+jwt","kid":"rsa-1"}',
      signAs: 'RS256',
    }),
    row('claims that nest deep', 'nesting', { claims: { deep: deep(30) } }),
    row('claims that are no JSON', 'json', `${goodHeader}.${base64url('sub')}.${goodSignature}`, { without: 'json' }),
    row('claims that are a list', 'json', { rawClaims: '[]' }, { without: 'json' }),

    // Header.
    ...['none', 'None', 'NONE', 'nOnE'].map((alg) =>
      row(`algorithm ${alg}`, 'algorithm-name', { header: { alg }, signAs: 'none' }, { without: 'algorithm' }),
    ),
    row('no algorithm', 'algorithm-name', { header: { alg: undefined }, signAs: 'RS256' }, { without: 'algorithm' }),
    row(
      'an algorithm in lower case',
      'algorithm-name',
      { header: { alg: 'rs256' }, signAs: 'RS256' },
      { without: 'algorithm' },
    ),
    row('HS256 with the public key as PEM', 'algorithm-name', confused(pem), { without: 'algorithm' }),
    row('HS256 with the public key as PEM without its last line end', 'algorithm-name', confused(pem.trimEnd()), {
      without: 'algorithm',
    }),
    row('HS256 with the public key as DER', 'algorithm-name', confused(der), { without: 'algorithm' }),
    row('HS256 with the JWK itself', 'algorithm-name', confused(JSON.stringify(rsa.jwk)), { without: 'algorithm' }),
    row(
      'a critical extension that nobody knows',
      'critical',
      { header: { crit: ['exp2'], exp2: 1 } },
      { without: 'signature' },
    ),
    row('an empty list of critical extensions', 'critical', { header: { crit: [] } }, { without: 'signature' }),
    row('a payload that is not encoded', 'unencoded-payload', { header: { b64: false } }),
    row('a key of its own', 'embedded-key', { header: { jwk: stranger.jwk }, key: stranger }, { without: 'signature' }),
    row('a URL of keys', 'embedded-key', { header: { jku: 'http://127.0.0.1:9/keys' } }),
    row('a URL of a certificate', 'embedded-key', { header: { x5u: 'http://127.0.0.1:9/certificate' } }),
    row('a certificate', 'embedded-key', { header: { x5c: ['MIIB'] } }),
    row('a compressed payload', 'encrypted', { header: { zip: 'DEF' } }),
    row('a token within the token', 'nested', { header: { cty: 'JWT' } }),
    row('a key id that is a number', 'key-id', { header: { kid: 1 } }, { without: 'unknown-key' }),
    row('an empty key id', 'key-id', { header: { kid: '' } }, { without: 'unknown-key' }),
    row('a key id of 300 characters', 'key-id', { header: { kid: 'k'.repeat(300) } }, { without: 'unknown-key' }),

    // Claims.
    ...['/', '#', '.evil.example', ' '].map((end) =>
      row(`an issuer with "${end}" behind it`, 'issuer', { claims: { iss: ISSUER + end } }),
    ),
    row('an issuer in upper case', 'issuer', { claims: { iss: ISSUER.toUpperCase() } }),
    row('no issuer', 'issuer', { claims: { iss: undefined } }, { without: 'issuer' }),
    row('a list of issuers', 'issuer', { claims: { iss: [ISSUER] } }, { without: 'issuer' }),
    row(
      'an algorithm that this issuer does not use',
      'algorithm',
      { header: { alg: 'PS256' } },
      { rules: { algorithms: ['RS256'] } },
    ),
    ...['logout+jwt', 'dpop+jwt', 'secevent+jwt', 'oauth-id-jag+jwt', 'JWS'].map((typ) =>
      row(`type ${typ}`, 'type', { header: { typ } }),
    ),
    row('no type', 'type', { header: { typ: undefined } }),
    row('a type that is a list', 'type', { header: { typ: ['at+jwt'] } }),
    row('an ID token with the hash of an access token', 'id-token', {
      header: { typ: 'JWT' },
      claims: { at_hash: 'x' },
    }),
    row('an ID token with a nonce', 'id-token', { header: { typ: 'JWT' }, claims: { nonce: 'x' } }),
    ...['ID', 'Refresh', 'Offline', 'Logout'].map((typ) =>
      row(`a token of Keycloak of type ${typ}`, 'id-token', { header: { typ: 'JWT' }, claims: { typ } }),
    ),
    row('a logout token', 'id-token', { header: { typ: 'JWT' }, claims: { events: {} } }),
    ...[
      `${AUDIENCE}/`,
      `${AUDIENCE}.evil.example`,
      AUDIENCE.slice(0, -1),
      AUDIENCE.toUpperCase(),
      `x${AUDIENCE}`,
      ` ${AUDIENCE}`,
    ].map((aud) => row(`the audience "${aud}"`, 'audience', { claims: { aud } })),
    row('no audience', 'audience', { claims: { aud: undefined } }),
    row('an empty list of audiences', 'audience', { claims: { aud: [] } }),
    row('an audience within a list within a list', 'audience', { claims: { aud: [[AUDIENCE]] } }),
    row('an audience that is an object', 'audience', { claims: { aud: { [AUDIENCE]: true } } }),
    row('no end', 'expiry', { claims: { exp: undefined } }),
    row('an end in the past', 'expiry', { claims: { exp: NOW - 31 } }),
    row('an end just at the edge of the skew', 'expiry', { claims: { exp: NOW - 30 } }),
    row('an end that is a text', 'expiry', { claims: { exp: String(NOW + 300) } }),
    row('a negative end', 'expiry', { claims: { exp: -1 } }),
    row('an end that is null', 'expiry', { claims: { exp: null } }),
    row('an end beyond all numbers', 'expiry', { rawClaims: claim('exp', '1e999') }),
    row('a beginning in the future', 'not-before', { claims: { nbf: NOW + 31 } }),
    row('a beginning that is a text', 'not-before', { claims: { nbf: '0' } }),
    row('issued in the future', 'issued-at', { claims: { iat: NOW + 61 } }),
    row('issued at a text', 'issued-at', { claims: { iat: 'now' } }),
    row('issued long ago', 'age', { claims: { iat: NOW - 90_000 } }),
    row('good for years, issued nobody knows when', 'age', { claims: { iat: undefined, exp: NOW + 1e8 } }),
    row('no subject', 'subject', { claims: { sub: undefined } }),
    row('an empty subject', 'subject', { claims: { sub: '' } }),
    row('a subject that is a number', 'subject', { claims: { sub: 1 } }),
    ...[
      ['NUL', 'u-1\0'],
      ['a blank at the end', 'u-1 '],
      ['a blank that is none of ASCII before it', '\u00a0u-1'],
      ['a letter of no width', 'u\u200b-1'],
      ['a turn of the direction', 'u\u202e-1'],
      ['a line end', 'u-1\nadmin'],
      ['300 letters', 'u'.repeat(300)],
    ].map(([what, sub]) => row(`a subject with ${what}`, 'subject', { claims: { sub } })),
    ...['azp', 'appid', 'cid', 'client_id'].map((name) =>
      row(
        `a token of another client by ${name}`,
        'authorized-party',
        { claims: { [name]: 'other' } },
        { rules: { authorizedParties: ['ours'] } },
      ),
    ),
    row('a token of nobody in particular', 'authorized-party', {}, { rules: { authorizedParties: ['ours'] } }),
    row(
      'a token of another directory',
      'required-claims',
      { claims: { tid: 'other' } },
      { rules: { requiredClaims: { tid: 'ours' } } },
    ),
    row('a token without the directory', 'required-claims', {}, { rules: { requiredClaims: { tid: 'ours' } } }),
    row(
      'a required claim out of the prototype',
      'required-claims',
      {},
      { rules: { requiredClaims: { toString: '' } } },
    ),
    row('a token bound to a key, without the proof', 'proof-of-possession', { claims: { cnf: { jkt: 'x' } } }),
    row('a token bound to a certificate, without the proof', 'proof-of-possession', {
      claims: { cnf: { 'x5t#S256': 'x' } },
    }),
    row('scopes that are a list', 'scope', { claims: { scope: ['admin'] } }),
    row('an actor that a provider vouches for', 'delegated', { claims: { act: { sub: 'u-2' } } }),

    // Keys and signatures.
    row('a key that is for encryption', 'key-use', {}, { keys: [{ ...rsa.jwk, use: 'enc' }] }),
    row('a key that may only encrypt', 'key-use', {}, { keys: [{ ...rsa.jwk, key_ops: ['encrypt'] }] }),
    row(
      'PS256 with a key for RS256',
      'key-algorithm',
      { header: { alg: 'PS256' } },
      { keys: [{ ...rsa.jwk, alg: 'RS256' }] },
    ),
    row(
      'ES256 with the name of an RSA key',
      'key-type',
      { header: { kid: 'rsa-1' }, key: ec },
      { without: 'signature' },
    ),
    row('an RSA key of 1024 bits', 'key-strength', { key: weak }, { without: 'signature', keys: [weak.jwk] }),
    row('a key that nobody knows', 'unknown-key', { header: { kid: 'other' } }, { without: 'unknown-key' }),
    row('a key id that is a path', 'unknown-key', { header: { kid: '../../../dev/null' } }, { without: 'unknown-key' }),
    row('a key id that is SQL', 'unknown-key', { header: { kid: "' or 1=1 --" } }, { without: 'unknown-key' }),
    row(
      'no key id among several keys',
      'several-keys',
      { header: { kid: undefined } },
      { without: 'several-keys', keys: [rsa.jwk, { ...stranger.jwk, kid: 'rsa-2' }] },
    ),
    row('a key id of two keys', 'several-keys', {}, { without: 'several-keys', keys: [rsa.jwk, stranger.jwk] }),
    row('the key of a stranger under a known name', 'signature', { key: stranger }),
    row(
      'claims that were altered',
      'signature',
      `${goodHeader}.${base64url(JSON.stringify({ ...CLAIMS, sub: 'u-2' }))}.${goodSignature}`,
    ),
    row(
      'a header that was altered',
      'signature',
      `${base64url(JSON.stringify({ alg: 'RS256', typ: 'JWT', kid: 'rsa-1' }))}.${goodClaims}.${goodSignature}`,
    ),
    row(
      'the signature of another token',
      'signature',
      `${good.slice(0, good.lastIndexOf('.'))}.${signed(rsa, { claims: { sub: 'u-9' } }).split('.')[2]}`,
    ),
    row('ES256 with a signature of zeros', 'signature', zeros(signed(ec))),
    row(
      'ES256 with a signature in DER',
      'signature',
      `${signed(ec).slice(0, signed(ec).lastIndexOf('.'))}.${base64url(Buffer.from('3006020100020100', 'hex'))}`,
    ),
    row('EdDSA with a signature of zeros', 'signature', zeros(signed(ed))),
  ];
}

/** A signature of 64 zero bytes in place of the real one: r and s are both 0 (CVE-2022-21449). */
function zeros(token: string): string {
  return `${token.slice(0, token.lastIndexOf('.'))}.${base64url(Buffer.alloc(64))}`;
}

/** The same first bits as a character of base64url, with other bits where none is read. */
function otherSpelling(last: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet[alphabet.indexOf(last) + 1] as string;
}
