import { type Browser, openBrowser } from '../../services/console/src/testing/browser.ts';
import { httpClient } from '../support/http-client.ts';
import { type OAuthHouse, oauthHouse } from '../support/oauth-house.ts';
import { eventually } from '../support/suite.ts';

/** What a scenario says to its client beside the URL. */
export interface ScenarioContext {
  readonly client_id?: string;
  readonly client_secret?: string;
  /** Calls that are to be made, where it matters which. */
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> }[];
}

/** A suite that the conformance scenarios are held against. */
export interface ConformanceHouse {
  readonly issuer: string;
  readonly resource: string;
  readonly clientId: string;
  /** Signs somebody in and allows all at an authorization URL of ours, and follows back to the client. */
  authorize(url: string): Promise<void>;
  /** Connects a tool server at a URL as a person does, lists its tools and calls each; gives what was done. */
  use(url: string, context: ScenarioContext): Promise<string[]>;
  end(): Promise<void>;
}

interface Result {
  readonly isError?: boolean;
  readonly content?: readonly { readonly text?: string }[];
  readonly tools?: readonly { readonly name: string }[];
  readonly _meta?: Record<string, { readonly url?: string }>;
}

const CLIENT = 'conformance';
const CONNECT = 'sallyport.dev/connect';
/** Longest chain of connecting and calling again; a scenario watches that it ends. */
const MAX_ROUNDS = 4;
const CONNECTS = 2;
const LISTED_MS = 8_000;

/** Starts the suite with an identity provider, a client for the suite's own callback, and a person with a key. */
export async function conformanceHouse(): Promise<ConformanceHouse> {
  const house = await oauthHouse({
    services: ['console'],
    resources: [
      {
        kind: 'Client',
        name: CLIENT,
        spec: {
          redirectURIs: ['http://127.0.0.1/callback', 'http://localhost/callback'],
          grants: ['AuthorizationCode'],
        },
      },
      { kind: 'VirtualKey', name: 'dana', spec: { owner: 'dana', targetSecret: { name: 'dana-key', key: 'key' } } },
    ],
  });
  const { suite, issuer } = house;
  const window = openBrowser(suite.endpoint);
  const key = await suite.keyOf('default', 'dana');
  await window.signIn(key);
  let count = 0;
  const ask = async (method: string, params: object = {}): Promise<Result> => {
    const answer = await httpClient(suite.endpoint, key).send('POST', '/mcp', {
      jsonrpc: '2.0',
      id: 1,
      method,
      params,
    });
    return answer.json<{ result?: Result }>().result ?? {};
  };
  return {
    issuer,
    resource: `${suite.endpoint}/mcp`,
    clientId: CLIENT,
    async authorize(url) {
      await fetch(await allowed(house, url));
    },
    async use(url, context) {
      const name = `scenario-${++count}`;
      const done: string[] = [];
      suite.apply(name, await resourcesFor(name, url, context));
      try {
        await eventually(
          async () => (await window.get('/me')).text,
          (text) => text.includes(`Connect ${name}`),
          10_000,
        );
        const own = ({ tools = [] }: Result) => tools.filter((tool) => tool.name.startsWith(`${name}__`));
        let listed: Result = {};
        // A server may want to be connected anew, at another authorization server.
        for (let round = 0; round < CONNECTS && own(listed).length === 0; round++) {
          done.push(`connect: ${await connect(window, `/me/connect/${name}`, suite.endpoint)}`);
          listed = await eventually(
            () => ask('tools/list'),
            (result) => own(result).length > 0,
            LISTED_MS,
          ).catch(() => ({}));
        }
        if (own(listed).length === 0) throw new Error('no tools were listed');
        for (const tool of own(listed)) {
          for (let round = 0; round < MAX_ROUNDS; round++) {
            const result = await ask('tools/call', { name: tool.name, arguments: {} });
            done.push(`${tool.name}: ${result.isError === true ? 'error ' : ''}${result.content?.[0]?.text ?? ''}`);
            const link = result._meta?.[CONNECT]?.url;
            if (link === undefined) break;
            const { pathname, search } = new URL(link);
            done.push(`connect again: ${await connect(window, pathname + search, suite.endpoint)}`);
          }
        }
        return done;
      } catch (error) {
        throw new Error(`${done.join('; ')}; ${(error as Error).message}`);
      } finally {
        suite.remove(name);
      }
    },
    end: () => house.end(),
  };
}

async function resourcesFor(
  name: string,
  url: string,
  { client_id: clientId, client_secret: secret }: ScenarioContext,
) {
  const issuer = secret === undefined ? '' : await issuerOf(url);
  const registered =
    clientId === undefined
      ? {}
      : { clientId, ...(secret === undefined ? {} : { secretRef: { name, key: 'secret' }, issuer }) };
  return [
    ...(secret === undefined ? [] : [{ kind: 'Secret', name, stringData: { secret } }]),
    {
      kind: 'ToolServer',
      name,
      spec: {
        remote: { url },
        allowPrivateNetwork: true,
        defaultClass: 'Read',
        auth: { type: 'OAuth', ...registered },
      },
    },
  ];
}

/** Who registers a client beforehand knows where: the issuer that the tool server names. */
async function issuerOf(url: string): Promise<string> {
  const { origin, pathname } = new URL(url);
  const answer = await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`);
  const { authorization_servers: servers = [] } = (await answer.json()) as { authorization_servers?: string[] };
  return servers[0] ?? origin;
}

/** Through the page, the authorization server (which asks nobody), and back; gives where it came to an end. */
async function connect(window: Browser, path: string, home: string): Promise<string> {
  const page = await window.get(path);
  const [pathname = ''] = path.split('?');
  const left = await window.post(pathname, page.form(pathname).fields);
  const links = left.all('a').map((one) => one.attrs.find(({ name }) => name === 'href')?.value ?? '');
  let url = links.find((href) => /^https?:/.test(href));
  if (url === undefined) return `${left.status} ${left.text.trim().replaceAll(/\s+/g, ' ').slice(0, 300)}`;
  for (let step = 0; step < 10; step++) {
    const answer: Response = await fetch(url, { redirect: 'manual' });
    const location = answer.headers.get('location');
    if (location === null) return `stayed at ${url} with ${answer.status}`;
    url = new URL(location, url).href;
    if (!url.startsWith(`${home}/`)) continue;
    const back = await window.get(url.slice(home.length));
    return back.headers.get('location') ?? `${back.status} ${back.text.trim().replaceAll(/\s+/g, ' ').slice(0, 300)}`;
  }
  return 'too many redirects';
}

/** Where the client is sent back to. */
async function allowed(house: OAuthHouse, url: string): Promise<string> {
  const it = { clientId: CLIENT, verifier: '', state: '', url };
  return (await house.allowed(it)).href;
}
