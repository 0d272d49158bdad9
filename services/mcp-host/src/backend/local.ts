import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GatewayError } from '@sallyport/chassis/errors';
import { type Logger, redactText } from '@sallyport/chassis/log';
import { parseSecret, parseYaml } from '@sallyport/custom-resources';
import { egressProxyUrl, proxyVariables } from '@sallyport/peers/egress-credential';
import type { Backend, HostedServer } from '../host.ts';
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

  const optionsOf = (server: HostedServer) => {
    const { command, args, env } = server.spec;
    if (command === undefined) {
      throw new GatewayError('unavailable', 'Without a cluster hosted.command must be given: no image is used.');
    }
    const secrets: string[] = [];
    const own = env.map(({ name, value, secretRef }) => {
      if (secretRef === undefined) return [name, value ?? ''] as const;
      const found = secretValue(options.secretsDirs, server.tenant, secretRef);
      if (found === undefined)
        throw new GatewayError('unavailable', `There is no key ${secretRef.key} in Secret ${secretRef.name}.`);
      if (found.length >= 4) secrets.push(found);
      return [name, found] as const;
    });
    const proxy = egressProxyUrl(options.egressKey, server, options.proxy);
    return {
      command: [...command, ...args],
      cwd: workDir,
      env: { PATH: options.path, HOME: workDir, TMPDIR: workDir, ...Object.fromEntries(own), ...proxyVariables(proxy) },
      onStderr: bounded(log.child({ server: server.name, tenant: server.tenant }), [...secrets, proxy]),
    };
  };

  return {
    open: (server) => (listener, signal) => openChild(optionsOf(server), listener, signal),
    async address(server, signal) {
      const { http } = server.spec;
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
    idle: async () => undefined,
    async forget(server) {
      const pipe = await listening.get(server.uid)?.catch(() => undefined);
      listening.delete(server.uid);
      pipe?.end();
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
