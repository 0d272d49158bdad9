import { apiVersion, type HostedServerSpec } from '@sallyport/custom-resources';
import { egressProxyUrl, proxyVariables } from '@sallyport/peers/egress-credential';
import { HOSTED_LABEL, hostedName, PRINCIPAL_LABEL, podOfPrincipal, UID_LABEL } from '@sallyport/peers/hosted-names';
import { canonicalJson, type Entry, sha256 } from '../entry.ts';

/** Name of the ToolServer, on the Deployment. */
export const NAME_ANNOTATION = 'sallyport.dev/tool-server';
/** Digest of what the pod of a principal was made of. */
export const MADE_OF_ANNOTATION = 'sallyport.dev/made-of';

/** What pods of hosted servers are made with, beside their resource. */
export type HostingFacts = {
  /** Image of Sallyport, for the probe. */
  readonly image: string;
  readonly imagePullPolicy: string;
  /** Namespace of the release. */
  readonly namespace: string;
  /** Labels of the pods of egress-proxy and mcp-host in it. */
  readonly proxyLabels: Readonly<Record<string, string>>;
  readonly hostLabels: Readonly<Record<string, string>>;
  /** `address:port` of the proxy. An address, since the pods have no DNS. */
  readonly proxy: string;
  readonly proxyPort: number;
  readonly egressKey: string;
  /** No server is started where its pod cannot prove that egress is enforced, whatever its resource says. */
  readonly requireEgressEnforced: boolean;
};

/** Whose pod it is, of a server with one for each principal. */
export type Instance = {
  /** Hash that stands for the principal, as mcp-host names it. */
  readonly principal: string;
  /** Key of its values in Secrets. */
  readonly secretKey: string;
};

/** The objects of one hosted server. */
export type HostedObjects = {
  readonly name: string;
  readonly serviceAccount: object;
  readonly secret: object;
  readonly networkPolicy: object;
  /** With as many replicas as are wanted; undefined: mcp-host scales it. */
  readonly deployment: (replicas: number) => object;
  /** The pod of one principal, and what `MADE_OF_ANNOTATION` says on it. */
  readonly pod: (instance: Instance) => object;
  readonly madeOf: string;
};

const PROXY_KEY = 'proxy-url';

/** Makes the objects of a hosted server. Pure: the same resource gives the same objects. */
export function hostedObjects(
  entry: Pick<Entry<'ToolServer'>, 'tenant' | 'name' | 'uid'>,
  hosted: HostedServerSpec,
  facts: HostingFacts,
  secrets: string,
): HostedObjects {
  const { tenant, name: server, uid } = entry;
  const name = hostedName(uid);
  const selector = { [HOSTED_LABEL]: 'true', [UID_LABEL]: uid };
  const unowned = {
    name,
    namespace: tenant,
    labels: { 'app.kubernetes.io/managed-by': 'sallyport-operator', ...selector },
    annotations: { [NAME_ANNOTATION]: server },
  };
  const metadata = {
    ...unowned,
    ownerReferences: [
      { apiVersion, kind: 'ToolServer', name: server, uid, controller: true, blockOwnerDeletion: false },
    ],
  };
  const proxy = egressProxyUrl(facts.egressKey, entry, `http://${facts.proxy}`);
  const inRelease = (matchLabels: Readonly<Record<string, string>>) => ({
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': facts.namespace } },
    podSelector: { matchLabels },
  });
  const { http } = hosted;
  const podLabels = { 'app.kubernetes.io/managed-by': 'sallyport-operator', ...selector };
  const podAnnotations = { [NAME_ANNOTATION]: server, 'sallyport.dev/secrets': secrets };
  const madeOf = sha256(canonicalJson([podSpec(name, hosted, facts), secrets])).slice(0, 32);
  return {
    name,
    madeOf,
    pod: (instance) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...metadata,
        name: podOfPrincipal(uid, instance.principal),
        labels: { ...podLabels, [PRINCIPAL_LABEL]: instance.principal },
        annotations: { ...podAnnotations, [MADE_OF_ANNOTATION]: madeOf },
      },
      // A process that ended is not started again behind anybody's back: the next call makes another pod.
      spec: { ...podSpec(name, hosted, facts, instance), restartPolicy: 'Never' },
    }),
    serviceAccount: { apiVersion: 'v1', kind: 'ServiceAccount', metadata, automountServiceAccountToken: false },
    secret: {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      data: { [PROXY_KEY]: Buffer.from(proxy).toString('base64') },
    },
    networkPolicy: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      // What is owned goes with its owner at once, and a pod has its grace.
      metadata: unowned,
      spec: {
        podSelector: { matchLabels: selector },
        policyTypes: ['Ingress', 'Egress'],
        ingress:
          http === undefined
            ? []
            : [{ from: [inRelease(facts.hostLabels)], ports: [{ protocol: 'TCP', port: http.port }] }],
        // No DNS: the proxy resolves names, and a query is a way out too.
        egress: [{ to: [inRelease(facts.proxyLabels)], ports: [{ protocol: 'TCP', port: facts.proxyPort }] }],
      },
    },
    deployment: (replicas) => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        replicas,
        revisionHistoryLimit: 1,
        progressDeadlineSeconds: 300,
        // Never two processes of one server at once.
        strategy: { type: 'Recreate' },
        selector: { matchLabels: selector },
        template: {
          metadata: { labels: podLabels, annotations: podAnnotations },
          spec: podSpec(name, hosted, facts),
        },
      },
    }),
  };
}

const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  capabilities: { drop: ['ALL'] },
};

/** Whether a server may be started only where its pod proves that egress is enforced. */
export function requiresEnforced(
  hosted: HostedServerSpec,
  facts: Pick<HostingFacts, 'requireEgressEnforced'>,
): boolean {
  return hosted.requireEgressEnforced || facts.requireEgressEnforced;
}

function podSpec(name: string, hosted: HostedServerSpec, facts: HostingFacts, instance?: Instance): object {
  const { image, imagePullSecret, command, args, env, resources, runAsUser, http } = hosted;
  const stdio = hosted.transport === 'Stdio';
  const fromProxySecret = { valueFrom: { secretKeyRef: { name, key: PROXY_KEY } } };
  const proxyEnv = Object.entries(proxyVariables('')).map(([variable, value]) =>
    value === '' && variable !== 'NO_PROXY' ? { name: variable, ...fromProxySecret } : { name: variable, value },
  );
  const given = new Set(env.map((one) => one.name));
  const home = ['HOME', 'TMPDIR'].filter((one) => !given.has(one)).map((one) => ({ name: one, value: '/tmp' }));
  const small = { cpu: '10m', memory: '32Mi' };
  return {
    serviceAccountName: name,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 5,
    dnsPolicy: 'None',
    dnsConfig: { nameservers: ['127.0.0.1'] },
    ...(imagePullSecret === undefined ? {} : { imagePullSecrets: [{ name: imagePullSecret }] }),
    securityContext: {
      runAsNonRoot: true,
      runAsUser,
      runAsGroup: runAsUser,
      fsGroup: runAsUser,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    // Tries, in this very network, what nobody in it should reach; see EgressEnforced.
    initContainers: [
      {
        name: 'egress-probe',
        image: facts.image,
        imagePullPolicy: facts.imagePullPolicy,
        // One that fails holds up the server's container.
        args: ['egress-probe', facts.proxy, ...(requiresEnforced(hosted, facts) ? ['required'] : [])],
        resources: { requests: small, limits: { cpu: '500m', memory: '128Mi' } },
        securityContext: CONTAINER_SECURITY,
      },
    ],
    containers: [
      {
        name: 'server',
        image,
        ...(command === undefined ? {} : { command }),
        ...(args.length === 0 ? {} : { args }),
        env: [
          ...home,
          ...env.map(({ name, value, secretRef, perPrincipal }) => {
            if (secretRef === undefined) return { name, value };
            const key = perPrincipal && instance !== undefined ? instance.secretKey : secretRef.key;
            return { name, valueFrom: { secretKeyRef: { ...secretRef, key } } };
          }),
          ...proxyEnv,
        ],
        ...(stdio ? { stdin: true, stdinOnce: true } : {}),
        ...(http === undefined
          ? {}
          : {
              ports: [{ containerPort: http.port, protocol: 'TCP' }],
              readinessProbe: { tcpSocket: { port: http.port }, periodSeconds: 2, failureThreshold: 3 },
            }),
        // The last lines of its output stand in the status of a pod that ended badly.
        terminationMessagePolicy: 'FallbackToLogsOnError',
        resources: {
          requests: small,
          limits: { cpu: resources.cpu, memory: resources.memory, 'ephemeral-storage': resources.storage },
        },
        securityContext: CONTAINER_SECURITY,
        volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
      },
    ],
    volumes: [{ name: 'tmp', emptyDir: { sizeLimit: resources.storage } }],
  };
}
