import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { ToolServerSpec } from '@sallyport/custom-resources';
import type { Snapshot } from '@sallyport/peers/snapshot';
import { type Backend, createHost, type Host, type HostedServer } from './host.ts';
import type { BridgeBounds } from './stdio/bridge.ts';

/** The hosted servers of all tenants. */
export interface Hosts extends Component {
  /** A hosted server, over whichever transport. */
  server(tenant: string, uid: string): HostedServer | undefined;
  /** The host of a server over standard input and output. */
  host(server: HostedServer): Host;
  all(): Iterable<Host>;
  stop(): Promise<void>;
}

const SWEEP_MS = 5_000;

/** Follows the hosted servers of the snapshot: those that are gone or changed are ended. */
export function followHosts(options: {
  readonly snapshot: Pick<Snapshot, 'items' | 'onChange'>;
  readonly backend: Backend;
  readonly bounds: BridgeBounds;
  readonly log: Logger;
  readonly onState: () => void;
}): Hosts {
  const { snapshot, backend, log } = options;
  const servers = new Map<string, HostedServer>();
  const hosts = new Map<string, Host>();
  let timer: NodeJS.Timeout | undefined;

  const leave = (server: HostedServer) => {
    hosts.get(server.uid)?.stop('its resource changed or is gone');
    hosts.delete(server.uid);
    backend.forget(server).catch((error: unknown) => log.warn('A tool server was left behind', { error }));
  };
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
      leave(server);
    }
    for (const [uid, server] of now) if (!servers.has(uid)) servers.set(uid, server);
  };

  return {
    name: 'hosted servers',
    start() {
      snapshot.onChange(follow);
      follow();
      timer = setInterval(() => {
        for (const host of hosts.values()) void host.sweep(Date.now());
      }, SWEEP_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      for (const host of hosts.values()) host.stop('Sallyport stops');
      await Promise.allSettled([...servers.values()].map((server) => backend.forget(server)));
    },
    server(tenant, uid) {
      const server = servers.get(uid);
      return server?.tenant === tenant ? server : undefined;
    },
    host(server) {
      const held = hosts.get(server.uid);
      if (held !== undefined) return held;
      const host = createHost({ ...options, server });
      hosts.set(server.uid, host);
      return host;
    },
    all: () => hosts.values(),
  };
}
