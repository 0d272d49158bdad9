import { expect } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { apply, cluster, eventually, kubectl, NAMESPACE, names, secretValue } from './kube.ts';

const kind = 'ToolServer';
const apiVersion = 'sallyport.dev/v1alpha1';
const EVERYTHING = '/srv/node_modules/@modelcontextprotocol/server-everything/dist/index.js';
const RESOURCES = ['everything', 'web', 'python', 'hostile'] as const;
/** The value of each principal; the user behind key `demo` is robin. */
const TOKENS = {
  lists: 'canary-of-nobody',
  'user.robin_40example.com': 'canary-of-robin',
  'user.kim': 'canary-of-kim',
};
const KIM = 'a-key-of-kim-of-twenty-and-more';
const image = cluster?.hostedImage;

const server = (name: string, args: readonly string[], more: object = {}) => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'default' },
  spec: { hosted: { image, command: ['node'], args, ...more }, defaultClass: 'Read' },
});

const field = (name: string, path: string) => kubectl('get', 'toolserver', name, '-o', `jsonpath=${path}`);
const condition = (name: string, type: string) =>
  field(name, `{.status.conditions[?(@.type=="${type}")].status} {.status.conditions[?(@.type=="${type}")].reason}`);

/** Hosts servers of npm and of the Python SDK, and a hostile one, beside the samples, and waits until each is Ready. */
export async function hostServers(): Promise<void> {
  apply([
    server('everything', [EVERYTHING, 'stdio'], { idleMinutes: 1 }),
    server('web', [EVERYTHING, 'streamableHttp'], {
      transport: 'Http',
      http: { port: 3001 },
      env: [{ name: 'PORT', value: '3001' }],
    }),
    server('python', ['/srv/server.py'], {
      command: ['/srv/python/bin/python'],
      transport: 'Http',
      http: { port: 8000 },
      resources: { memory: '256Mi' },
      isolation: 'PerPrincipal',
      idleMinutes: 1,
      env: [{ name: 'TOKEN', secretRef: { name: 'tokens', key: 'lists' }, perPrincipal: true }],
    }),
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'tokens', namespace: 'default' }, stringData: TOKENS },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'kim', namespace: 'default' }, stringData: { key: KIM } },
    {
      apiVersion,
      kind: 'VirtualKey',
      metadata: { name: 'kim', namespace: 'default' },
      spec: { owner: 'kim', secretRef: { name: 'kim', key: 'key' } },
    },
    server('hostile', ['/srv/hostile.mjs'], { egress: ['api.example.com'] }),
    server('fenced', ['/srv/hostile.mjs'], { requireEgressEnforced: true }),
    {
      apiVersion,
      kind: 'AccessPolicy',
      metadata: { name: 'hosted', namespace: 'default' },
      spec: {
        subjects: { keys: ['demo', 'kim'], users: ['robin@example.com', 'kim'] },
        models: [],
        tools: RESOURCES.map((name) => `${name}/*`),
      },
    },
  ]);
  kubectl('wait', '--for=condition=Ready', ...RESOURCES.map((name) => `toolserver/${name}`), '--timeout=120s');
}

/** Calls a tool of each through the Ingress. */
export async function callServers(endpoint: string, key: string): Promise<void> {
  await withClient(endpoint, key, async (client) => {
    for (const name of ['everything', 'web']) {
      const call = () => client.callTool({ name: `${name}__echo`, arguments: { message: 'hello' } });
      const answer = await eventually(`an answer of ${name}`, 30, async () => {
        const said = await call();
        expect(said.isError ?? false).toBe(false);
        return said;
      });
      expect(JSON.stringify(answer.content)).toContain('hello');
    }
  });
}

const principalPods = () => names('pods', '-l', 'sallyport.dev/principal');

/** Calls the Python server for two principals: each has a pod of its own, with its own value, and never the other's. */
export async function callAsTwo(endpoint: string, key: string): Promise<void> {
  const tell = (whose: string) => (client: Client) =>
    eventually(`an answer for ${whose}`, 60, async () => {
      const said = await client.callTool({ name: 'python__tell', arguments: { word: `canary of ${whose}` } });
      expect(said.isError ?? false).toBe(false);
      return said.structuredContent as { process: string; token: string; told: string[] };
    });
  const both = () =>
    Promise.all([withClient(endpoint, key, tell('robin')), withClient(endpoint, KIM, tell('kim'))] as const);
  const [robin, kim] = await both();
  expect([robin.token, kim.token]).toEqual(['canary-of-robin', 'canary-of-kim']);
  expect(robin.process).not.toBe(kim.process);
  const again = await both();
  expect(again.map(({ process }) => process)).toEqual([robin.process, kim.process]);
  expect(new Set(again[0].told)).toEqual(new Set(['canary of robin']));
  expect(new Set(again[1].told)).toEqual(new Set(['canary of kim']));
  expect(principalPods()).toHaveLength(2);
}

/** Some minutes after the last call: pods that nobody used are gone, and come back with the next call. */
export async function comeBack(endpoint: string, key: string): Promise<void> {
  const deployment = `sallyport-mcp-${field('everything', '{.metadata.uid}')}`;
  const replicas = () => kubectl('get', 'deployment', deployment, '-o', 'jsonpath={.spec.replicas}');
  await eventually('idle pods to be stopped', 90, () => {
    expect([replicas(), principalPods()]).toEqual(['0', []]);
    expect(condition('everything', 'Deployed')).toBe('True Idle');
  });
  // What its last pod found is told as that, and as no more.
  expect(condition('everything', 'EgressEnforced')).toMatch(/^(True ProbedBefore|False NotEnforced)$/);
  await callServers(endpoint, key);
  await callAsTwo(endpoint, key);
}

/** Asks as mcp-host for what its role allows and its admission policy does not. */
export function holdAccounts(): void {
  const pod = names('-n', NAMESPACE, 'pods', '-l', 'app.kubernetes.io/component=vault')[0] ?? '';
  const as = `--as=system:serviceaccount:${NAMESPACE}:sallyport-mcp-host`;
  expect(kubectl('auth', 'can-i', 'delete', 'pods', '-n', NAMESPACE, as).trim()).toBe('yes');
  expect(() => kubectl('-n', NAMESPACE, 'delete', pod, '--dry-run=server', as)).toThrow('hosted tool servers alone');
}

/** Lets the hostile one try, and looks at what became of it: nothing, seen in its status and in the records. */
export async function holdHostile(endpoint: string, key: string): Promise<void> {
  const address = (...args: string[]) => kubectl(...args).trim();
  const api = address('get', 'service', 'kubernetes', '-o', 'jsonpath={.spec.clusterIP}');
  const pod = address(
    '-n',
    NAMESPACE,
    'get',
    'pod',
    '-l',
    'app.kubernetes.io/component=vault',
    '-o',
    'jsonpath={.items[0].status.podIP}',
  );
  const targets = [
    '169.254.169.254:80',
    `${api}:443`,
    'kubernetes.default.svc:443',
    `sallyport-postgres.${NAMESPACE}.svc:5432`,
    `${pod}:9000`,
    'evil.example:443',
    'api.example.com:22',
  ];
  const other = new URL(
    await secretValue('default', `sallyport-mcp-${field('everything', '{.metadata.uid}')}`, 'proxy-url'),
  );
  const stolen = `${other.username}:${other.password}`;
  const report = await withClient(endpoint, key, async (client) => {
    const { structuredContent } = await client.callTool({
      name: 'hostile__attempt',
      arguments: { targets, stolen, beside: { host: api, port: 443 } },
    });
    return structuredContent as { proxy: Record<string, number>; environment: string[] } & Record<string, unknown>;
  });
  expect(report.proxy).toEqual(Object.fromEntries(targets.map((target) => [target, 403])));
  expect(report).toMatchObject({ stolen: 403, root: 'EROFS', uid: 65532 });
  expect(report.names).not.toBe('resolved');
  expect(report.environment.filter((name) => /^SALLYPORT|POSTGRES|TOKEN/.test(name))).toEqual([]);
  await eventually('the status of the hostile server', 30, () => {
    expect(Number(field('hostile', '{.status.egress.refused}'))).toBeGreaterThanOrEqual(targets.length);
    expect(field('hostile', '{.status.egress.last[*].host}')).toContain('evil.example');
  });
  const query = "select count(*) from sallyport_audit.records where principal_id = 'toolserver:hostile'";
  const psql = `PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE") psql -h 127.0.0.1 -U postgres sallyport -tAc "${query}"`;
  const counted = () => kubectl('-n', NAMESPACE, 'exec', 'sallyport-postgres-0', '--', 'sh', '-c', psql);
  await eventually('its records', 30, () => expect(Number(counted())).toBeGreaterThanOrEqual(targets.length));
  // Said by a probe in the pod: what this cluster does with NetworkPolicies is not for the operator to believe.
  expect(condition('hostile', 'EgressEnforced')).toBe(report.beside === true ? 'False NotEnforced' : 'True Probed');
  // Where it is not enforced, what demands it is not even started.
  const [wanted, state] = report.beside === true ? ['False EgressNotEnforced', 'waiting'] : ['True Running', 'running'];
  await eventually('what demands that egress is enforced', 60, () =>
    expect(condition('fenced', 'Deployed')).toBe(wanted),
  );
  const selector = `sallyport.dev/tool-server-uid=${field('fenced', '{.metadata.uid}')}`;
  const states = kubectl('get', 'pods', '-l', selector, '-o', 'jsonpath={.items[*].status.containerStatuses[*].state}');
  expect(states).toContain(state);
  process.stderr.write(
    `  direct connections beside the proxy: ${report.beside === true ? 'not held back by this cluster' : 'held back'}\n`,
  );
}

/** Changes what the operator made, and sees it made good again; then takes the resources away, and all goes with them. */
export async function keepAndRemove(): Promise<void> {
  const name = `sallyport-mcp-${field('everything', '{.metadata.uid}')}`;
  const opened = { spec: { egress: [{}] } };
  kubectl('patch', 'networkpolicy', name, '--type=merge', '-p', JSON.stringify(opened));
  await eventually('the fence', 30, () =>
    expect(kubectl('get', 'networkpolicy', name, '-o', 'jsonpath={.spec.egress[0].ports[0].port}')).toBe('3128'),
  );
  kubectl('delete', 'toolserver', ...RESOURCES, 'fenced', '--timeout=60s');
  kubectl('delete', 'accesspolicy/hosted', 'virtualkey/kim', 'secret/tokens', 'secret/kim');
  await eventually('an empty namespace', 60, () =>
    expect(names('pods,deployments,networkpolicies,serviceaccounts', '-l', 'sallyport.dev/hosted=true')).toEqual([]),
  );
}

async function withClient<T>(endpoint: string, key: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ name: 'cluster-test', version: '0' });
  const requestInit = { headers: { authorization: `Bearer ${key}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${endpoint}/mcp`), { requestInit }));
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}
