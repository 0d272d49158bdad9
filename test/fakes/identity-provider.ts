import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration } from 'oidc-provider';

/** Somebody who can sign in at the fake; they type their login name and nothing else. */
export interface FakePerson {
  readonly sub: string;
  readonly email: string;
  readonly emailVerified?: boolean;
  readonly groups?: readonly string[];
}

/** An OpenID provider of other people, on loopback. */
export interface FakeIdentityProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** People by login name; may be changed while it runs. */
  readonly people: Map<string, FakePerson>;
  /** Signs somebody in at an authorization URL of the provider, as their browser would; gives the URL it is sent back to. */
  signIn(url: string, login: string): Promise<string>;
  close(): Promise<void>;
}

/** Starts a certified OpenID provider with one client of it: `sallyport`, sent back to `redirectUris`. */
export async function startIdentityProvider(
  redirectUris: readonly string[],
  people: Readonly<Record<string, FakePerson>>,
): Promise<FakeIdentityProvider> {
  const known = new Map(Object.entries(people));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [clientId, clientSecret] = ['sallyport', 'a secret of the fake identity provider'];
  const configuration: Configuration = {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: [...redirectUris],
        grant_types: ['authorization_code'],
        response_types: ['code'],
      },
    ],
    scopes: ['openid', 'profile', 'email'],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
    // Some providers put all claims into the ID token, and none of ours asks the user info endpoint.
    conformIdTokenClaims: false,
    cookies: { keys: ['a key of the fake'] },
    pkce: { required: () => true },
    findAccount: async (_context, id) => {
      const person = known.get(id);
      if (person === undefined) return undefined;
      const { sub, email, emailVerified = true, groups = [] } = person;
      return {
        accountId: id,
        claims: async () => ({ sub, email, email_verified: emailVerified, name: id, groups: [...groups] }),
      };
    },
  };
  const provider = new Provider(issuer, configuration);
  server.on('request', provider.callback());
  return {
    issuer,
    clientId,
    clientSecret,
    people: known,
    signIn: (url, login) => followed(url, login, issuer),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Walks through the library's own development pages: login, then consent. */
async function followed(start: string, login: string, issuer: string): Promise<string> {
  const cookies = new Map<string, string>();
  let [url, method, body] = [start, 'GET', undefined as string | undefined];
  for (let steps = 0; steps < 20; steps += 1) {
    const answer = await fetch(url, {
      method,
      redirect: 'manual',
      headers: {
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(body === undefined ? {} : { body }),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    const location = answer.headers.get('location');
    if (location !== null) {
      const next = new URL(location, url).href;
      if (!next.startsWith(`${issuer}/`)) return next;
      [url, method, body] = [next, 'GET', undefined];
      continue;
    }
    const page = await answer.text();
    if (!page.includes('<form')) throw new Error(`the provider answered ${answer.status}: ${page.slice(0, 300)}`);
    const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1] ?? 'login';
    const action = /<form[^>]* action="([^"]+)"/.exec(page)?.[1] ?? url;
    const form = new URLSearchParams({ prompt, ...(prompt === 'login' ? { login, password: 'x' } : {}) });
    [url, method, body] = [new URL(action, url).href, 'POST', form.toString()];
  }
  throw new Error('the provider did not come to an end');
}
