import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { GatewayError } from '@sallyport/chassis/errors';
import { type Logger, redactText } from '@sallyport/chassis/log';
import { parseSecret, parseYaml } from '@sallyport/custom-resources';
import { egressProxyUrl, proxyVariables } from '@sallyport/peers/egress-credential';
import { type Backend, type HostedServer, processKey, shortId } from '../host.ts';
import type { Pipe } from '../stdio/pipe.ts';
import { openChild } from './child.ts';

/** What a child process is started with. */
export interface LocalOptions {
  /** Folders whose YAML files hold the Secrets. */
  readonly secretsDirs: readonly string[];
  /** Working folder of the processes. */
  readonly workDir: string;
  /** `http://127.0.0.1:port` of the egress proxy, and the key of credentials for it. */
  readonly proxy: string;
  readonly egressKey: string;
  /** PATH of the children. */
  readonly path: string;
  readonly log: Logger;
}

const LOG_BURST = 50;
const LOG_EVERY_MS = 1_000;

/** Hosted servers as child processes of this one, without a sandbox: for one's own machine, where there is no cluster. */
export function localBackend(options: LocalOptions): Backend {
  const { log, workDir } = options;
  const listening = new Map<string, Promise<Pipe>>();

  // What one principal's process leaves in its folder another's does not find there, as long as it only looks at home.
  const homeOf = ({ uid, principal }: HostedServer) =>
    principal === undefined ? workDir : join(workDir, 'principals', `${uid}-${shortId(principal)}`);
  const optionsOf = (server: HostedServer) => {
    const { command, args, env } = server.spec;
    if (command === undefined) {
      throw new GatewayError('unavailable', 'Without a cluster hosted.command must be given: no image is used.');
    }
    if (server.spec.requireEgressEnforced) {
      throw new GatewayError('unavailable', 'It may run only where egress is enforced, which nothing does here.');
    }
    const secrets: string[] = [];
    const own = env.map(({ name, value, secretRef, perPrincipal }) => {
      if (secretRef === undefined) return [name, value ?? ''] as const;
      const key = perPrincipal ? (server.principal?.secretKey ?? secretRef.key) : secretRef.key;
      const found = secretValue(options.secretsDirs, server.tenant, { ...secretRef, key });
      if (found === undefined) {
        const code = perPrincipal ? 'upstream_credentials' : 'unavailable';
        throw new GatewayError(code, `There is no key ${key} in Secret ${secretRef.name}.`);
      }
      if (found.length >= 4) secrets.push(found);
      return [name, found] as const;
    });
    const proxy = egressProxyUrl(options.egressKey, server, options.proxy);
    const home = homeOf(server);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    return {
      command: [...command, ...args],
      cwd: home,
      env: { PATH: options.path, HOME: home, TMPDIR: home, ...Object.fromEntries(own), ...proxyVariables(proxy) },
      onStderr: bounded(log.child({ server: server.name, tenant: server.tenant }), [...secrets, proxy]),
    };
  };

  return {
    open: (server) => (listener, signal) => openChild(optionsOf(server), listener, signal),
    async address(server, signal) {
      const { http } = server.spec;
      if (server.principal !== undefined) {
        const message = 'Without a cluster a server over HTTP has one process for all: its port is on this machine.';
        throw new GatewayError('unavailable', message);
      }
      if (!listening.has(server.uid)) {
        const onEnd = (reason: string) => {
          listening.delete(server.uid);
          log.warn('A hosted tool server ended', { server: server.name, tenant: server.tenant, reason });
        };
        const started = openChild(optionsOf(server), { onData: () => undefined, onEnd }, new AbortController().signal);
        listening.set(server.uid, started);
        started.catch(() => listening.delete(server.uid));
      }
      await listening.get(server.uid);
      signal.throwIfAborted();
      return new URL(`http://127.0.0.1:${http?.port}${http?.path}`);
    },
    unreachable: () => undefined,
    begin: () => undefined,
    idle: async () => undefined,
    async forget(server) {
      const key = processKey(server);
      const pipe = await listening.get(key)?.catch(() => undefined);
      listening.delete(key);
      pipe?.end();
      if (server.principal !== undefined) rmSync(homeOf(server), { recursive: true, force: true });
    },
  };
}

/** Writes lines to the log, a few at once and then one a second, without the values of secrets. */
function bounded(log: Logger, secrets: readonly string[]): (line: string) => void {
  let left = LOG_BURST;
  let at = Date.now();
  return (line) => {
    const earned = Math.floor((Date.now() - at) / LOG_EVERY_MS);
    if (earned > 0) {
      at = Date.now();
      left = Math.min(LOG_BURST, left + earned);
    }
    if (left <= 0) return;
    left--;
    let text = line;
    for (const secret of secrets) text = text.replaceAll(secret, '[redacted]');
    log.info('stderr', { line: redactText(text) });
  };
}

/** A value out of the YAML files of a folder. */
function secretValue(
  dirs: readonly string[],
  tenant: string,
  ref: { readonly name: string; readonly key: string },
): string | undefined {
  for (const dir of dirs) {
    for (const file of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
      if (!/\.ya?ml$/.test(file)) continue;
      for (const { value } of parseYaml(readFileSync(join(dir, file), 'utf8'))) {
        const secret = parseSecret(value);
        if (!secret.ok) continue;
        const { metadata, data } = secret.value;
        if (metadata.name === ref.name && (metadata.namespace ?? 'default') === tenant && data.has(ref.key))
          return data.get(ref.key);
      }
    }
  }
  return undefined;
}
