import { expect } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { apply, cluster, eventually, kubectl, NAMESPACE, names, secretValue } from './kube.ts';

const kind = 'ToolServer';
const apiVersion = 'sallyport.dev/v1alpha1';
const EVERYTHING = '/srv/node_modules/@modelcontextprotocol/server-everything/dist/index.js';
const RESOURCES = ['everything', 'web', 'hostile'] as const;
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

/** Hosts three servers beside the samples, and waits until each is Ready. */
export async function hostServers(): Promise<void> {
  apply([
    server('everything', [EVERYTHING, 'stdio'], { idleMinutes: 1440 }),
    server('web', [EVERYTHING, 'streamableHttp'], {
      transport: 'Http',
      http: { port: 3001 },
      env: [{ name: 'PORT', value: '3001' }],
    }),
    server('hostile', ['/srv/hostile.mjs'], { egress: ['api.example.com'] }),
    {
      apiVersion,
      kind: 'AccessPolicy',
      metadata: { name: 'hosted', namespace: 'default' },
      spec: {
        subjects: { keys: ['demo'], users: ['robin@example.com'] },
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
  kubectl('delete', 'toolserver', ...RESOURCES, '--timeout=60s');
  kubectl('delete', 'accesspolicy', 'hosted');
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
