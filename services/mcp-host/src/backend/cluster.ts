import { orEnded, sleep } from '@sallyport/chassis/deadline';
import { GatewayError } from '@sallyport/chassis/errors';
import { type KubeApi, KubeError } from '@sallyport/chassis/kube/api';
import type { Attach } from '@sallyport/chassis/kube/attach';
import type { Logger } from '@sallyport/chassis/log';
import type { Backend, HostedServer } from '../host.ts';
import { CONTAINER, openAttached, type Pod } from './attached.ts';

/** Labels that the operator gives to what belongs to a hosted server, and how it names its Deployment. */
export const HOSTED_LABEL = 'sallyport.dev/hosted';
export const UID_LABEL = 'sallyport.dev/tool-server-uid';

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
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly ready: boolean;
      readonly state?: { readonly running?: object; readonly waiting?: { readonly reason?: string } };
    }[];
  };
}

const POLL_MS = 250;
const WAIT_MS = 240_000;
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
  readonly api: Pick<KubeApi, 'request'>;
  readonly attach: Attach;
  readonly log: Logger;
}): Backend & { readonly atAddress: AtAddress } {
  const { api, attach } = options;

  const list = async (path: string, query: Record<string, string>): Promise<PodObject[]> =>
    ((await api.request({ path, query })) as { items: PodObject[] }).items;
  const podsOf = ({ tenant, uid }: HostedServer) =>
    list(`/api/v1/namespaces/${tenant}/pods`, { labelSelector: `${UID_LABEL}=${uid}` });
  const scale = async ({ tenant, uid }: HostedServer, replicas: number) => {
    const path = `/apis/apps/v1/namespaces/${tenant}/deployments/${deploymentName(uid)}/scale`;
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
  const containerOf = (pod: PodObject) => pod.status?.containerStatuses?.find(({ name }) => name === CONTAINER);

  /** The pod of a server once its process runs (and listens, where `ready` is asked for). */
  const awake = async (server: HostedServer, ready: boolean, signal: AbortSignal): Promise<PodObject> => {
    const until = Date.now() + WAIT_MS;
    if (server.spec.idleMinutes !== undefined) await scale(server, 1);
    for (let why = 'its pod does not run yet'; ; ) {
      signal.throwIfAborted();
      for (const pod of await podsOf(server)) {
        if (pod.metadata.deletionTimestamp !== undefined) continue;
        const container = containerOf(pod);
        if (container?.state?.running !== undefined && (!ready || container.ready)) return pod;
        const reason = container?.state?.waiting?.reason ?? '';
        if (BROKEN.has(reason)) throw new GatewayError('unavailable', `The tool server does not start: ${reason}.`);
        why = reason || why;
      }
      if (Date.now() > until) throw new GatewayError('unavailable', `The tool server does not start: ${why}.`);
      await sleep(POLL_MS, signal);
    }
  };

  const waking = new Map<string, Promise<PodObject>>();
  /** The same for a server over HTTP, whose every call asks: those that wait do so together. */
  const listening = (server: HostedServer, signal: AbortSignal): Promise<PodObject> => {
    let found = waking.get(server.uid);
    if (found === undefined) {
      found = awake(server, true, AbortSignal.timeout(WAIT_MS)).finally(() => waking.delete(server.uid));
      waking.set(server.uid, found);
    }
    return orEnded(found, signal);
  };

  return {
    open: (server) => async (listener, signal) => {
      const { metadata } = await awake(server, false, signal);
      return openAttached(attach, metadata, remove, listener, signal);
    },
    async address(server, signal) {
      const { http } = server.spec;
      const pod = await listening(server, signal);
      const ip = pod.status?.podIP ?? '';
      return new URL(`http://${ip.includes(':') ? `[${ip}]` : ip}:${http?.port}${http?.path}`);
    },
    idle: (server) => scale(server, 0),
    // What the operator made it takes away.
    forget: async () => undefined,
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

/** Name of the Deployment of a hosted server. */
export function deploymentName(uid: string): string {
  return `sallyport-mcp-${uid}`;
}
