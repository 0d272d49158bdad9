import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { type KubeApi, kubeApi } from '@sallyport/chassis/kube/api';

/** An API server for tests. */
export type ApiServer = {
  readonly api: KubeApi;
  /** A kubeconfig file of an administrator. */
  readonly kubeconfig: string;
  /** A kubeconfig file of the service account `sallyport-operator`, which may do what its role says. */
  readonly operatorKubeconfig: string | undefined;
  /** The same of `sallyport-mcp-host`. */
  readonly hostKubeconfig: string | undefined;
  stop(): Promise<void>;
};

/**
 * Where a real API server can be had: etcd and kube-apiserver on the PATH that `$CLUSTER env` prints, those that the
 * cluster script unpacks, else the cluster of KUBECONFIG. Undefined: nowhere, and the tests are skipped with a count.
 */
export function apiServerPlace(): (() => Promise<ApiServer>) | undefined {
  const root = resolve(import.meta.dirname, '../..');
  const script = resolve(root, process.env.CLUSTER ?? '../shared/cluster/cluster');
  const folder = binaries(script);
  if (folder !== undefined) return () => start(folder);
  const { KUBECONFIG } = process.env;
  if (KUBECONFIG !== undefined && existsSync(KUBECONFIG)) {
    return async () => ({
      api: kubeApi(KUBECONFIG),
      kubeconfig: KUBECONFIG,
      operatorKubeconfig: undefined,
      hostKubeconfig: undefined,
      stop: async () => undefined,
    });
  }
  return undefined;
}

function binaries(script: string): string | undefined {
  const both = (folder: string) => ['etcd', 'kube-apiserver'].every((name) => existsSync(join(folder, name)));
  const onPath = (process.env.PATH ?? '').split(delimiter).find(both);
  if (onPath !== undefined) return onPath;
  if (!existsSync(script)) return undefined;
  const printed = execFileSync(script, ['env'], { encoding: 'utf8' });
  const listed = /PATH=(\S+?):/.exec(printed)?.[1];
  if (listed !== undefined && both(listed)) return listed;
  return unpacked(join(dirname(script), 'bin', 'kubebox.xz'));
}

// One binary under many names, packed: unpacked once a version into the temporary folder.
function unpacked(packed: string): string | undefined {
  if (!existsSync(packed)) return undefined;
  const { size, mtimeMs } = statSync(packed);
  const stamp = createHash('sha256').update(`${packed} ${size} ${mtimeMs}`).digest('hex').slice(0, 12);
  const folder = join(tmpdir(), `sallyport-kube-${stamp}`);
  if (existsSync(join(folder, 'kube-apiserver'))) return folder;
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  try {
    execFileSync('sh', ['-c', 'xz -dc "$1" > "$2" && chmod 755 "$2"', 'sh', packed, join(fresh, 'kubebox')]);
  } catch {
    return undefined;
  }
  for (const name of ['etcd', 'kube-apiserver']) symlinkSync('kubebox', join(fresh, name));
  try {
    renameSync(fresh, folder);
  } catch {
    // Another run was faster.
  }
  return readdirSync(folder).includes('kube-apiserver') ? folder : undefined;
}

async function start(folder: string): Promise<ApiServer> {
  const home = await mkdtemp(join(tmpdir(), 'sallyport-apiserver-'));
  const [client, peer, secure] = [await freePort(), await freePort(), await freePort()];
  const file = (name: string, text: string) => {
    writeFileSync(join(home, name), text, { mode: 0o600 });
    return join(home, name);
  };
  const token = () => randomBytes(16).toString('hex');
  const [admin, operator, host] = [token(), token(), token()];
  const account = (name: string) => `system:serviceaccount:sallyport:sallyport-${name},${name},system:serviceaccounts`;
  const tokens = file(
    'tokens.csv',
    `${admin},admin,admin,system:masters\n${operator},${account('operator')}\n${host},${account('mcp-host')}\n`,
  );
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = file('sa.key', privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
  const url = `http://127.0.0.1:${client}`;
  const running: ChildProcess[] = [];
  const run = (name: string, args: string[]) => {
    const child = spawn(join(folder, name), args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let last = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      last = (last + chunk.toString()).slice(-4000);
    });
    running.push(child);
    return () => last;
  };
  run('etcd', [
    ...['--data-dir', join(home, 'etcd'), '--listen-client-urls', url, '--advertise-client-urls', url],
    ...['--listen-peer-urls', `http://127.0.0.1:${peer}`, '--initial-advertise-peer-urls', `http://127.0.0.1:${peer}`],
    ...['--initial-cluster', `default=http://127.0.0.1:${peer}`, '--unsafe-no-fsync', '--log-level', 'error'],
  ]);
  const words = run('kube-apiserver', [
    ...['--etcd-servers', url, '--secure-port', String(secure), '--bind-address', '127.0.0.1'],
    ...['--cert-dir', join(home, 'certificates'), '--token-auth-file', tokens, '--authorization-mode', 'RBAC'],
    ...['--service-cluster-ip-range', '10.0.0.0/24', '--service-account-issuer', 'https://kubernetes.default.svc'],
    ...['--service-account-key-file', key, '--service-account-signing-key-file', key],
    ...['--disable-admission-plugins', 'ServiceAccount', '--v', '0'],
  ]);
  const config = (name: string, token: string) => {
    const cluster = { server: `https://127.0.0.1:${secure}`, 'insecure-skip-tls-verify': true };
    return file(
      `${name}.json`,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name, cluster }],
        users: [{ name, user: { token } }],
        contexts: [{ name, context: { cluster: name, user: name } }],
        'current-context': name,
      }),
    );
  };
  const kubeconfig = config('admin', admin);
  const api = kubeApi(kubeconfig);
  const stop = async () => {
    for (const child of running.reverse()) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill()) await ended;
    }
    await rm(home, { recursive: true, force: true });
  };
  for (let left = 240; ; left--) {
    const ready = await api.request({ path: '/apis/apiextensions.k8s.io/v1', timeoutMs: 2000 }).then(
      () =>
        api.request({ path: '/api/v1/namespaces/default', timeoutMs: 2000 }).then(
          () => true,
          () => false,
        ),
      () => false,
    );
    if (ready) break;
    if (left === 0 || running.some((child) => child.exitCode !== null)) {
      await stop();
      throw new Error(`The API server did not come up:\n${words()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return {
    api,
    kubeconfig,
    operatorKubeconfig: config('operator', operator),
    hostKubeconfig: config('host', host),
    stop,
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
