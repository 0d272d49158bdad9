import { orEnded, sleep } from '@sallyport/chassis/deadline';
import { GatewayError } from '@sallyport/chassis/errors';
import { type KubeApi, KubeError } from '@sallyport/chassis/kube/api';
import type { Attach } from '@sallyport/chassis/kube/attach';
import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import { HOSTED_LABEL, hostedName, PRINCIPAL_LABEL, podOfPrincipal, UID_LABEL } from '@sallyport/peers/hosted-names';
import type { PodService } from '@sallyport/proto/hosting/v1/hosting_pb';
import { type Backend, type HostedServer, processKey, shortId } from '../host.ts';
import { addressBook } from './address-book.ts';
import { CONTAINER, openAttached, type Pod } from './attached.ts';

interface PodObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly initContainerStatuses?: readonly {
      readonly state?: { readonly waiting?: { readonly reason?: string } };
    }[];
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly ready: boolean;
      readonly state?: { readonly running?: object; readonly waiting?: { readonly reason?: string } };
    }[];
  };
}

const POLL_MS = 250;
const WAIT_MS = 240_000;
const START_MS = 10_000;
const ENDED = new Set(['Succeeded', 'Failed']);
const BROKEN = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'CrashLoopBackOff',
  'CreateContainerConfigError',
]);

/** Which hosted server has a pod at an address, of those of a namespace. */
export type AtAddress = (
  address: string,
  tenant: string,
) => Promise<{ readonly tenant: string; readonly uid: string } | undefined>;

/**
 * Hosted servers in pods, which the operator makes: here they are found, scaled between none and one, taken hold of by
 * `pods/attach`, which works with any image and lets no connection into the pod, and removed where they misbehave.
 */
export function clusterBackend(options: {
  readonly api: Pick<KubeApi, 'request' | 'watch'>;
  readonly attach: Attach;
  /** Makes pods of single principals. */
  readonly pods: Pick<Client<typeof PodService>, 'startPod'>;
  readonly log: Logger;
}): Backend & { readonly atAddress: AtAddress } {
  const { api, attach, log } = options;
  const addresses = addressBook(api);

  const list = async (path: string, query: Record<string, string>): Promise<PodObject[]> =>
    ((await api.request({ path, query })) as { items: PodObject[] }).items;
  const podsOf = ({ tenant, uid, principal }: HostedServer) =>
    list(
      `/api/v1/namespaces/${tenant}/pods`,
      principal === undefined
        ? { labelSelector: `${UID_LABEL}=${uid},!${PRINCIPAL_LABEL}` }
        : {
            labelSelector: `${UID_LABEL}=${uid},${PRINCIPAL_LABEL}=${shortId(principal)}`,
            // Whoever may make pods may give them any labels, but not this name.
            fieldSelector: `metadata.name=${podOfPrincipal(uid, shortId(principal))}`,
          },
    );
  const scale = async ({ tenant, uid }: HostedServer, replicas: number) => {
    const path = `/apis/apps/v1/namespaces/${tenant}/deployments/${hostedName(uid)}/scale`;
    await api
      .request({ method: 'PATCH', path, contentType: 'application/merge-patch+json', body: { spec: { replicas } } })
      .catch((error: unknown) => {
        if (error instanceof KubeError && error.status === 404) {
          throw new GatewayError('unavailable', 'The tool server is not deployed yet.');
        }
        throw error;
      });
  };
  const remove = async ({ namespace, name }: Pod) => {
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    await api.request({ method: 'DELETE', path, body: { gracePeriodSeconds: 2 } }).catch((error: unknown) => {
      if (!(error instanceof KubeError && error.status === 404)) throw error;
    });
  };
  const removeOf = async ({ tenant, uid, principal }: HostedServer) => {
    if (principal !== undefined) await remove({ namespace: tenant, name: podOfPrincipal(uid, shortId(principal)) });
  };
  const containerOf = (pod: PodObject) => pod.status?.containerStatuses?.find(({ name }) => name === CONTAINER);

  const clearing = new Map<string, Promise<void>>();
  /** Has the pod of a principal made where there is none, and removed where it has ended. */
  const ensure = async (server: HostedServer, pods: readonly PodObject[], made: boolean, signal: AbortSignal) => {
    const { tenant, uid, principal } = server;
    if (principal === undefined) return false;
    const asked = { tenant, uid, principal: shortId(principal), secretKey: principal.secretKey };
    if (pods.length === 0) await options.pods.startPod(asked, { timeoutMs: START_MS, signal });
    for (const { metadata, status } of pods) {
      if (metadata.deletionTimestamp !== undefined || !ENDED.has(status?.phase ?? '')) continue;
      await remove(metadata);
      if (made) throw new GatewayError('unavailable', 'The tool server does not start: its pod ended at once.');
    }
    return made || pods.length === 0;
  };

  /** The pod of a server once its process runs (and listens, where `ready` is asked for). */
  const awake = async (server: HostedServer, ready: boolean, signal: AbortSignal): Promise<PodObject> => {
    const until = Date.now() + WAIT_MS;
    if (server.principal !== undefined) await clearing.get(server.uid);
    else if (server.spec.idleMinutes !== undefined) await scale(server, 1);
    let made = false;
    for (let why = 'its pod does not run yet'; ; ) {
      signal.throwIfAborted();
      const pods = await podsOf(server);
      made = await ensure(server, pods, made, signal);
      for (const pod of pods) {
        if (pod.metadata.deletionTimestamp !== undefined || ENDED.has(pod.status?.phase ?? '')) continue;
        const container = containerOf(pod);
        if (container?.state?.running !== undefined && (!ready || container.ready)) return pod;
        // The probe before it may be what does not begin, or what found that egress is not enforced.
        const probing = pod.status?.initContainerStatuses?.[0]?.state?.waiting?.reason ?? '';
        const reason = BROKEN.has(probing) ? probing : (container?.state?.waiting?.reason ?? '');
        if (BROKEN.has(reason)) throw new GatewayError('unavailable', `The tool server does not start: ${reason}.`);
        why = reason || why;
      }
      if (Date.now() > until) throw new GatewayError('unavailable', `The tool server does not start: ${why}.`);
      await sleep(POLL_MS, signal);
    }
  };

  const waking = new Map<string, Promise<URL>>();
  /** Where a server over HTTP listens: those that wait for it do so together, and what is known is good until a pod changes. */
  const listening = async (server: HostedServer, signal: AbortSignal): Promise<URL> => {
    const key = processKey(server);
    const known = addresses.of(key);
    if (known !== undefined) return known;
    let found = waking.get(key);
    if (found === undefined) {
      const { tenant, uid, spec } = server;
      // Watched before it is looked at, so that no change is missed in between.
      const keep = addresses.follow(key, tenant, `${UID_LABEL}=${uid}`);
      found = awake(server, true, AbortSignal.timeout(WAIT_MS))
        .then(({ status }) => {
          const ip = status?.podIP ?? '';
          const url = new URL(`http://${ip.includes(':') ? `[${ip}]` : ip}:${spec.http?.port}${spec.http?.path}`);
          keep(ip, url);
          return url;
        })
        .finally(() => waking.delete(key));
      waking.set(key, found);
    }
    return orEnded(found, signal);
  };

  return {
    open: (server) => async (listener, signal) => {
      const { metadata } = await awake(server, false, signal);
      return openAttached(attach, metadata, remove, listener, signal);
    },
    address: listening,
    unreachable: (server) => addresses.forget(processKey(server)),
    begin({ tenant, uid }) {
      const orphans = list(`/api/v1/namespaces/${tenant}/pods`, {
        labelSelector: `${UID_LABEL}=${uid},${PRINCIPAL_LABEL}`,
      })
        .then(async (pods) => {
          for (const { metadata } of pods) await remove(metadata);
        })
        .catch((error: unknown) => log.warn('Pods of principals were left behind', { tenant, uid, error }))
        .finally(() => clearing.delete(uid));
      clearing.set(uid, orphans);
    },
    idle: (server) => (server.principal === undefined ? scale(server, 0) : removeOf(server)),
    // What all share the operator made, and takes away.
    async forget(server) {
      addresses.forget(processKey(server));
      if (server.principal !== undefined) await removeOf(server);
    },
    async atAddress(address, tenant) {
      const pods = await list(`/api/v1/namespaces/${tenant}/pods`, {
        labelSelector: `${HOSTED_LABEL}=true`,
        fieldSelector: `status.podIP=${address}`,
      });
      const uids = pods
        .filter(({ status }) => status?.phase === 'Running' || status?.phase === 'Pending')
        .map(({ metadata }) => metadata.labels?.[UID_LABEL]);
      const [uid] = uids;
      // Pods in the network of their node share its address: then it says nothing.
      return uid === undefined || uids.some((one) => one !== uid) ? undefined : { tenant, uid };
    },
  };
}
