import { describe, expect, it } from '@jest/globals';
import type { HostedServerSpec } from '@sallyport/custom-resources';
import { parseSecret } from '@sallyport/custom-resources';
import { hostedServer } from '@sallyport/custom-resources/tool-server-hosted';
import { beyond, withheld } from './bounds.ts';
import { deployed, egressEnforced, NOT_PROBED, onlyEnforced, type PodState } from './findings.ts';
import { type HostingFacts, hostedObjects } from './objects.ts';

const facts: HostingFacts = {
  image: 'example.com/sallyport:1',
  imagePullPolicy: 'IfNotPresent',
  namespace: 'gate',
  proxyLabels: { 'app.kubernetes.io/component': 'egress-proxy' },
  hostLabels: { 'app.kubernetes.io/component': 'mcp-host' },
  proxy: '10.96.0.7:3128',
  proxyPort: 3128,
  egressKey: 'k'.repeat(48),
  requireEgressEnforced: false,
};
const entry = { tenant: 'acme', name: 'jira', uid: '11111111-1111-4111-8111-111111111111' };
const hosted = (more: object = {}): HostedServerSpec =>
  hostedServer.parse({ image: 'example.com/mcp-jira:1', command: ['/jira'], ...more });
// biome-ignore lint/suspicious/noExplicitAny: tests look into objects of many kinds
const objectsOf = (spec: HostedServerSpec): any => {
  const { deployment, ...others } = hostedObjects(entry, spec, facts, 'v1');
  return { ...others, deployment: deployment(1) };
};

describe('the objects of a hosted server', () => {
  it('[hosted:pod] has a pod that meets the standard restricted, has no token, no DNS and no way but the proxy', () => {
    const { deployment, networkPolicy, serviceAccount, secret } = objectsOf(
      hosted({
        env: [
          { name: 'TOKEN', secretRef: { name: 'jira', key: 'token' } },
          { name: 'HOME', value: '/x' },
        ],
      }),
    );
    const { spec } = deployment.spec.template;
    expect(spec).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      dnsPolicy: 'None',
      serviceAccountName: `sallyport-mcp-${entry.uid}`,
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    });
    for (const key of ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace'])
      expect(spec).not.toHaveProperty(key);
    for (const container of [...spec.initContainers, ...spec.containers]) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(container.resources.limits).toMatchObject({ cpu: expect.any(String), memory: expect.any(String) });
    }
    expect(spec.volumes).toEqual([{ name: 'tmp', emptyDir: { sizeLimit: '64Mi' } }]);
    const [server] = spec.containers;
    expect(server).toMatchObject({ stdin: true, stdinOnce: true, command: ['/jira'] });
    expect(server).not.toHaveProperty('tty');
    const names = server.env.map(({ name }: { name: string }) => name);
    expect(new Set(names).size).toBe(names.length);
    // Only references: no secret stands in the pod.
    expect(server.env).toContainEqual({ name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'jira', key: 'token' } } });
    expect(server.env.find(({ name }: { name: string }) => name === 'HTTPS_PROXY')).toHaveProperty('valueFrom');
    expect(JSON.stringify(deployment)).not.toMatch(/[0-9a-f]{64}/);
    expect(Buffer.from(secret.data['proxy-url'], 'base64').toString()).toMatch(
      /^http:\/\/acme\.11111111-[^:]+:[0-9a-f]{64}@10\.96\.0\.7:3128$/,
    );
    expect(serviceAccount.automountServiceAccountToken).toBe(false);
    expect(networkPolicy.spec).toEqual({
      podSelector: { matchLabels: { 'sallyport.dev/hosted': 'true', 'sallyport.dev/tool-server-uid': entry.uid } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [],
      egress: [
        {
          to: [
            {
              namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'gate' } },
              podSelector: { matchLabels: facts.proxyLabels },
            },
          ],
          ports: [{ protocol: 'TCP', port: 3128 }],
        },
      ],
    });
    for (const object of [deployment, serviceAccount, secret]) {
      expect(object.metadata.ownerReferences).toMatchObject([{ kind: 'ToolServer', name: 'jira', uid: entry.uid }]);
    }
    expect(networkPolicy.metadata).not.toHaveProperty('ownerReferences');
  });

  it('[hosted:pod] lets mcp-host alone into the pod of a server over HTTP', () => {
    const { deployment, networkPolicy } = objectsOf(hosted({ transport: 'Http', http: { port: 8000 } }));
    expect(networkPolicy.spec.ingress).toEqual([
      {
        from: [
          {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'gate' } },
            podSelector: { matchLabels: facts.hostLabels },
          },
        ],
        ports: [{ protocol: 'TCP', port: 8000 }],
      },
    ]);
    const [server] = deployment.spec.template.spec.containers;
    expect(server).not.toHaveProperty('stdin');
    expect(server.ports).toEqual([{ containerPort: 8000, protocol: 'TCP' }]);
  });
});

const podWith = (server: object, probe?: string): PodState =>
  ({
    metadata: { creationTimestamp: '2026-01-01T00:00:00Z' },
    status: {
      containerStatuses: [{ name: 'server', ...server }],
      initContainerStatuses:
        probe === undefined ? [] : [{ name: 'egress-probe', state: { terminated: { exitCode: 0, message: probe } } }],
    },
  }) as PodState;
const one = { spec: { replicas: 1 } };

describe('the status of a hosted server', () => {
  it.each([
    ['no Deployment yet', undefined, [], 'Unknown Starting', ''],
    ['a running pod', one, [podWith({ state: { running: {} } })], 'True Running', ''],
    ['none wanted', { spec: { replicas: 0 } }, [], 'True Idle', ''],
    [
      'an image that is not there',
      one,
      [podWith({ state: { waiting: { reason: 'ImagePullBackOff', message: 'not found' } } })],
      'False ImagePullBackOff',
      'not found',
    ],
    [
      'a process that ends again and again',
      one,
      [
        podWith({
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 1, message: `first\nError: no key ${'x'.repeat(500)}\n` } },
        }),
      ],
      'False CrashLoopBackOff',
      'exit code 1. Its last words: Error: no key xxx',
    ],
    [
      'a namespace that refuses the pod',
      {
        ...one,
        status: { conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'x', message: 'over quota' }] },
      },
      [],
      'False PodRefused',
      'over quota',
    ],
  ] as const)('[hosted:status] tells of %s', (_, deployment, pods, wanted, words) => {
    const { status, reason, message } = deployed(deployment as never, pods as readonly PodState[]);
    expect(`${status} ${reason}`).toBe(wanted);
    expect(message).toContain(words);
    expect(message.length).toBeLessThan(400);
  });

  it('[hosted:status] says that egress is enforced only where a probe proved it', () => {
    const running = { state: { running: {} } };
    const say = (probe?: string, before?: Parameters<typeof egressEnforced>[1]) => {
      const { status, reason } = egressEnforced([podWith(running, probe)], before);
      return `${status} ${reason}`;
    };
    expect(say('{"open":[],"proxy":true}')).toBe('True Probed');
    expect(say('{"open":["10.96.0.1:443"],"proxy":true}')).toBe('False NotEnforced');
    expect(say('{"open":[],"proxy":false}')).toBe('Unknown ProxyUnreachable');
    expect(say('garbage')).toBe('Unknown ProxyUnreachable');
    expect(say()).toBe('Unknown NotProbed');
  });

  it('[hosted:status] says of a stopped server what its last pod found, and that it does not run', () => {
    const found = (status: 'True' | 'False' | 'Unknown', reason: string) =>
      egressEnforced([], { type: 'EgressEnforced', status, reason, message: 'The pod reached the proxy.' });
    expect(found('True', 'Probed')).toMatchObject({ status: 'True', reason: 'ProbedBefore' });
    expect(found('True', 'Probed').message).toContain('last pod');
    expect(found('False', 'NotEnforced')).toMatchObject({ status: 'False', reason: 'NotEnforced' });
    expect(found('Unknown', 'ProxyUnreachable')).toBe(NOT_PROBED);
    expect(egressEnforced([], undefined)).toBe(NOT_PROBED);
  });

  it('[hosted:egress-required] does not count a server as deployed where egress must be enforced and was not proved to be', () => {
    const running = { type: 'Deployed', status: 'True', reason: 'Running', message: '' } as const;
    const enforced = (status: 'True' | 'False' | 'Unknown') =>
      onlyEnforced(running, { type: 'EgressEnforced', status, reason: 'x', message: 'why' });
    expect(enforced('True')).toBe(running);
    expect(enforced('False')).toMatchObject({ status: 'False', reason: 'EgressNotEnforced' });
    expect(enforced('Unknown')).toMatchObject({ status: 'False', reason: 'EgressNotProved' });
    // The probe holds up its pod again and again; that is not what is to be told.
    const looping = { ...running, status: 'False', reason: 'CrashLoopBackOff' } as const;
    const found = (reason: string) =>
      onlyEnforced(looping, { type: 'EgressEnforced', status: 'Unknown', reason, message: 'why' }).reason;
    expect([found('ProxyUnreachable'), found('NotProbed')]).toEqual(['EgressNotProved', 'CrashLoopBackOff']);
  });
});

describe('what a hosted server may ask for', () => {
  it('[hosted:maximum] names every amount that is more than may be had', () => {
    const max = { cpu: '1', memory: '1Gi', storage: '100Mi', podsPerNamespace: 1 };
    const asked = (resources: object) => beyond(hosted({ resources }), max);
    expect(asked({})).toBeUndefined();
    expect(asked({ cpu: '1000m', memory: '1024Mi', storage: '100Mi' })).toBeUndefined();
    expect(asked({ cpu: '1001m', memory: '2Gi', storage: '1Gi' })).toBe(
      'spec.hosted.resources.cpu: 1001m is more than 1; spec.hosted.resources.memory: 2Gi is more than 1Gi; ' +
        'spec.hosted.resources.storage: 1Gi is more than 100Mi, the most that a hosted server may have here',
    );
  });

  it('[hosted:secrets] withholds credentials of other hosted servers, and of the release what is not marked as theirs', () => {
    const why = (labels: Record<string, string>, inRelease: boolean) => {
      const secret = parseSecret({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', labels }, stringData: {} });
      if (!secret.ok) throw new Error('a Secret that cannot be read');
      return withheld(secret.value, inRelease);
    };
    const marked = { 'sallyport.dev/for-hosted': 'true' };
    expect(why({}, false)).toBeUndefined();
    expect(why({ 'sallyport.dev/hosted': 'true' }, false)).toContain('credential of a hosted server');
    expect(why({}, true)).toContain('sallyport.dev/for-hosted');
    expect(why(marked, true)).toBeUndefined();
    expect(why({ ...marked, 'app.kubernetes.io/part-of': 'sallyport' }, true)).toContain('belongs to Sallyport');
  });

  it('[hosted:per-principal] gives a value per principal to the pod of that principal alone', () => {
    const env = [{ name: 'TOKEN', secretRef: { name: 'tokens', key: 'lists' }, perPrincipal: true }];
    const objects = hostedObjects(entry, hosted({ isolation: 'PerPrincipal', env }), facts, 'v1');
    // biome-ignore lint/suspicious/noExplicitAny: tests look into objects of many kinds
    const pod = objects.pod({ principal: 'a'.repeat(16), secretKey: 'user.dana' }) as any;
    const tokenOf = (spec: { containers: { env: { name: string }[] }[] }) =>
      spec.containers[0]?.env.find(({ name }) => name === 'TOKEN');
    expect(pod.metadata).toMatchObject({
      name: `sallyport-mcp-${entry.uid}-p${'a'.repeat(16)}`,
      labels: { 'sallyport.dev/hosted': 'true', 'sallyport.dev/principal': 'a'.repeat(16) },
      ownerReferences: [{ kind: 'ToolServer', uid: entry.uid, controller: true }],
    });
    expect(tokenOf(pod.spec)).toMatchObject({ valueFrom: { secretKeyRef: { name: 'tokens', key: 'user.dana' } } });
    expect(pod.spec).toMatchObject({ restartPolicy: 'Never', automountServiceAccountToken: false, dnsPolicy: 'None' });
    // biome-ignore lint/suspicious/noExplicitAny: tests look into objects of many kinds
    const shared = objects.deployment(1) as any;
    expect(tokenOf(shared.spec.template.spec)).toMatchObject({ valueFrom: { secretKeyRef: { key: 'lists' } } });
    const changed = hostedObjects(entry, hosted({ isolation: 'PerPrincipal', env, args: ['x'] }), facts, 'v1');
    expect(new Set([objects.madeOf, changed.madeOf, hostedObjects(entry, hosted(), facts, 'v2').madeOf]).size).toBe(3);
  });
});
