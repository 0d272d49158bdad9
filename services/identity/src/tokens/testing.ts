import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { identityProvider } from '@sallyport/custom-resources';
import type { Person } from '../directory/person.ts';
import type { PublicKey } from './key-guards.ts';
import { givenSet } from './key-sets.ts';
import type { PrincipalSources } from './token-principal.ts';
import type { TokenRules } from './token-rules.ts';
import { type DeclaredClient, issuerOf, type TrustedIssuer } from './trusted-issuers.ts';
import type { Issuer } from './verify.ts';

/** A key pair of a test's issuer. */
export interface TestKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** The public half as a JWK with `kid`, without `alg` and `use`. */
  readonly jwk: PublicKey;
}

/** Makes a key pair. */
export function testKey(kid: string, type: 'RSA' | 'RSA-1024' | 'EC' | 'Ed25519'): TestKey {
  const { privateKey, publicKey } =
    type === 'EC'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : type === 'Ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('rsa', { modulusLength: type === 'RSA' ? 2048 : 1024 });
  return { kid, privateKey, publicKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid } as PublicKey };
}

/** A moment at which the tests take place, in seconds since 1970. */
export const NOW = 1_800_000_000;
/** Issuer and audience that a good token of the tests has. */
export const ISSUER = 'https://login.example/realms/acme';
export const AUDIENCE = 'https://gateway.example';

/** Keys that cost time to make, one set a test file. */
export function testKeys() {
  return {
    rsa: testKey('rsa-1', 'RSA'),
    ec: testKey('ec-1', 'EC'),
    ed: testKey('ed-1', 'Ed25519'),
    weak: testKey('weak-1', 'RSA-1024'),
    stranger: testKey('rsa-1', 'RSA'),
  };
}

/** Rules as an IdentityProvider with nothing but issuer and audience has them. */
export function testRules(change: Partial<TokenRules> = {}): TokenRules {
  return {
    issuer: ISSUER,
    audiences: [AUDIENCE],
    algorithms: ['RS256', 'ES256', 'EdDSA', 'PS256'],
    tokenTypes: ['at+jwt', 'jwt'],
    clockSkewSeconds: 30,
    maxTokenAgeSeconds: 86_400,
    requiredClaims: {},
    authorizedParties: [],
    delegated: false,
    ...change,
  };
}

/** An issuer with keys. */
export function testIssuer(keys: readonly PublicKey[], rules: Partial<TokenRules> = {}): Issuer {
  return { rules: testRules(rules), keys: givenSet({ keys }) };
}

/** An IdentityProvider of tenant acme, called `login`, with its defaults and no keys. */
export function trustedIssuer(spec: object = {}, name = 'login', tenant = 'acme'): TrustedIssuer {
  const written = { type: 'OIDC', issuer: ISSUER, audiences: [AUDIENCE], ...spec };
  const item = {
    kind: 'IdentityProvider',
    tenant,
    name,
    uid: `uid-${name}`,
    contentHash: 'h',
    createdAtMs: 0,
    generation: 3,
  };
  const keySets = { of: () => givenSet({ keys: [] }) };
  return issuerOf({ ...item, spec: identityProvider.spec.parse(written) }, keySets) as TrustedIssuer;
}

/** A directory that knows nobody and binds everybody, and Clients by `provider clientId`; `said` is what it was asked. */
export function testSources(clients: Readonly<Record<string, DeclaredClient>> = {}) {
  const said: { bound: object[]; elsewhere: number } = { bound: [], elsewhere: 0 };
  const sources: PrincipalSources = {
    clients: { clientAt: (_tenant, provider, id) => clients[`${provider} ${id}`] },
    directory: {
      async bind(shown) {
        said.bound.push(shown);
        return { ...shown, name: shown.name.toLowerCase(), provisioned: false } as unknown as Person;
      },
      standingByClaims: async (_person, _claims, claimed) => ({ teams: claimed, ownedTeams: [] }),
    },
    onGroupsElsewhere: () => {
      said.elsewhere += 1;
    },
  };
  return { sources, said };
}

/** What of a good token is to be different; `undefined` takes a member away. Raw texts stand as they are. */
export interface TokenChange {
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly rawHeader?: string;
  readonly rawClaims?: string;
  readonly key?: TestKey;
  /** How it is really signed, whatever the header says. */
  readonly signAs?: string;
  /** Secret for HS algorithms. */
  readonly secret?: Buffer | string;
}

/** Claims of a good token. */
export const CLAIMS = { iss: ISSUER, aud: AUDIENCE, sub: 'u-1', iat: NOW - 10, exp: NOW + 300 };

/** Signs a token of `key`, with whatever in it that a test wants. */
export function signed(key: TestKey, change: TokenChange = {}): string {
  const used = change.key ?? key;
  const algorithm = change.signAs ?? (change.header?.alg as string | undefined) ?? algorithmOf(used);
  const header = change.rawHeader ?? JSON.stringify({ alg: algorithm, typ: 'at+jwt', kid: used.kid, ...change.header });
  const claims = change.rawClaims ?? JSON.stringify({ ...CLAIMS, ...change.claims });
  const input = `${base64url(header)}.${base64url(claims)}`;
  return `${input}.${base64url(signature(algorithm, Buffer.from(input), used, change.secret ?? ''))}`;
}

/** Base64url of a text or bytes. */
export function base64url(value: string | Buffer): string {
  return Buffer.from(value as string).toString('base64url');
}

function algorithmOf({ privateKey }: TestKey): string {
  const type = privateKey.asymmetricKeyType;
  if (type === 'rsa') return 'RS256';
  return type === 'ec' ? 'ES256' : 'EdDSA';
}

function signature(algorithm: string, input: Buffer, { privateKey }: TestKey, secret: Buffer | string): Buffer {
  switch (algorithm) {
    case 'RS256':
      return sign('sha256', input, privateKey);
    case 'PS256':
      return sign('sha256', input, {
        key: privateKey,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
      });
    case 'ES256':
      return sign('sha256', input, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    case 'EdDSA':
      return sign(null, input, privateKey);
    default:
      return algorithm.startsWith('HS') ? createHmac('sha256', secret).update(input).digest() : Buffer.from([0]);
  }
}
