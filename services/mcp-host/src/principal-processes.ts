import { GatewayError } from '@sallyport/chassis/errors';
import { idleMinutesOf } from '@sallyport/custom-resources';
import type { HostedPrincipal } from '@sallyport/peers/hosted-principal';
import { type HostedServer, processKey } from './host.ts';

/** The processes of single principals, of servers that have one for each. */
export interface PrincipalProcesses {
  enter(
    server: HostedServer,
    principal: HostedPrincipal,
    counts: boolean,
  ): { readonly server: HostedServer; readonly leave: () => void };
  /** Whether a process of a principal is accounted for. */
  holds(server: HostedServer): boolean;
  revoke(tenant: string, ids: readonly string[]): void;
  /** Ends those of a server. */
  endOf(server: HostedServer, reason: string): void;
  endAll(reason: string): Promise<void>[];
  /** Ends those that were idle for long enough. */
  sweep(now: number): void;
}

interface Kept {
  readonly server: HostedServer;
  readonly principal: HostedPrincipal;
  readonly subjects: Set<string>;
  active: number;
  usedAt: number;
}

/** One that was used within this time is not given up for somebody else's. */
const SPARED_MS = 60_000;
const MAX_SUBJECTS = 256;

/** Keeps account of who has a process, so that there are no more than may be and none is kept for nobody. */
export function principalProcesses(options: {
  readonly maxPerTenant: number;
  readonly end: (server: HostedServer, reason: string) => Promise<void>;
}): PrincipalProcesses {
  const kept = new Map<string, Kept>();

  const end = (key: string, one: Kept, reason: string): Promise<void> => {
    kept.delete(key);
    return options.end(one.server, reason);
  };
  const endWhere = (holds: (one: Kept) => boolean, reason: string) =>
    [...kept].filter(([, one]) => holds(one)).map(([key, one]) => end(key, one, reason));
  /** Makes room among those that are counted together: the one that was idle for longest goes, if any may. */
  const makeRoom = (among: (one: Kept) => boolean, max: number, of: string) => {
    const counted = [...kept].filter(([, one]) => among(one));
    if (counted.length < max) return;
    const [oldest] = counted
      .filter(([, one]) => one.active === 0 && Date.now() - one.usedAt >= SPARED_MS)
      .sort(([, a], [, b]) => a.usedAt - b.usedAt);
    if (oldest === undefined) {
      throw new GatewayError('rate_limited', `As many principals use hosted servers of this ${of} as may: ${max}.`);
    }
    void end(...oldest, 'somebody else needs its place');
  };
  const keep = (server: HostedServer, principal: HostedPrincipal): Kept => {
    const own = { ...server, principal };
    const key = processKey(own);
    const held = kept.get(key);
    if (held !== undefined) {
      // Two whose hashes begin alike never share: the second has none.
      if (held.principal.id !== principal.id) throw new GatewayError('unavailable', 'The tool server is taken.');
      return held;
    }
    makeRoom((one) => one.server.uid === server.uid, server.spec.maxPrincipals, 'tool server');
    makeRoom((one) => one.server.tenant === server.tenant, options.maxPerTenant, 'namespace');
    const made = { server: own, principal, subjects: new Set<string>(), active: 0, usedAt: Date.now() };
    kept.set(key, made);
    return made;
  };

  return {
    enter(server, principal, counts) {
      const one = keep(server, principal);
      for (const subject of principal.subjects) if (one.subjects.size < MAX_SUBJECTS) one.subjects.add(subject);
      one.active++;
      if (counts) one.usedAt = Date.now();
      let left = false;
      return {
        server: one.server,
        leave() {
          if (left) return;
          left = true;
          one.active--;
          if (counts) one.usedAt = Date.now();
        },
      };
    },
    holds: (server) => kept.has(processKey(server)),
    revoke(tenant, ids) {
      const named = new Set(ids);
      void endWhere(
        ({ server, subjects }) => server.tenant === tenant && [...subjects].some((subject) => named.has(subject)),
        'its principal was revoked',
      );
    },
    endOf: ({ uid }, reason) => void endWhere(({ server }) => server.uid === uid, reason),
    endAll: (reason) => endWhere(() => true, reason),
    sweep(now) {
      void endWhere(({ server, active, usedAt }) => {
        const minutes = idleMinutesOf(server.spec, true) ?? Number.POSITIVE_INFINITY;
        return active === 0 && now - usedAt >= minutes * 60_000;
      }, 'it was idle');
    },
  };
}
