import { lookup } from 'node:dns/promises';
import { GatewayError } from '@sallyport/chassis/errors';
import { type KubeApi, KubeError } from '@sallyport/chassis/kube/api';
import type { Logger } from '@sallyport/chassis/log';
import { type Finding, findCondition, type HostedServerSpec } from '@sallyport/custom-resources';
import { HOSTED_LABEL, hostedName, PRINCIPAL_LABEL, podOfPrincipal, UID_LABEL } from '@sallyport/peers/hosted-names';
import { fails } from '../checks/findings.ts';
import { canonicalJson, type Entry, sha256 } from '../entry.ts';
import { apply } from '../kube/apply.ts';
import { type Informer, informer, type KubeObject } from '../kube/informer.ts';
import { beyond, type HostedMaximum, withheld } from './bounds.ts';
import { type DeploymentState, deployed, egressEnforced, onlyEnforced, type PodState } from './findings.ts';
import type { Hosting } from './hosting.ts';
import { type HostingFacts, hostedObjects, MADE_OF_ANNOTATION, NAME_ANNOTATION, requiresEnforced } from './objects.ts';

/** How hosted servers are run in a cluster. */
export type ClusterHostingOptions = {
  readonly api: KubeApi;
  /** Empty: all. */
  readonly watchNamespaces: readonly string[];
  readonly facts: Omit<HostingFacts, 'proxy' | 'proxyPort'>;
  /** Host name and port of the proxy's Service. */
  readonly proxy: { readonly host: string; readonly port: number };
  /** Most hosted servers of one namespace. */
  readonly maxPerNamespace: number;
  /** Most that one of them may ask for, and most pods of one namespace. */
  readonly max: HostedMaximum;
  readonly log: Logger;
  /** How the proxy's name is resolved; for tests. */
  readonly resolve?: (host: string) => Promise<string>;
};

const MANAGER = 'sallyport-operator-hosting';
/** Objects without a generation of their own are written again after this time, whatever has become of them. */
const WRITE_AGAIN_MS = 300_000;
const UNREAD = 'what runs in the cluster is being read';
/** Until then a pod that was made counts although it was not seen yet. */
const UNSEEN_MS = 30_000;

interface Written {
  readonly hash: string;
  readonly generations: Readonly<Record<string, number>>;
  readonly atMs: number;
}

/**
 * Hosted servers as Deployments in the namespace of their ToolServer, owned by it. Deployment and NetworkPolicy are replaced
 * as a whole whenever they are not what was last written: what somebody added to them would else stay. The NetworkPolicy is not
 * owned, since it would go with its owner, and before the last pod: it goes when no pod is left.
 */
export function clusterHosting(options: ClusterHostingOptions): Hosting {
  const { api, watchNamespaces, facts, proxy, log } = options;
  const resolve = options.resolve ?? (async (host: string) => (await lookup(host)).address);
  const listeners: ((tenant: string, name: string) => void)[] = [];
  const written = new Map<string, Written>();
  const scopes = watchNamespaces.length === 0 ? [''] : watchNamespaces;

  const nameOf = ({ metadata }: KubeObject) => (metadata.annotations as Record<string, string>)?.[NAME_ANNOTATION];
  const tell = (object: KubeObject | undefined) => {
    const name = object && nameOf(object);
    if (object === undefined || name === undefined) return;
    for (const listener of listeners) listener(object.metadata.namespace ?? '', name);
  };
  const follow = (base: string, plural: string) => {
    const last = new Map<string, KubeObject>();
    return scopes.map((namespace) =>
      informer({
        api,
        path: `${base}${namespace === '' ? '' : `/namespaces/${namespace}`}/${plural}`,
        labelSelector: `${HOSTED_LABEL}=true`,
        log,
        onChange(tenant, name, object) {
          const key = `${tenant}/${name}`;
          tell(object ?? last.get(key));
          if (object === undefined) last.delete(key);
          else last.set(key, object);
        },
      }),
    );
  };
  const watched = {
    deployments: follow('/apis/apps/v1', 'deployments'),
    policies: follow('/apis/networking.k8s.io/v1', 'networkpolicies'),
    pods: follow('/api/v1', 'pods'),
  };
  const made = new Map<string, number>();
  /** UIDs of servers of which a pod is being made, each as often as that is so. */
  const making: string[] = [];
  /** UIDs of fences that are taken away, as long as what is watched does not say so. */
  const leaving = new Set<unknown>();
  const all: Informer[] = Object.values(watched).flat();
  const labelOf = ({ metadata }: KubeObject, label: string) => (metadata.labels as Record<string, string>)?.[label];
  const ofUid = (informers: readonly Informer[], tenant: string, uid: string) =>
    informers
      .flatMap((one) => one.list())
      .filter((object) => object.metadata.namespace === tenant && labelOf(object, UID_LABEL) === uid);
  const ofPrincipals = (tenant: string, uid?: string) =>
    watched.pods
      .flatMap((one) => one.list())
      .filter(
        (pod) =>
          pod.metadata.namespace === tenant &&
          labelOf(pod, PRINCIPAL_LABEL) !== undefined &&
          (uid === undefined || labelOf(pod, UID_LABEL) === uid),
      );
  const remove = (path: string, query: Record<string, string> = {}) =>
    api.request({ method: 'DELETE', path, query }).catch((error: unknown) => {
      if (!(error instanceof KubeError && error.status === 404)) throw error;
    });

  const objectsOf = async (entry: Entry<'ToolServer'>, hosted: HostedServerSpec, secrets: string) => {
    const address = await resolve(proxy.host);
    const at = `${address.includes(':') ? `[${address}]` : address}:${proxy.port}`;
    return hostedObjects(entry, hosted, { ...facts, proxy: at, proxyPort: proxy.port }, secrets);
  };
  const fences = () => watched.policies.flatMap((one) => one.list());
  /** Takes the fence away where nothing stands behind it any more; until then each pod that goes leads here again. */
  const unfence = async (tenant: string, uid: string) => {
    if (!all.every((one) => one.synced())) throw new Error(UNREAD);
    const behind = ofUid([...watched.deployments, ...watched.pods], tenant, uid);
    if (behind.length > 0 || making.includes(uid)) return;
    const there = new Set<unknown>(fences().map(({ metadata }) => metadata.uid));
    for (const one of leaving) if (!there.has(one)) leaving.delete(one);
    // From here on no pod is made behind it.
    const fence = ofUid(watched.policies, tenant, uid)[0]?.metadata.uid;
    leaving.add(fence);
    let isGone = false;
    try {
      // What is watched may be behind: here nothing may be missed.
      const query = { labelSelector: `${UID_LABEL}=${uid}`, limit: 1 };
      const live = (await api.request({ path: `/api/v1/namespaces/${tenant}/pods`, query })) as { items: unknown[] };
      if (live.items.length > 0) return;
      await remove(`/apis/networking.k8s.io/v1/namespaces/${tenant}/networkpolicies/${hostedName(uid)}`);
      isGone = true;
    } finally {
      if (!isGone) leaving.delete(fence);
    }
    await remove(`/api/v1/namespaces/${tenant}/serviceaccounts/${hostedName(uid)}`);
  };

  /** Pods of principals that were made of something else than they would be now go; the next call makes others. */
  const dropStale = async (tenant: string, uid: string, madeOf: string | undefined) => {
    for (const { metadata } of ofPrincipals(tenant, uid)) {
      const annotations = metadata.annotations as Record<string, string> | undefined;
      if (metadata.deletionTimestamp !== undefined || annotations?.[MADE_OF_ANNOTATION] === madeOf) continue;
      await remove(`/api/v1/namespaces/${tenant}/pods/${metadata.name}`);
    }
  };

  /** Creates or replaces; gives the generation that it has then. */
  const replace = async (path: string, name: string, live: KubeObject | undefined, body: object): Promise<number> => {
    const send = (method: 'POST' | 'PUT') =>
      api.request({ method, path: method === 'POST' ? path : `${path}/${name}`, body }) as Promise<KubeObject>;
    let made: KubeObject;
    try {
      made = await send(live === undefined ? 'POST' : 'PUT');
    } catch (error) {
      const other = error instanceof KubeError && { 404: 'POST', 409: 'PUT' }[error.status];
      if (other !== 'POST' && other !== 'PUT') throw error;
      made = await send(other);
    }
    return Number(made.metadata.generation ?? 0);
  };

  const write = async (entry: Entry<'ToolServer'>, hosted: HostedServerSpec, secrets: string) => {
    const { tenant, uid } = entry;
    const objects = await objectsOf(entry, hosted, secrets);
    await dropStale(tenant, uid, hosted.isolation === 'PerPrincipal' ? objects.madeOf : undefined);
    const [deployment] = ofUid(watched.deployments, tenant, uid);
    const [policy] = ofUid(watched.policies, tenant, uid);
    const scaled =
      (deployment as DeploymentState | undefined)?.spec?.replicas === 0 && hosted.idleMinutes !== undefined;
    const wanted = objects.deployment(scaled ? 0 : 1);
    const { serviceAccount, secret, networkPolicy, name } = objects;
    // How often it is scaled is mcp-host's affair.
    const hash = sha256(canonicalJson([serviceAccount, secret, networkPolicy, objects.deployment(1)]));
    const before = written.get(uid);
    const asWritten = (kind: string, live: KubeObject | undefined) =>
      live !== undefined && before?.generations[kind] === Number(live.metadata.generation);
    const core = `/api/v1/namespaces/${tenant}`;
    if (before?.hash !== hash || Date.now() - before.atMs > WRITE_AGAIN_MS) {
      await apply(api, `${core}/serviceaccounts/${name}`, serviceAccount, MANAGER);
      await apply(api, `${core}/secrets/${name}`, secret, MANAGER);
    } else if (asWritten('deployment', deployment) && asWritten('policy', policy)) {
      return;
    }
    // The fence stands before what it is for.
    const generations = {
      policy: await replace(
        `/apis/networking.k8s.io/v1/namespaces/${tenant}/networkpolicies`,
        name,
        policy,
        networkPolicy,
      ),
      deployment: await replace(`/apis/apps/v1/namespaces/${tenant}/deployments`, name, deployment, wanted),
    };
    written.set(uid, { hash, generations, atMs: Date.now() });
  };

  const overQuota = ({ tenant, uid }: Entry<'ToolServer'>) => {
    const others = new Set(
      watched.deployments
        .flatMap((one) => one.list())
        .filter(({ metadata }) => metadata.namespace === tenant)
        .map((object) => labelOf(object, UID_LABEL)),
    );
    return !others.has(uid) && others.size >= options.maxPerNamespace;
  };

  /** How many pods a namespace has, or is about to have, beside one of a name. */
  const podsBeside = (tenant: string, own: string) => {
    const names = new Set(ofPrincipals(tenant).map(({ metadata }) => metadata.name));
    const deployments = watched.deployments.flatMap((one) => one.list());
    for (const [key, atMs] of made) {
      const [namespace, name = ''] = key.split('/');
      if (Date.now() - atMs > UNSEEN_MS) made.delete(key);
      else if (namespace === tenant) names.add(name);
    }
    names.delete(own);
    return names.size + deployments.filter(({ metadata }) => metadata.namespace === tenant).length;
  };

  return {
    name: 'hosting',
    beyond: (hosted) => beyond(hosted, options.max),
    withheld: (tenant, secret) => withheld(secret, tenant === facts.namespace),
    start() {
      for (const one of all) one.start();
    },
    async stop() {
      await Promise.all(all.map((one) => one.stop()));
    },
    onChange: (listener) => void listeners.push(listener),
    async reconcile(entry, hosted, secrets) {
      const { tenant, uid, status } = entry;
      const found = findCondition(status.conditions, 'EgressEnforced');
      // What was found out of an earlier revision says nothing of this one.
      const held = found?.observedGeneration === entry.generation ? found : undefined;
      const pods = () => ofUid(watched.pods, tenant, uid) as unknown as PodState[];
      const shared = () =>
        ofUid(watched.pods, tenant, uid).filter(
          (pod) => labelOf(pod, PRINCIPAL_LABEL) === undefined,
        ) as unknown as PodState[];
      const enforced = (): Finding => egressEnforced(pods(), held);
      if (!all.every((one) => one.synced())) throw new Error(UNREAD);
      if (overQuota(entry)) {
        const message = `This namespace has as many hosted servers as one may have (${options.maxPerNamespace}).`;
        return [fails('Deployed', 'QuotaExceeded', message), enforced()];
      }
      try {
        await write(entry, hosted, secrets);
      } catch (error) {
        if (!(error instanceof KubeError) || ![403, 422].includes(error.status)) throw error;
        return [fails('Deployed', 'Refused', `The API server refuses it: ${error.message.slice(0, 300)}`), enforced()];
      }
      const [deployment] = ofUid(watched.deployments, tenant, uid);
      const state = deployed(deployment as DeploymentState | undefined, shared());
      return [requiresEnforced(hosted, facts) ? onlyEnforced(state, enforced()) : state, enforced()];
    },
    async startPod(entry, hosted, secrets, instance) {
      const { tenant, uid } = entry;
      const name = podOfPrincipal(uid, instance.principal);
      const there = ofPrincipals(tenant, uid).find(({ metadata }) => metadata.name === name);
      if (there !== undefined && there.metadata.deletionTimestamp === undefined) return name;
      if (podsBeside(tenant, name) >= options.max.podsPerNamespace) {
        const message = `This namespace has as many pods of hosted servers as one may have (${options.max.podsPerNamespace}).`;
        throw new GatewayError('rate_limited', message);
      }
      // The fence stands before what it is for.
      const fence = ofUid(watched.policies, tenant, uid)[0]?.metadata.uid;
      if (fence === undefined || leaving.has(fence)) {
        throw new GatewayError('unavailable', 'The tool server is not deployed yet.');
      }
      const key = `${tenant}/${name}`;
      // Counted from here on: others ask for theirs at the same time.
      made.set(key, Date.now());
      making.push(uid);
      try {
        const body = (await objectsOf(entry, hosted, secrets)).pod(instance);
        await api.request({ method: 'POST', path: `/api/v1/namespaces/${tenant}/pods`, body });
      } catch (error) {
        // It is there, or on its way out: who asked looks.
        if (error instanceof KubeError && error.status === 409) return name;
        made.delete(key);
        if (!(error instanceof KubeError) || ![403, 422].includes(error.status)) throw error;
        throw new GatewayError('unavailable', 'The cluster refuses the pod of the tool server.', { cause: error });
      } finally {
        making.splice(making.indexOf(uid), 1);
        // Its fence may have waited for this.
        for (const listener of listeners) listener(tenant, entry.name);
      }
      return name;
    },
    async release({ tenant, uid }) {
      await dropStale(tenant, uid, undefined);
      const [deployment] = ofUid(watched.deployments, tenant, uid);
      if (written.delete(uid) || (deployment !== undefined && deployment.metadata.deletionTimestamp === undefined)) {
        const path = `/apis/apps/v1/namespaces/${tenant}/deployments/${hostedName(uid)}`;
        // It is there as long as its pods are.
        await remove(path, { propagationPolicy: 'Foreground' });
      }
      if (ofUid(watched.policies, tenant, uid).length > 0) await unfence(tenant, uid);
    },

    async sweep(tenant, name, uid) {
      for (const policy of fences()) {
        const of = labelOf(policy, UID_LABEL);
        if (of === undefined || of === uid || policy.metadata.namespace !== tenant || nameOf(policy) !== name) continue;
        await unfence(tenant, of);
      }
    },

    fenced: () => fences().map((policy) => ({ tenant: policy.metadata.namespace ?? '', name: nameOf(policy) ?? '' })),
  };
}
