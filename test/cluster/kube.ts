import { execFile, spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

/** What run.sh hands over; undefined when there is no cluster, and then every test is skipped. */
export const cluster = readEnvironment();

/** Namespace of the release. Of the samples: `default`, as `kubectl apply -f deploy/samples` says it. */
export const NAMESPACE = 'sallyport';
export const RELEASE = 'sallyport';
/** The services, in the order in which their pods are killed. */
export const services = [
  'audit',
  'vault',
  'identity',
  'operator',
  'policy',
  'quarantine',
  'demo',
  'mcp-broker',
  'model-proxy',
  'console',
] as const;
/** What runs besides for hosted tool servers. */
export const hostingServices = ['mcp-host', 'egress-proxy'] as const;

function readEnvironment() {
  const { KUBECONFIG, SALLYPORT_IMAGE, SALLYPORT_POSTGRES_IMAGE, SALLYPORT_ENDPOINT, SALLYPORT_VOLUMES } = process.env;
  const { SALLYPORT_HOSTED_IMAGE } = process.env;
  if (!KUBECONFIG || !SALLYPORT_IMAGE || !SALLYPORT_ENDPOINT) return undefined;
  return {
    /** `repository:tag` that the cluster can have. */
    image: SALLYPORT_IMAGE,
    /** Absent: the public image. */
    postgresImage: SALLYPORT_POSTGRES_IMAGE,
    /** Image of test/cluster/hosted; absent: no servers are hosted. */
    hostedImage: SALLYPORT_HOSTED_IMAGE,
    /** Where the Ingress listens, without a slash at the end. */
    endpoint: SALLYPORT_ENDPOINT,
    /** Folder on the node for volumes; absent: the cluster has a default storage class. */
    volumes: SALLYPORT_VOLUMES,
  };
}

/** Runs a command; gives standard output, throws with both outputs when it fails. */
export function run(command: string, args: readonly string[], input?: string): string {
  const done = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, input, timeout: 420_000 });
  if (done.status !== 0) {
    throw new Error(`${command} ${args.join(' ')} failed: ${done.error?.message ?? ''}\n${done.stdout}${done.stderr}`);
  }
  return done.stdout;
}

/** Runs kubectl. */
export const kubectl = (...args: string[]): string => run('kubectl', args);

const execute = promisify(execFile);

/** The same beside what else this process does: a load must not stand still while kubectl waits. */
export const kubectlBeside = async (...args: string[]): Promise<string> =>
  (await execute('kubectl', args, { timeout: 240_000 })).stdout;

/** Creates or updates objects. */
export const apply = (objects: readonly object[]): string =>
  run('kubectl', ['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));

/** Names of objects, `kind/name` each; none when nothing is found. */
export const names = (...args: string[]): string[] =>
  kubectl('get', ...args, '-o', 'name', '--ignore-not-found')
    .split('\n')
    .filter((line) => line !== '');

/** One key of a Secret, decoded; waits for it up to 30 s. */
export async function secretValue(namespace: string, name: string, key: string): Promise<string> {
  for (let attempt = 0; attempt < 60; attempt += 1) {
    const encoded = kubectl(
      '-n',
      namespace,
      'get',
      'secret',
      name,
      '--ignore-not-found',
      '-o',
      `jsonpath={.data.${key}}`,
    );
    if (encoded !== '') return Buffer.from(encoded, 'base64').toString('utf8');
    await pause(500);
  }
  throw new Error(`Secret ${namespace}/${name} has no key ${key}`);
}

/** Tries again until it works or the time is over; then throws the last fault. */
export async function eventually<T>(what: string, seconds: number, attempt: () => Promise<T> | T): Promise<T> {
  const until = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > until) throw new Error(`${what}: not within ${seconds} s`, { cause: error });
      await pause(300);
    }
  }
}

/** What there is to see when something went wrong. */
export function diagnosis(): string {
  const look = (...args: string[]) => spawnSync('kubectl', args, { encoding: 'utf8' }).stdout;
  const pods = look('-n', NAMESPACE, 'get', 'pods', '-o', 'wide');
  const events = look(
    '-n',
    NAMESPACE,
    'get',
    'events',
    '--field-selector',
    'type=Warning',
    '--sort-by',
    '.lastTimestamp',
  );
  const logs = [...services, ...hostingServices].map((name) => {
    const selector = `app.kubernetes.io/component=${name}`;
    return `== ${name}\n${look('-n', NAMESPACE, 'logs', '-l', selector, '--tail', '15', '--prefix=false')}`;
  });
  return [pods, events.split('\n').slice(-20).join('\n'), ...logs].join('\n');
}
