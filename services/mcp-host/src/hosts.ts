import { sleep } from '@sallyport/chassis/deadline';
import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { ToolServerSpec } from '@sallyport/custom-resources';
import type { HostedPrincipal } from '@sallyport/peers/hosted-principal';
import type { Snapshot } from '@sallyport/peers/snapshot';
import { type Backend, createHost, type Host, type HostedServer, processKey } from './host.ts';
import { principalProcesses } from './principal-processes.ts';
import type { BridgeBounds } from './stdio/bridge.ts';

/** The hosted servers of all tenants. */
export interface Hosts extends Component {
  /** A hosted server, over whichever transport. */
  server(tenant: string, uid: string): HostedServer | undefined;
  /**
   * The server as a principal has it: its own, where there is one for each. `counts`: what is asked keeps it from being
   * idle. To be let go of when it was answered. Throws GatewayError where there are as many as there may be.
   */
  enter(
    server: HostedServer,
    principal: HostedPrincipal,
    counts: boolean,
  ): { readonly server: HostedServer; readonly leave: () => void };
  /** Ends the processes of principals of a tenant that a notice of revocation names. */
  revoke(tenant: string, ids: readonly string[]): void;
  /** The host of a server over standard input and output. */
  host(server: HostedServer): Host;
  /** Those that all share. */
  all(): Iterable<Host>;
  stop(): Promise<void>;
}

const SWEEP_MS = 5_000;
const FORGET_ATTEMPTS = 6;

/** Follows the hosted servers of the snapshot: those that are gone or changed are ended. */
export function followHosts(options: {
  readonly snapshot: Pick<Snapshot, 'items' | 'onChange'>;
  readonly backend: Backend;
  readonly bounds: BridgeBounds;
  /** Most processes of single principals in one namespace. */
  readonly maxPrincipals: number;
  readonly log: Logger;
  readonly onState: () => void;
}): Hosts {
  const { snapshot, backend, log, maxPrincipals } = options;
  const servers = new Map<string, HostedServer>();
  const hosts = new Map<string, Host>();
  const life = new AbortController();
  let timer: NodeJS.Timeout | undefined;

  const end = (server: HostedServer, reason: string) => {
    const key = processKey(server);
    hosts.get(key)?.stop(reason);
    hosts.delete(key);
    return forget(server);
  };
  // What is left behind would go on with the values of its principal, so it is tried again.
  const forget = async (server: HostedServer) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await backend.forget(server);
      } catch (error) {
        log.warn('A tool server could not be taken away yet', { error, server: server.name, attempt });
        if (attempt === FORGET_ATTEMPTS) return;
        await sleep(attempt * 500, life.signal).catch(() => undefined);
        // Its principal came back: the process that is still there is in use.
        if (principals.holds(server)) return;
      }
    }
  };
  const principals = principalProcesses({ maxPerTenant: maxPrincipals, end });
  const follow = () => {
    const now = new Map<string, HostedServer>();
    for (const { tenant, name, uid, generation, spec } of snapshot.items('ToolServer')) {
      const { hosted } = spec as ToolServerSpec;
      // What else the resource says is nothing to the process.
      const contentHash = JSON.stringify(hosted);
      if (hosted !== undefined) now.set(uid, { tenant, name, uid, generation, contentHash, spec: hosted });
    }
    for (const [uid, server] of servers) {
      const next = now.get(uid);
      if (next?.contentHash === server.contentHash) continue;
      servers.delete(uid);
      principals.endOf(server, CHANGED);
      void end(server, CHANGED);
    }
    for (const [uid, server] of now) {
      if (servers.has(uid)) continue;
      servers.set(uid, server);
      if (server.spec.isolation === 'PerPrincipal') backend.begin(server);
    }
  };

  return {
    name: 'hosted servers',
    start() {
      snapshot.onChange(follow);
      follow();
      timer = setInterval(() => {
        const now = Date.now();
        principals.sweep(now);
        for (const host of hosts.values()) if (host.server.principal === undefined) void host.sweep(now);
      }, SWEEP_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      life.abort(new Error('Sallyport stops'));
      const ending = principals.endAll('Sallyport stops');
      for (const host of hosts.values()) host.stop('Sallyport stops');
      await Promise.allSettled([...ending, ...[...servers.values()].map((server) => backend.forget(server))]);
    },
    server(tenant, uid) {
      const server = servers.get(uid);
      return server?.tenant === tenant ? server : undefined;
    },
    enter: principals.enter,
    revoke: principals.revoke,
    host(server) {
      const key = processKey(server);
      const held = hosts.get(key);
      if (held !== undefined) return held;
      const host = createHost({ ...options, server });
      hosts.set(key, host);
      return host;
    },
    *all() {
      for (const host of hosts.values()) if (host.server.principal === undefined) yield host;
    },
  };
}

const CHANGED = 'its resource changed or is gone';
