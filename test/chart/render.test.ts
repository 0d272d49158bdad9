import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { kindNames } from '@sallyport/custom-resources';
import { parse } from 'yaml';
import type { z } from 'zod';
import { chart, helm, ofKind, podsOf, type Rendered, render, root, runHelm, scenarios } from './helm.ts';
import { readme, valuesSchema } from './render-values-schema.ts';

const withHelm = helm === undefined ? describe.skip : describe;
const services = ['model-proxy', 'mcp-broker', 'policy', 'quarantine', 'identity', 'vault', 'audit', 'operator'];

describe('what is generated', () => {
  it('[chart:generated] the schema and the README are those of values.yaml', async () => {
    const text = readFileSync(join(chart, 'values.yaml'), 'utf8');
    expect(JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8'))).toEqual(await valuesSchema(text));
    expect(readFileSync(join(chart, 'README.md'), 'utf8')).toBe(readme(text));
  });
});

withHelm.each(scenarios)('scenario %s', (scenario) => {
  const values = join(chart, 'ci', `${scenario}-values.yaml`);
  const objects = helm === undefined ? [] : render(scenario);

  it('[chart:lint] passes helm lint without a warning', () => {
    const { code, output } = runHelm('lint', chart, '--strict', '--values', values);
    expect({ code, warnings: output.split('\n').filter((line) => /WARN|ERROR/.test(line)) }).toEqual({
      code: 0,
      warnings: [],
    });
  });

  it('[chart:all-services] runs every service, each under an account of its own', () => {
    const accounts = podsOf(objects).map(({ pod }) => pod.spec.serviceAccountName);
    const prefix = scenario === 'external' ? 'gate' : 'sallyport';
    const wanted = [...services, 'console', 'migrate'].map((name) => `${prefix}-${name}`);
    expect(accounts).toEqual(expect.arrayContaining(wanted));
    const made = ofKind(objects, 'ServiceAccount').map(({ metadata }) => metadata.name);
    expect(accounts.filter((account) => !made.includes(account))).toEqual([]);
  });

  it('[operator:internal-secret] marks its Secrets, and those that its certificates stand in, so that no resource may refer to them', () => {
    const mark = 'app.kubernetes.io/part-of';
    const made = ofKind(objects, 'Secret').map(({ metadata }) => (metadata as unknown as Rendered).labels[mark]);
    const issued = ofKind(objects, 'Certificate').map(({ spec }) => spec.secretTemplate.labels[mark]);
    // What somebody else keeps is theirs to mark.
    expect(made.length + issued.length > 5).toBe(scenario !== 'external');
    for (const one of [...made, ...issued]) expect(one).toBe('sallyport');
  });

  it('[chart:restricted] has only pods that meet the Pod Security Standard restricted', () => {
    const pods = podsOf(objects);
    expect(pods.length).toBeGreaterThan(9);
    for (const { name, pod } of pods) expect({ name, faults: restrictedFaults(pod) }).toEqual({ name, faults: [] });
  });

  it('[chart:token] gives a token of the API server to operator, mcp-host and bootstrap alone', () => {
    const holders = podsOf(objects)
      .filter(({ pod }) => pod.spec.automountServiceAccountToken !== false)
      .map(({ pod }) => pod.spec.serviceAccountName.replace(/^(sallyport|gate)-/, ''));
    expect(holders.filter((holder) => !['operator', 'mcp-host', 'bootstrap'].includes(holder))).toEqual([]);
    for (const account of ofKind(objects, 'ServiceAccount')) expect(account.automountServiceAccountToken).toBe(false);
  });

  it("[chart:config] renders configs that the services' own schemas accept", async () => {
    let seen = 0;
    for (const map of ofKind(objects, 'ConfigMap')) {
      const component = map.metadata.name.replace(/^(sallyport|gate)-/, '');
      if (component === 'bootstrap') continue;
      seen += 1;
      const result = (await schemaOf(component)).safeParse(parse(map.data['config.yaml']));
      expect({ component, faults: result.error?.issues ?? [] }).toEqual({ component, faults: [] });
    }
    expect(seen).toBeGreaterThanOrEqual(services.length + 2);
  });

  it('[chart:secrets] holds no secret value itself', () => {
    for (const secret of ofKind(objects, 'Secret')) {
      expect([secret.metadata.name, secret.data, secret.stringData]).toEqual([
        secret.metadata.name,
        undefined,
        undefined,
      ]);
    }
  });

  it('[chart:names] keeps names within 63 characters and labels every object', () => {
    for (const { kind, metadata } of objects) {
      expect(metadata.name.length).toBeLessThanOrEqual(63);
      if (kind === 'CustomResourceDefinition') continue;
      expect(metadata).toMatchObject({ labels: { 'app.kubernetes.io/instance': 'sallyport' } });
    }
  });
});

withHelm('values', () => {
  it.each([
    ['modelProxy.replcas=2', /replcas/],
    ['enforced=true', /enforced/],
    ['image.pullPolicy=Sometimes', /pullPolicy/],
    ['operator.watchNamespaces={Team_A}', /watchNamespaces/],
    ['modelProxy.config.request.maxByte=5', /maxByte/],
    ['policy.config.accessCacheTtl=ten', /accessCacheTtl/],
    ['policy.replicas=2', /needs Redis/],
    ['certificates.mode=cert-manager', /issuerRef\.name/],
    ['postgres.host=', /postgres\.host/],
    ['postgres.admin.secretName=', /postgres\.admin\.secretName/],
    ['approvals.wait=soon', /approvals\.wait|approvals\/wait/],
    ['approvals.webhook.urlSecret.name=hook', /approvals\.webhook\.secret\.name/],
    ['approvals.webhook.urlSecret.name=hook,approvals.webhook.secret.name=hook', /publicUrl/],
  ])('[chart:strict] refuses %s', (set, message) => {
    expect(() => render('default', set)).toThrow(message);
  });

  it('[chart:hosted] runs and permits nothing for hosted tool servers unless they are enabled', () => {
    const traces = (objects: Rendered[]) =>
      JSON.stringify(ofKind(objects, 'Deployment', 'ClusterRole', 'Role', 'ConfigMap', 'Service')).match(
        /mcp-host|egress-proxy|pods\/attach|networkpolicies/g,
      );
    expect(traces(render('default'))).toBe(null);
    const objects = render('default', 'toolServers.hosted.enabled=true');
    expect(new Set(traces(objects)).size).toBe(4);
    const host = ofKind(objects, 'Deployment').find(({ metadata }) => metadata.name === 'sallyport-mcp-host');
    expect([host?.spec.replicas, host?.spec.strategy]).toEqual([1, { type: 'Recreate' }]);
    const narrow = render('ha', 'toolServers.hosted.enabled=true');
    const wide = ofKind(narrow, 'ClusterRole').filter(({ rules }) => JSON.stringify(rules).includes('pods'));
    expect(wide).toEqual([]);
  });

  it('[chart:posture] hands enforce to policy', () => {
    const enforceOf = (objects: Rendered[]) => configOf(objects, 'sallyport-policy').enforce;
    expect([enforceOf(render('default')), enforceOf(render('default', 'enforce=true'))]).toEqual([false, true]);
  });

  it('[chart:public-url] tells both gates, the console and vault where people reach them, for the links to approvals and grants', () => {
    const gates = ['model-proxy', 'mcp-broker', 'console', 'vault'];
    const urls = (objects: Rendered[]) => gates.map((name) => configOf(objects, `sallyport-${name}`).publicUrl);
    expect(urls(render('default'))).toEqual(gates.map(() => undefined));
    const one = 'https://gate.example';
    expect(urls(render('default', `publicUrl=${one}/`))).toEqual(gates.map(() => one));
    expect(urls(render('default', 'ingress.host=gate.example'))).toEqual(gates.map(() => 'http://gate.example'));
  });

  it('[chart:edge] opens the port for declared edges at the services that clients call, and tells identity whose people they are', () => {
    const objects = render('external');
    const gates = ['gate-model-proxy', 'gate-mcp-broker', 'gate-console'];
    const withPort = podsOf(objects).filter(({ pod }) => JSON.stringify(pod).includes('"containerPort":8443'));
    expect(withPort.map(({ name }) => name.split('/').at(-1)).sort()).toEqual([...gates].sort());
    const named = (kind: string) =>
      ofKind(objects, kind).flatMap((one) => (JSON.stringify(one.spec).includes('8443') ? [one.metadata.name] : []));
    expect(named('Service').sort()).toEqual([...gates].sort());
    expect(named('NetworkPolicy').sort()).toEqual([...gates].sort());
    expect(configOf(objects, 'gate-identity').edges).toEqual([
      { san: 'proxy.gateways.svc', tenant: 'acme', provider: 'login' },
      { san: 'spiffe://example.com/proxy', tenant: 'globex', provider: 'login' },
    ]);
    expect((configOf(objects, 'gate-model-proxy').edge as { declared: unknown }).declared).toEqual([
      { san: 'proxy.gateways.svc', headers: { user: 'x-auth-request-user' } },
      { san: 'spiffe://example.com/proxy' },
    ]);
    expect(JSON.stringify(render('small'))).not.toContain('8443');
  });

  it('[chart:approvals] hands the waits to both gates, and the webhook with its key to policy', () => {
    const objects = render('ha', 'approvals.toolWait=5s');
    expect(configOf(objects, 'sallyport-model-proxy')).toMatchObject({ turn: { approvalWait: '0s' } });
    expect(configOf(objects, 'sallyport-mcp-broker')).toMatchObject({ approvals: { wait: '5s' } });
    expect(configOf(objects, 'sallyport-policy').approvals).toEqual({
      webhook: {
        urlFile: '/etc/sallyport/webhook-url/url',
        format: 'slack',
        secretFile: '/etc/sallyport/webhook/secret',
        publicUrl: 'https://gate.example.com',
        includeValues: false,
        allowPrivateNetwork: false,
      },
    });
    const holders = podsOf(objects).filter(({ pod }) => JSON.stringify(pod).includes('chat-hook'));
    expect(holders.map(({ name }) => name)).toEqual(['Deployment/sallyport-policy']);
    const [container] = holders[0]?.pod.spec.containers ?? [];
    for (const name of ['webhook', 'webhook-url']) {
      expect(container.volumeMounts).toContainEqual({ name, mountPath: `/etc/sallyport/${name}`, readOnly: true });
    }
  });

  it('[chart:deadline] ends Jobs that are never done', () => {
    const objects = render('default', 'jobs.activeDeadlineSeconds=90');
    const specs = [
      ...ofKind(objects, 'Job').map(({ spec }) => spec),
      ...ofKind(objects, 'CronJob').map(({ spec }) => spec.jobTemplate.spec),
    ];
    expect(specs.length).toBe(3);
    for (const spec of specs) expect(spec.activeDeadlineSeconds).toBe(90);
  });

  it('[vault:workload-projected] gives vault a token for each identity at a cloud, and the way to the agent of EKS', () => {
    const vaultOf = (objects: Rendered[]) =>
      podsOf(objects).find(({ pod }) => /-vault$/.test(pod.spec.serviceAccountName));
    const pod = vaultOf(render('external'))?.pod;
    const tokens = pod?.spec.volumes.find(({ name }: { name: string }) => name === 'workload')?.projected.sources;
    expect(
      tokens.map(({ serviceAccountToken: one }: { serviceAccountToken: Record<string, unknown> }) => [
        one.path,
        one.audience,
        one.expirationSeconds,
      ]),
    ).toEqual([
      ['bedrock', 'sts.amazonaws.com', 3600],
      ['eks', 'pods.eks.amazonaws.com', 3600],
      [
        'vertex',
        'https://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/cluster',
        3600,
      ],
      ['foundry', 'api://AzureADTokenExchange', 3600],
    ]);
    const mounts = pod?.spec.containers[0].volumeMounts;
    expect(mounts).toContainEqual({ name: 'workload', mountPath: '/etc/sallyport/workload', readOnly: true });
    const agent = (objects: Rendered[]) =>
      ofKind(objects, 'NetworkPolicy').filter((one) => JSON.stringify(one).includes('169.254.170.23/32'));
    expect(agent(render('external')).map(({ metadata }) => metadata.name)).toEqual(['gate-vault']);
    const plain = render('default');
    expect(JSON.stringify(vaultOf(plain)?.pod.spec.volumes)).not.toContain('serviceAccountToken');
    expect(agent(plain)).toEqual([]);
  });

  it('[chart:config-override] lays config of a component over what is rendered', () => {
    const objects = render('default', 'modelProxy.config.request.maxMessages=7', 'modelProxy.config.log.level=debug');
    expect(configOf(objects, 'sallyport-model-proxy')).toMatchObject({
      request: { maxMessages: 7 },
      log: { level: 'debug' },
      spoolDir: '/var/lib/sallyport/spool',
    });
  });

  it('[chart:checksum] rolls the pods of a component whose config changed, and no others', () => {
    const sums = (objects: Rendered[]) =>
      Object.fromEntries(
        ofKind(objects, 'Deployment', 'StatefulSet').map(({ metadata, spec }) => [
          metadata.name,
          spec.template.metadata.annotations['checksum/config'],
        ]),
      );
    const [before, after] = [sums(render('default')), sums(render('default', 'policy.config.accessCacheTtl=5s'))];
    expect(Object.keys(before).filter((name) => before[name] !== after[name])).toEqual(['sallyport-policy']);
  });

  it('[chart:jobs] names a Job anew when what it does changed, since Jobs cannot be changed', () => {
    const names = (objects: Rendered[]) => ofKind(objects, 'Job').map(({ metadata }) => metadata.name);
    expect(names(render('default'))).toEqual(names(render('default', 'policy.config.accessCacheTtl=5s')));
    const [before, after] = [names(render('default')), names(render('default', 'image.tag=v2'))];
    expect(after.filter((name) => before.includes(name))).toEqual([]);
  });

  it('[chart:hooks] has no hooks: the migration would wait for a database that Helm has not installed yet', () => {
    for (const scenario of scenarios) expect(JSON.stringify(render(scenario))).not.toContain('helm.sh/hook"');
  });

  it('[chart:keep] keeps CRDs, and keys of a database that is not the bundled one', () => {
    const kept = (objects: Rendered[], kind: string) =>
      ofKind(objects, kind).filter(({ metadata }) =>
        JSON.stringify(metadata).includes('"helm.sh/resource-policy":"keep"'),
      ).length;
    expect(kept(render('default'), 'CustomResourceDefinition')).toBe(kindNames.length);
    expect(kept(render('default', 'crds.keep=false'), 'CustomResourceDefinition')).toBe(0);
    expect(kept(render('default'), 'Secret')).toBe(9);
    expect(kept(render('small'), 'Secret')).toBe(0);
  });

  it('[chart:availability] has disruption budgets, spreading and autoscaling where there is more than one pod', () => {
    const objects = render('ha');
    expect(ofKind(objects, 'PodDisruptionBudget').length).toBe(9);
    expect(ofKind(render('default'), 'PodDisruptionBudget')).toEqual([]);
    const proxy = ofKind(objects, 'StatefulSet').find(({ metadata }) => metadata.name === 'sallyport-model-proxy');
    expect(proxy?.spec.replicas).toBeUndefined();
    expect(ofKind(objects, 'HorizontalPodAutoscaler')).toHaveLength(1);
    expect(proxy?.spec.template.spec.topologySpreadConstraints).toHaveLength(2);
  });

  it('[chart:drain] gives pods longer to end than they take to drain', () => {
    for (const { pod } of podsOf(render('default')).filter(({ name }) => /Deployment|proxy|broker/.test(name))) {
      expect(pod.spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(5 + 20 + 5);
    }
  });

  it('[chart:package] packs without the scenarios', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-chart-'));
    try {
      expect(runHelm('package', chart, '--destination', folder)).toMatchObject({ code: 0 });
      const list = execFileSync('tar', ['tzf', join(folder, 'sallyport-0.1.0.tgz')], { encoding: 'utf8' });
      expect(list).toContain('sallyport/files/edges.yaml');
      expect(list).not.toContain('/ci/');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function configOf(objects: readonly Rendered[], name: string): Record<string, unknown> {
  const map = ofKind(objects, 'ConfigMap').find(({ metadata }) => metadata.name === name);
  return parse(map?.data['config.yaml'] ?? '') as Record<string, unknown>;
}

async function schemaOf(component: string): Promise<z.ZodType> {
  const file = component === 'migrate' ? 'services/cli/src/commands/migrate.ts' : `services/${component}/src/config.ts`;
  const module = (await import(join(root, file))) as Record<string, z.ZodType>;
  const schema = module.configSchema ?? module.demoConfig ?? module.migrateConfig;
  if (schema === undefined) throw new Error(`${file} exports no schema`);
  return schema;
}

/** What the standard `restricted` (and a read-only root) says against a pod template. */
function restrictedFaults({ spec }: Rendered): string[] {
  const faults: string[] = [];
  const want = (holds: boolean, fault: string) => void (holds || faults.push(fault));
  want(spec.securityContext?.runAsNonRoot === true, 'runAsNonRoot');
  want(spec.securityContext?.runAsUser > 0, 'runAsUser');
  want(spec.securityContext?.seccompProfile?.type === 'RuntimeDefault', 'seccompProfile');
  want(!(spec.hostNetwork || spec.hostPID || spec.hostIPC), 'host namespaces');
  const volumes = ['configMap', 'secret', 'projected', 'emptyDir', 'persistentVolumeClaim'];
  for (const { name, ...source } of spec.volumes)
    want(volumes.includes(Object.keys(source)[0] ?? ''), `volume ${name}`);
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    const security = container.securityContext ?? {};
    want(security.allowPrivilegeEscalation === false, 'allowPrivilegeEscalation');
    want(security.capabilities?.drop?.join() === 'ALL' && !security.capabilities?.add, 'capabilities');
    want(security.readOnlyRootFilesystem === true, 'readOnlyRootFilesystem');
    want(!security.privileged, 'privileged');
    want(!(container.ports ?? []).some((port: { hostPort?: number }) => port.hostPort), 'hostPort');
    want(container.resources?.requests !== undefined && container.resources.limits?.memory !== undefined, 'resources');
    want(!/:latest$|^[^:@]+$/.test(container.image), 'image without a version');
  }
  return faults;
}
