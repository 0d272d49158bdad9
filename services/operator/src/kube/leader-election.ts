import { sleep } from '@sallyport/chassis/deadline';
import { type KubeApi, KubeError } from '@sallyport/chassis/kube/api';
import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';

/** How a leader is elected. */
export type LeaderElectionOptions = {
  readonly api: Pick<KubeApi, 'request'>;
  readonly namespace: string;
  /** Name of the Lease. */
  readonly name: string;
  /** Unique in all replicas and over restarts. */
  readonly identity: string;
  /** A leader that was silent for so long is replaced. */
  readonly durationMs: number;
  /** A leader that could not renew for so long gives up. Less than `durationMs`. */
  readonly renewMs: number;
  /** Time between attempts. */
  readonly retryMs: number;
  readonly onLead: () => Promise<void>;
  /** Called before the Lease is given back: whatever only a leader may do must have ended when it resolves. */
  readonly onRelease: () => Promise<void>;
  /** Called when leadership was lost against our will; the process should end. */
  readonly onLost: () => void;
  readonly log: Logger;
  readonly now?: () => number;
};

type Lease = {
  metadata: { name: string; namespace: string; resourceVersion?: string };
  spec: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
};

/**
 * Leader election by a Lease, as client-go does it: whether a leader is silent is judged by when this process last saw
 * the Lease change, never by comparing clocks; updates carry the version that was read, so that two cannot win.
 */
export function leaderElection(options: LeaderElectionOptions): Component {
  const { api, namespace, name, identity, durationMs, renewMs, retryMs, onLead, onRelease, onLost, log } = options;
  const now = options.now ?? (() => performance.now());
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const life = new AbortController();
  let running: Promise<void> = Promise.resolve();
  let observed: { readonly version: string; readonly atMs: number } | undefined;
  let leading = false;
  let renewedMs = 0;

  const micro = () => new Date().toISOString().replace('Z', '000Z');
  const seconds = Math.ceil(durationMs / 1000);

  // What a leader sends counts until it has to give up, so that a server that hangs does not keep it beyond that.
  const patienceMs = () => (leading ? Math.max(1, renewMs - (now() - renewedMs)) : renewMs);
  const read = async (): Promise<Lease | undefined> => {
    try {
      return (await api.request({ path: `${path}/${name}`, signal: life.signal, timeoutMs: patienceMs() })) as Lease;
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return undefined;
      throw error;
    }
  };
  const write = (method: 'POST' | 'PUT', lease: Lease) =>
    api.request({
      method,
      path: method === 'POST' ? path : `${path}/${name}`,
      body: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...lease },
      timeoutMs: patienceMs(),
    });

  // True when we hold the Lease after this attempt.
  const attempt = async (): Promise<boolean> => {
    const lease = await read();
    if (lease === undefined) {
      const time = micro();
      const spec = {
        holderIdentity: identity,
        leaseDurationSeconds: seconds,
        acquireTime: time,
        renewTime: time,
        leaseTransitions: 0,
      };
      await write('POST', { metadata: { name, namespace }, spec });
      return true;
    }
    const version = lease.metadata.resourceVersion ?? '';
    if (observed?.version !== version) observed = { version, atMs: now() };
    const holder = lease.spec.holderIdentity ?? '';
    const ours = holder === identity;
    const lasts = Math.max(durationMs, (lease.spec.leaseDurationSeconds ?? 0) * 1000);
    if (!ours && holder !== '' && now() - observed.atMs < lasts) return false;
    await write('PUT', {
      metadata: { name, namespace, resourceVersion: version },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: seconds,
        acquireTime: ours ? (lease.spec.acquireTime ?? micro()) : micro(),
        renewTime: micro(),
        leaseTransitions: (lease.spec.leaseTransitions ?? 0) + (ours ? 0 : 1),
      },
    });
    return true;
  };

  const round = async (): Promise<void> => {
    let held = false;
    // A renewal counts from when it was begun: others count from when they see it, which is later.
    const begunMs = now();
    try {
      held = await attempt();
    } catch (error) {
      const lostRace = error instanceof KubeError && error.status === 409;
      if (!lostRace) log.warn('the leader Lease could not be read or written', { error: (error as Error).message });
    }
    if (held) renewedMs = begunMs;
    if (held && !leading) {
      leading = true;
      log.info('this replica leads', { identity });
      await onLead();
    } else if (leading && !held && (now() - renewedMs >= renewMs || life.signal.aborted)) {
      leading = false;
      log.error('leadership was lost', { identity });
      onLost();
    }
  };

  const run = async () => {
    while (!life.signal.aborted) {
      await round();
      await sleep(retryMs * (1 + Math.random() / 5), life.signal).catch(() => undefined);
    }
  };

  return {
    name: 'leader election',
    start() {
      running = run();
    },
    async stop() {
      life.abort();
      await running;
      if (!leading) return;
      leading = false;
      await onRelease();
      // Given back, so that the next replica need not wait for it to run out.
      try {
        const lease = (await api.request({ path: `${path}/${name}`, timeoutMs: 2000 })) as Lease;
        if (lease.spec.holderIdentity !== identity) return;
        await write('PUT', {
          ...lease,
          spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: micro() },
        });
      } catch (error) {
        log.warn('the leader Lease could not be given back', { error: (error as Error).message });
      }
    },
  };
}
