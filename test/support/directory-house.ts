import { freePort } from '@sallyport/cli/dev/ports';
import type { SuiteOptions } from '@sallyport/cli/dev/suite';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { listen } from '../fakes/listening.ts';
import { startFakeProvider } from '../fakes/provider.ts';
import { hangs } from '../fakes/tool-answers.ts';
import { startFakeToolServer } from '../fakes/tool-server.ts';
import { type HttpAnswer, type HttpClient, httpClient } from './http-client.ts';
import { eventually, openHouse, suiteWith } from './suite.ts';

/** Processes that take requests of employees, two of each kind. */
export const GATES = { models: ['model-proxy', 'model-proxy-2'], tools: ['mcp-broker', 'mcp-broker-2'] } as const;

const SCIM_TOKEN = 'token-of-the-scim-client-of-the-test';
const AUDIENCE = 'gateway';

/** Somebody with everything that may act for them, in the team `desk` alone. */
export interface Employee {
  readonly name: string;
  /** Id of the User. */
  readonly id: string;
  /** Secret of their key. */
  readonly key: string;
  /** JWT of their identity provider. */
  readonly token: string;
}

/** A suite with two replicas of each gate, whose people an identity provider keeps by SCIM and only team `desk` may do anything. */
export type DirectoryHouse = Awaited<ReturnType<typeof directoryHouse>>;

/** Starts the house; stop it by `end`. */
export async function directoryHouse(options: Pick<SuiteOptions, 'replicas' | 'overrides'> = {}) {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  const people = await listen(
    (_req, res) => void res.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] })),
    {},
  );
  const provider = await startFakeProvider();
  // A stream that goes on for longer than any test: 600 pieces, 100 ms apart.
  provider.script('endless', { chunks: Array.from({ length: 600 }, (_, i) => `${i} `), chunkDelayMs: 100 });
  const tools = await startFakeToolServer({
    tools: [
      { name: 'wait', run: hangs() },
      { name: 'send', run: () => ({ content: [{ type: 'text', text: 'sent' }] }) },
    ],
  });
  // Streams outlive whatever a test does meanwhile.
  const timeouts = { connectSeconds: 1, firstByteSeconds: 5, idleSeconds: 5, totalSeconds: 60 };
  const house = openHouse(provider, ['echo', 'endless'])
    .filter(({ kind }) => kind !== 'AccessPolicy')
    .map((one) => (one.kind === 'ModelProvider' ? { ...one, spec: { ...one.spec, timeouts } } : one));
  const suite = await suiteWith(
    [
      ...house,
      { kind: 'AccessPolicy', name: 'desk', spec: { subjects: { teams: ['desk'] }, models: ['*'], tools: ['*/*'] } },
      { kind: 'Secret', name: 'scim', stringData: { token: SCIM_TOKEN } },
      {
        kind: 'IdentityProvider',
        name: 'people',
        spec: {
          type: 'OIDC',
          issuer: people.url,
          jwksURL: `${people.url}/jwks`,
          audiences: [AUDIENCE],
          allowPrivateNetwork: true,
          mapping: { user: 'claims.email' },
          scim: { secretRef: { name: 'scim', key: 'token' } },
        },
      },
      {
        kind: 'ToolServer',
        name: 'notes',
        spec: { remote: { url: tools.url }, allowPrivateNetwork: true, defaultClass: 'Read' },
      },
      {
        kind: 'ToolPolicy',
        name: 'sending',
        spec: {
          mode: 'Enforce',
          tools: [{ server: 'notes', tool: 'send' }],
          calls: [{ name: 'always', action: 'Ask', reason: 'Somebody looks at it first.' }],
        },
      },
    ],
    {
      port: await freePort(),
      services: ['audit', 'vault', 'identity', 'operator', 'policy', 'mcp-broker', 'model-proxy', 'console'],
      ...options,
      replicas: { 'model-proxy': 2, 'mcp-broker': 2, ...options.replicas },
    },
  );
  const scimClient = httpClient(`${suite.endpoint}/scim/v2/default`, SCIM_TOKEN);
  const scim = async (method: string, path: string, body?: object): Promise<HttpAnswer> => {
    const answer = await scimClient.send(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  };
  const admin = httpClient(suite.endpoint, suite.adminKey);
  // The token of the provider is leased once its Secret is in vault.
  await eventually(
    () => scimClient.get('/ServiceProviderConfig'),
    ({ status }) => status === 200,
    15_000,
  );
  const desk = (await scim('POST', '/Groups', { displayName: 'desk' })).json<{ id: string }>().id;
  const moveMember = (op: 'add' | 'remove', { id }: Pick<Employee, 'id'>) => {
    const change =
      op === 'add' ? { op, path: 'members', value: [{ value: id }] } : { op, path: `members[value eq "${id}"]` };
    return scim('PATCH', `/Groups/${desk}`, { Operations: [change] });
  };
  const at = (replica: string, credential: string) =>
    httpClient(`http://127.0.0.1:${suite.ports[replica]?.http}`, credential);
  const rpc = (client: HttpClient, method: string, params: object = {}) =>
    client.send('POST', '/mcp', { jsonrpc: '2.0', id: 1, method, params });

  return {
    suite,
    provider,
    tools,
    admin,
    scim,
    at,
    rpc,
    join: (who: Pick<Employee, 'id'>) => moveMember('add', who),
    leave: (who: Pick<Employee, 'id'>) => moveMember('remove', who),
    /** Calls a tool at a replica. */
    callTool: (replica: string, credential: string, name: string) =>
      rpc(at(replica, credential), 'tools/call', { name, arguments: {} }),
    /** A new person in team `desk`. */
    async hire(name: string): Promise<Employee> {
      const id = (await scim('POST', '/Users', { userName: name })).json<{ id: string }>().id;
      await moveMember('add', { id });
      const made = await admin.send('POST', '/admin/v1/keys', { name: `of-${name}`, owner: name, teams: ['desk'] });
      if (made.status !== 201) throw new Error(`no key: ${made.status} ${made.text}`);
      const token = await new SignJWT({ email: name, typ: 'access' })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' })
        .setIssuer(people.url)
        .setAudience(AUDIENCE)
        .setSubject(`sub-${name}`)
        .setIssuedAt()
        .setExpirationTime('10m')
        .sign(privateKey);
      return { name, id, key: made.json<{ secret: string }>().secret, token };
    },
    /** What a credential is answered at each gate: the status of a chat, of a list of tools. */
    looks: (credential: string) =>
      ({
        ...Object.fromEntries(
          GATES.models.map((replica) => [replica, async () => (await at(replica, credential).chat('echo')).status]),
        ),
        ...Object.fromEntries(
          GATES.tools.map((replica) => [
            replica,
            async () => (await rpc(at(replica, credential), 'tools/list')).status,
          ]),
        ),
      }) as Readonly<Record<string, () => Promise<number>>>,
    async end() {
      await suite.end();
      await Promise.all([provider.close(), tools.close(), people.close()]);
    },
  };
}
