import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { hostingRules, rules as operatorRules } from '../resources/role.ts';
import { chart, helm, ofKind, type Rendered, render } from './helm.ts';

const withHelm = helm === undefined ? describe.skip : describe;

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly port?: 'http' | 'grpc' | 'proxy';
}
const { edges } = parse(readFileSync(join(chart, 'files/edges.yaml'), 'utf8')) as { edges: Edge[] };
const { routes } = parse(readFileSync(join(chart, 'files/routes.yaml'), 'utf8')) as {
  routes: { path: string; service: string }[];
};
const portOf: Readonly<Record<string, number>> = { http: 8080, grpc: 9000, proxy: 3128, postgres: 5432, redis: 6379 };

type Peer = { podSelector?: { matchLabels?: Record<string, string> } };
type Rule = { ports?: { port: number }[]; to?: Peer[]; from?: Peer[] };

const componentOf = (peer: Peer | undefined) => peer?.podSelector?.matchLabels?.['app.kubernetes.io/component'];

/** Each pair that a NetworkPolicy lets through between pods of the release, from one side: `a→b:port`. */
function pairs(objects: readonly Rendered[], side: 'ingress' | 'egress'): string[] {
  return ofKind(objects, 'NetworkPolicy').flatMap(({ spec }) => {
    const own = componentOf(spec as Peer);
    return ((spec[side] ?? []) as Rule[]).flatMap((rule) =>
      (rule[side === 'ingress' ? 'from' : 'to'] ?? [])
        .filter((peer) => componentOf(peer) !== undefined)
        .map((peer) => {
          const other = componentOf(peer);
          const port = rule.ports?.[0]?.port;
          return side === 'egress' ? `${own}→${other}:${port}` : `${other}→${own}:${port}`;
        }),
    );
  });
}

withHelm('network policies', () => {
  const objects = helm === undefined ? [] : render('small');
  const inside = edges
    .filter(
      ({ from, to }) =>
        !['clients', 'hosted'].includes(from) && !['internet', 'api-server', 'redis', 'hosted'].includes(to),
    )
    .map(({ from, to, port }) => `${from}→${to}:${portOf[port ?? to]}`)
    .sort();

  it('[chart:edges] let through the edges of the table from both sides, and nothing else', () => {
    expect(pairs(objects, 'egress').sort()).toEqual(inside);
    expect(pairs(objects, 'ingress').sort()).toEqual(inside);
  });

  it('[chart:edges] open every pod of the release to nothing by default', () => {
    const covered = ofKind(objects, 'NetworkPolicy').map(({ spec }) => {
      expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
      return componentOf(spec as Peer);
    });
    const pods = ofKind(objects, 'Deployment', 'StatefulSet').map(
      ({ metadata }) =>
        (metadata as unknown as { labels: Record<string, string> }).labels['app.kubernetes.io/component'],
    );
    expect(covered.sort()).toEqual([...pods, 'bootstrap', 'migrate'].sort());
  });

  it('[chart:internet] let out only the two gates, the proxy of hosted servers, sign-in of identity, grants of vault and the webhook of policy, and never to link-local addresses', () => {
    const out = ofKind(objects, 'NetworkPolicy').filter(({ spec }) =>
      JSON.stringify(spec.egress).includes('0.0.0.0/0'),
    );
    expect(out.map(({ metadata }) => metadata.name).sort()).toEqual([
      'sallyport-egress-proxy',
      'sallyport-identity',
      'sallyport-mcp-broker',
      'sallyport-model-proxy',
      'sallyport-policy',
      'sallyport-vault',
    ]);
    for (const { spec } of out) expect(JSON.stringify(spec.egress)).toContain('"except":["169.254.0.0/16"]');
  });

  it('[chart:edges] let clients in where the table says so, from where the values say', () => {
    const open = (all: Rendered[]) =>
      ofKind(all, 'NetworkPolicy')
        .filter(({ spec }) => ((spec.ingress ?? []) as Rule[]).some(({ ports }) => ports?.[0]?.port === 8080))
        .map(({ spec }) => componentOf(spec as Peer));
    expect(open(objects).sort()).toEqual(['console', 'demo', 'identity', 'mcp-broker', 'mcp-host', 'model-proxy']);
    const narrowed = ofKind(render('ha'), 'NetworkPolicy').find(({ metadata }) => /console$/.test(metadata.name));
    expect(JSON.stringify(narrowed?.spec.ingress)).toContain('ingress-nginx');
  });

  it('[chart:edges] lead to outside databases by address and port', () => {
    const policy = ofKind(render('external'), 'NetworkPolicy').find(({ metadata }) => /-policy$/.test(metadata.name));
    expect(policy?.spec.egress).toEqual(
      expect.arrayContaining([
        { ports: [{ protocol: 'TCP', port: 5433 }], to: [{ ipBlock: { cidr: '10.20.0.0/24' } }] },
        { ports: [{ protocol: 'TCP', port: 6379 }], to: [{ ipBlock: { cidr: '10.20.1.0/24' } }] },
      ]),
    );
  });

  it('[chart:peers] follow the same table as the peers in the configs', () => {
    for (const map of ofKind(objects, 'ConfigMap').filter(({ data }) => data['config.yaml'])) {
      const component = map.metadata.name.replace('sallyport-', '');
      const { peers = {} } = parse(map.data['config.yaml']) as { peers?: Record<string, string> };
      const wanted = edges.filter(({ from, port }) => from === component && port === 'grpc').map(({ to }) => to);
      expect(Object.keys(peers).sort()).toEqual(wanted.sort());
      for (const [name, target] of Object.entries(peers)) {
        expect(target).toBe(`dns:///sallyport-${name}-grpc.gate.svc:9000`);
        const service = ofKind(objects, 'Service').find((one) => one.metadata.name === `sallyport-${name}-grpc`);
        expect(service?.spec.clusterIP).toBe('None');
      }
    }
  });
});

describe('the table of edges', () => {
  it.each(['audit', 'identity', 'mcp-broker', 'mcp-host', 'operator', 'policy', 'quarantine', 'vault'])(
    '[chart:callers] names as callers of %s exactly those that it lets call anything',
    async (service) => {
      // By path, since services are no packages of the tests: nothing else may reach into one.
      const { CALLERS } = (await import(join(chart, '../../services', service, 'src/server.ts'))) as {
        CALLERS: Readonly<Record<string, readonly string[]>>;
      };
      const wanted = edges.filter(({ to, port }) => to === service && port === 'grpc').map(({ from }) => from);
      expect([...new Set(Object.values(CALLERS).flat())].sort()).toEqual(wanted.sort());
    },
  );
});

withHelm('routes', () => {
  const backends = (paths: { path: string; backend: { service: { name: string; port: { name: string } } } }[]) =>
    paths.map(({ path, backend }) => ({ path, service: backend.service.name.replace('sallyport-', '') }));

  it('[chart:routes] are those of the table in the Ingress', () => {
    const [ingress] = ofKind(render('default'), 'Ingress');
    expect(ingress?.spec.rules).toHaveLength(1);
    expect(backends(ingress?.spec.rules[0].http.paths)).toEqual(routes);
  });

  it('[chart:routes] are those of the table in the HTTPRoute', () => {
    const [route] = ofKind(render('external'), 'HTTPRoute');
    const found = route?.spec.rules.map(
      (rule: { matches: { path: { value: string } }[]; backendRefs: { name: string }[] }) => ({
        path: rule.matches[0]?.path.value,
        service: rule.backendRefs[0]?.name.replace('gate-', ''),
      }),
    );
    expect(found).toEqual(routes);
    expect(ofKind(render('external'), 'Ingress')).toEqual([]);
  });

  it('[chart:routes] lead to Services that exist, on their port http', () => {
    const objects = render('default');
    for (const { service } of routes) {
      const found = ofKind(objects, 'Service').find(({ metadata }) => metadata.name === `sallyport-${service}`);
      expect(found?.spec.ports).toEqual(
        expect.arrayContaining([expect.objectContaining({ name: 'http', port: 8080 })]),
      );
    }
  });
});

withHelm('rights', () => {
  const lease = {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    resourceNames: ['sallyport-operator'],
    verbs: ['get', 'update'],
  };
  const users = { apiGroups: ['sallyport.dev'], resources: operatorRules[0]?.resources };
  const sorted = (rules: { resources?: string[]; verbs: string[] }[]) =>
    rules.map((rule) => ({ ...rule, resources: rule.resources?.toSorted(), verbs: rule.verbs.toSorted() }));
  const table = (objects: Rendered[]) =>
    Object.fromEntries(
      ofKind(objects, 'Role', 'ClusterRole').map((role) => [
        [role.kind, role.metadata.namespace, role.metadata.name].filter(Boolean).join('/'),
        sorted(role.rules),
      ]),
    );
  const forUsers = {
    'ClusterRole/gate-sallyport-view': sorted([{ ...users, verbs: ['get', 'list', 'watch'] } as never]),
    'ClusterRole/gate-sallyport-admin': sorted([
      { ...users, verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'] } as never,
      { apiGroups: ['sallyport.dev'], resources: ['virtualkeys'], verbs: ['administer'] } as never,
    ]),
  };

  it('[chart:rbac] are exactly these where all namespaces are watched', () => {
    const { 'Role/sallyport-bootstrap': bootstrap, ...others } = table(render('small'));
    expect(others).toEqual({
      ...forUsers,
      'ClusterRole/gate-sallyport-operator': sorted([...operatorRules, ...hostingRules] as never),
      'ClusterRole/gate-sallyport-mcp-host': sorted([
        { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch', 'delete'] },
        { apiGroups: [''], resources: ['pods/attach'], verbs: ['get', 'create'] },
        { apiGroups: ['apps'], resources: ['deployments/scale'], verbs: ['patch'] },
      ] as never),
      'Role/sallyport-operator-lease': sorted([lease]),
    });
    expect(bootstrap).toHaveLength(1);
    expect(bootstrap?.[0]).toMatchObject({ resources: ['secrets'], verbs: ['get', 'patch'] });
  });

  it('[chart:rbac] of the operator end at the namespaces that it watches', () => {
    const { 'Role/sallyport-bootstrap': _, ...others } = table(render('ha'));
    expect(others).toEqual({
      ...forUsers,
      'Role/team-a/sallyport-operator': sorted(operatorRules as never),
      'Role/team-b/sallyport-operator': sorted(operatorRules as never),
      'Role/sallyport-operator-lease': sorted([lease]),
    });
  });

  it('[chart:rbac] of the bootstrap cover the Secrets that the chart makes, by name', () => {
    for (const scenario of ['default', 'small', 'cert-manager']) {
      const objects = render(scenario);
      const [role] = ofKind(objects, 'Role').filter(({ metadata }) => /-bootstrap$/.test(metadata.name));
      const made = ofKind(objects, 'Secret').map(({ metadata }) => metadata.name);
      expect(role?.rules[0].resourceNames).toEqual(made.sort());
      const plan = JSON.parse(
        ofKind(objects, 'ConfigMap').find(({ metadata }) => /-bootstrap$/.test(metadata.name))?.data['plan.json'],
      );
      const filled = [
        ...Object.keys(plan.secrets),
        ...(plan.certificates === undefined
          ? []
          : [
              plan.certificates.authority,
              ...Object.values<{ secret: string }>(plan.certificates.services).map(({ secret }) => secret),
            ]),
      ];
      expect(filled.sort()).toEqual(made);
    }
    expect(ofKind(render('external'), 'Secret')).toEqual([]);
  });

  it('[chart:rbac] are bound to accounts of the release', () => {
    const objects = render('small');
    const accounts = ofKind(objects, 'ServiceAccount').map(({ metadata }) => metadata.name);
    for (const binding of ofKind(objects, 'RoleBinding', 'ClusterRoleBinding')) {
      expect(accounts).toContain(binding.subjects[0].name);
      expect(binding.subjects).toHaveLength(1);
    }
  });
});
