import { fileURLToPath } from 'node:url';
import { httpServer } from '@sallyport/chassis/http/server';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import type { HostedServerSpec } from '@sallyport/custom-resources';
import { localBackend } from '../backend/local.ts';
import { createFront } from '../front.ts';
import { followHosts, type Hosts } from '../hosts.ts';
import { type BridgeBounds, bridgeBounds } from '../stdio/bridge.ts';

const log = createLogger({ service: 'test', level: 'error' });
const HOSTILE = fileURLToPath(new URL('./hostile.mjs', import.meta.url));
const TELLING = fileURLToPath(new URL('./telling.mjs', import.meta.url));

/** Namespace of the servers of the suite. */
export const TENANT = 'acme';

/** The spec of a server that is run by Node, on its own or of a manner of `hostile.mjs`. */
export function nodeServer(args: readonly string[], more: Partial<HostedServerSpec> = {}): HostedServerSpec {
  return {
    image: 'example.com/none:1',
    command: [process.execPath],
    args: [...args],
    env: [],
    transport: 'Stdio',
    egress: [],
    resources: { cpu: '1', memory: '256Mi', storage: '64Mi' },
    runAsUser: 65532,
    isolation: 'Shared',
    maxPrincipals: 20,
    requireEgressEnforced: false,
    ...more,
  };
}

/** The same of a manner of `hostile.mjs`. */
export const hostile = (manner: string, more: Partial<HostedServerSpec> = {}) => nodeServer([HOSTILE, manner], more);

/** A server that says who it is: its process, its secret, and all that it was ever told. Standard output is what MCP says. */
export const telling = (more: Partial<HostedServerSpec> = {}) => nodeServer([TELLING], more);

/** A front over child processes, in this process. */
export interface HostSuite {
  readonly hosts: Hosts;
  url(uid: string): URL;
  /** Replaces the servers, by UID. */
  declare(servers: Readonly<Record<string, HostedServerSpec>>): void;
  stop(): Promise<void>;
}

/** Starts a front with these servers, by UID. */
export async function startHostSuite(
  servers: Readonly<Record<string, HostedServerSpec>>,
  bounds: Partial<BridgeBounds> = {},
): Promise<HostSuite> {
  let declared = servers;
  const listeners = new Set<(kind: string) => void>();
  const snapshot = {
    items: () =>
      Object.entries(declared).map(([uid, hosted]) => ({
        ...{ kind: 'ToolServer', tenant: TENANT, name: uid, uid, createdAtMs: 0, generation: 1 },
        ...{ spec: { hosted }, contentHash: '' },
      })),
    onChange(listener: (kind: string) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const backend = localBackend({
    secretsDirs: [import.meta.dirname],
    workDir: import.meta.dirname,
    proxy: 'http://127.0.0.1:9',
    egressKey: 'k'.repeat(32),
    path: '/usr/bin:/bin',
    log,
  });
  const hosts = followHosts({
    snapshot,
    backend,
    bounds: { ...bridgeBounds, ...bounds },
    maxPrincipals: 10,
    log,
    onState: () => undefined,
  });
  await hosts.start?.();
  const app = createFront({
    hosts,
    backend,
    log,
    metrics: createMetrics('mcp-host', { defaults: false }),
    secure: false,
  });
  const server = httpServer({ listen: { host: '127.0.0.1', port: 0 }, app, log });
  await server.start();
  return {
    hosts,
    url: (uid) => new URL(`http://127.0.0.1:${server.port()}/servers/${TENANT}/${uid}`),
    declare(next) {
      declared = next;
      for (const listener of listeners) listener('ToolServer');
    },
    async stop() {
      await hosts.stop();
      await server.stop(Date.now() + 1_000);
    },
  };
}
