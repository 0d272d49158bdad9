import type { EndSignal } from '@sallyport/chassis/ending';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Provider } from '../catalog.ts';
import { bearer, type CloudAuth, type KeyAuth } from '../providers/provider-auth.ts';
import type { AccessTokens, IssuedToken } from './access-tokens.ts';
import { signAws } from './aws-signature.ts';
import { isStructured, readAwsKeys, readAzureClient, readBearer, readServiceAccount } from './cloud-credentials.ts';
import { googleAssertion } from './google-assertion.ts';
import { askToken, type PostForm } from './token-endpoint.ts';

/** A call that is to carry a credential: its path and headers are changed. */
export interface Outgoing {
  readonly method: string;
  /** Path with query, below the provider's base URL. */
  path: string;
  readonly headers: Record<string, string>;
  readonly body?: Buffer | string | undefined;
  readonly signal: EndSignal;
}

/** What tokens are had with. */
export interface TokenPorts {
  readonly tokens: AccessTokens;
  readonly post: PostForm;
  readonly now: () => Date;
}

/** A token that a call carries. */
export interface CarriedToken {
  /** It was asked for just now. */
  readonly fresh: boolean;
  /** Tells that the provider refused it. */
  refused(): void;
}

/**
 * Puts a credential where the provider reads it, or what is made of it: a signature, a token. Undefined where that is done at
 * once; a promise where a token may have to be asked for. Throws `upstream_credentials` for one that cannot be used, and what
 * `askToken` throws.
 */
export function authenticate(
  provider: Provider,
  key: string,
  outgoing: Outgoing,
  ports: TokenPorts,
): Promise<CarriedToken> | undefined {
  const { auth } = provider.declaration;
  if (auth.kind === 'none') return undefined;
  if (auth.kind === 'header' || auth.kind === 'query') return putKey(auth, key, outgoing);
  if (!isStructured(key)) return putKey(auth.key, key, outgoing);
  if (auth.kind !== 'sigv4') {
    const token = readBearer(key);
    if (token !== undefined) return putKey(bearer, token, outgoing);
    return withToken(auth, provider, key, outgoing, ports);
  }
  const { method, path, headers, body = '' } = outgoing;
  const now = ports.now();
  const region = provider.spec.aws?.region;
  if (region === undefined) throw new GatewayError('upstream_credentials', 'This provider says no region to sign for.');
  const call = { method, url: new URL(provider.baseUrl + path), headers, body };
  Object.assign(headers, signAws(call, readAwsKeys(key, now), { region, service: auth.service, now }));
  return undefined;
}

/** Puts a key where it is read as it is. */
export function putKey(auth: KeyAuth, key: string, outgoing: Pick<Outgoing, 'path' | 'headers'>): undefined {
  if (auth.kind === 'header') {
    outgoing.headers[auth.header] = auth.scheme === undefined ? key : `${auth.scheme} ${key}`;
  } else {
    outgoing.path += `${outgoing.path.includes('?') ? '&' : '?'}${auth.parameter}=${encodeURIComponent(key)}`;
  }
}

type TokenAuth = Exclude<CloudAuth, { kind: 'sigv4' }>;

async function withToken(
  auth: TokenAuth,
  { tenant, uid, spec }: Provider,
  credential: string,
  { headers, signal }: Outgoing,
  { tokens, post, now }: TokenPorts,
): Promise<CarriedToken> {
  const declared = spec.credentials?.tokenURL;
  const parts = [tenant, uid, auth.kind, auth.scope, declared ?? auth.tokenURL, credential];
  const { value, fresh } = await tokens.get(parts, signal, () =>
    auth.kind === 'google-service-account'
      ? googleToken(auth, declared, credential, post, now())
      : azureToken(auth, declared, credential, post),
  );
  headers.authorization = `Bearer ${value}`;
  return { fresh, refused: () => tokens.drop(parts, value) };
}

async function googleToken(
  { scope, tokenURL }: TokenAuth,
  declared: string | undefined,
  credential: string,
  post: PostForm,
  now: Date,
): Promise<IssuedToken> {
  const url = declared ?? tokenURL;
  const assertion = googleAssertion(readServiceAccount(credential), { scope, audience: url, now });
  return await askToken(post, url, { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion });
}

async function azureToken(
  { scope, tokenURL }: TokenAuth,
  declared: string | undefined,
  credential: string,
  post: PostForm,
): Promise<IssuedToken> {
  const { tenant, clientId, clientSecret } = readAzureClient(credential);
  const form = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret, scope };
  return await askToken(post, declared ?? tokenURL.replace('{tenant}', tenant), form);
}
