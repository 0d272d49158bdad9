import type { Resource } from '@sallyport/custom-resources';
import { matchesGlob } from '@sallyport/policy/rules/glob';
import { constancyOf, type Domains } from './condition-logic.ts';
import { selects, toolServers } from './rule-lint.ts';

/** Something that the protection does not reach, or reaches less than it could. */
export interface Gap {
  readonly about: 'key' | 'client' | 'model' | 'tool' | 'provider tool' | 'policy';
  readonly name: string;
  readonly gap: string;
}

/** What stands inside and outside of the protection in a namespace. */
export interface Coverage {
  /** How many there are of what gaps are about. */
  readonly totals: { readonly keys: number; readonly clients: number; readonly models: number; readonly tools: number };
  readonly gaps: readonly Gap[];
}

type Of<K extends Resource['kind']> = Extract<Resource, { readonly kind: K }>;

/** Finds the clients, keys, models and tools of a namespace that stand outside of the protection, by its resources alone. */
export function coverageOf(resources: readonly Resource[], namespace: string): Coverage {
  const own = resources.filter((one) => one.metadata.namespace === namespace);
  const of = <K extends Resource['kind']>(kind: K) => own.filter((one): one is Of<K> => one.kind === kind);
  const policies = of('ToolPolicy');
  const keys = of('VirtualKey').filter(({ spec }) => !spec.disabled);
  const clients = [...new Set(keys.flatMap(({ spec }) => (spec.client === undefined ? [] : [spec.client])))];
  const tools = toolServers(own, namespace).flatMap((server) => server.spec.tools.filter(({ enabled }) => enabled));
  const gaps = [
    ...keys.flatMap(keyGaps),
    ...clientGaps(keys, clients, of('AccessPolicy'), policies),
    ...modelGaps(of('Model'), of('AccessPolicy'), policies),
    ...toolServers(own, namespace).flatMap((server) => toolGaps(server, policies)),
    ...policies.flatMap(policyGaps),
  ];
  return {
    totals: { keys: keys.length, clients: clients.length, models: of('Model').length, tools: tools.length },
    gaps,
  };
}

function keyGaps({ metadata, spec }: Of<'VirtualKey'>): Gap[] {
  if (spec.role !== 'Member') return [];
  const { name } = metadata;
  const { system, user } = spec.instructionAuthority ?? {};
  const gap = (text: string): Gap => ({ about: 'key', name, gap: text });
  return [
    ...(user === undefined
      ? [gap('says not whether its user text is typed: rules that want typed values ask or refuse')]
      : []),
    ...(system === undefined
      ? [gap('says not whether its system text is authored: it counts as of unknown origin')]
      : []),
    ...(spec.origin === undefined ? [gap('says not what starts its runs: it counts as no human')] : []),
    ...(spec.client === undefined ? [gap('names no client: no policy on client tools can select it')] : []),
    ...(spec.owner === undefined
      ? [gap('has no owner: what is known of untrusted values of a user is not known under it')]
      : []),
  ];
}

function clientGaps(
  keys: readonly Of<'VirtualKey'>[],
  clients: readonly string[],
  access: readonly Of<'AccessPolicy'>[],
  policies: readonly Of<'ToolPolicy'>[],
): Gap[] {
  return clients.flatMap((client): Gap[] => {
    const of = keys.filter(({ spec }) => spec.client === client);
    const decided = access.filter(
      ({ spec: { subjects, clientTools } }) =>
        clientTools === 'Decide' &&
        (subjects.everyone ||
          subjects.clients.includes(client) ||
          of.some(
            ({ metadata, spec }) =>
              subjects.keys.includes(metadata.name) ||
              spec.teams.some((one) => subjects.teams.includes(one)) ||
              (spec.owner !== undefined && subjects.users.includes(spec.owner)),
          )),
    );
    const denied = access.some(
      ({ spec }) => spec.clientTools === 'Deny' && (spec.subjects.everyone || spec.subjects.clients.includes(client)),
    );
    const declared = policies.some(({ spec }) => spec.clientTools.some((one) => matchesGlob(one.client, client)));
    if (decided.length === 0 || denied || declared) return [];
    const gap =
      'may declare functions of its own that no ToolPolicy names: they run in the client, as egress, while nothing untrusted is in play';
    return [{ about: 'client', name: client, gap }];
  });
}

function modelGaps(
  models: readonly Of<'Model'>[],
  access: readonly Of<'AccessPolicy'>[],
  policies: readonly Of<'ToolPolicy'>[],
): Gap[] {
  const allowed = policies.flatMap(({ metadata, spec }) =>
    spec.calls.some(({ action }) => action === 'Allow' || action === 'Ask')
      ? spec.providerTools.map(({ provider, type }) => ({ policy: metadata.name, provider, type }))
      : [],
  );
  const readers = new Set(
    policies.flatMap(({ spec }) => spec.results.flatMap(({ quarantine }) => quarantine?.model ?? [])),
  );
  return [
    ...allowed.map(({ policy, provider, type }): Gap => {
      const gap = `is allowed by ${policy}: ${provider} runs it and the gate sees neither call nor source`;
      return { about: 'provider tool', name: `${provider}/${type}`, gap };
    }),
    ...models.flatMap(({ metadata, spec }): Gap[] => {
      const name = spec.publicName ?? metadata.name;
      const provided = spec.targets.filter(({ provider }) => allowed.some((one) => one.provider === provider));
      const asked = access.some(({ spec: granted }) => granted.models.some((pattern) => matchesGlob(pattern, name)));
      return [
        ...(provided.length > 0 && asked
          ? [{ about: 'model' as const, name, gap: 'may answer with tools that its provider runs' }]
          : []),
        ...(readers.has(name) && asked
          ? [{ about: 'model' as const, name, gap: 'reads in quarantine and may be called directly too' }]
          : []),
      ];
    }),
  ];
}

function toolGaps(server: Of<'ToolServer'>, policies: readonly Of<'ToolPolicy'>[]): Gap[] {
  const { name: serverName } = server.metadata;
  const gap = (tool: string, text: string): Gap => ({ about: 'tool', name: `${serverName}/${tool}`, gap: text });
  const undeclared =
    server.spec.defaultClass === 'Read' ? [gap('*', 'what is not declared is taken for reading only')] : [];
  return [
    ...undeclared,
    ...server.spec.tools
      .filter(({ enabled }) => enabled)
      .flatMap((tool): Gap[] => {
        const speaking = policies.filter(({ spec }) => selects(spec, serverName, tool.name));
        const domains: Domains = {
          'tool.name': (value) => value === tool.name,
          'tool.server': (value) => value === serverName,
          'tool.class': (value) => value === tool.class.toLowerCase(),
        };
        const results = speaking
          .flatMap(({ spec }) => spec.results)
          .filter(({ when }) => when === undefined || constancyOf(when, domains) !== 'never');
        const reads = results.some(({ action }) => action === 'Quarantine' || action === 'Deny');
        const trusts = results.some(({ action, trust }) => action === 'Allow' && trust === 'Trusted');
        const fields = tool.fields?.some(({ trusted }) => trusted) ?? false;
        const harmful = tool.class === 'Egress' || tool.class === 'Sensitive';
        const spoken = speaking.some(({ spec }) => spec.calls.length > 0);
        return [
          ...(harmful && !spoken ? [gap(tool.name, `is ${tool.class} and no rule speaks of its calls`)] : []),
          ...(reads || trusts
            ? []
            : [
                gap(
                  tool.name,
                  'hands its result to the model in plain, untrusted: tools with side effects are refused from then on',
                ),
              ]),
          ...(!reads && fields ? [gap(tool.name, 'has trusted fields, but no rule has its result shown by them')] : []),
          ...(trusts ? [gap(tool.name, 'hands its whole result on as trusted')] : []),
        ];
      }),
  ];
}

function policyGaps({ metadata, spec }: Of<'ToolPolicy'>): Gap[] {
  const { name } = metadata;
  const gap = (text: string): Gap => ({ about: 'policy', name, gap: text });
  const observing = [...spec.calls, ...spec.results].filter(({ mode }) => (mode ?? spec.mode) === 'Observe');
  const shared = [...spec.calls, ...spec.results].filter(({ rollout }) => rollout !== undefined);
  const plain = spec.results.filter(({ action, trust }) => action === 'Allow' && trust !== 'Trusted');
  return [
    ...observing.map((one) => gap(`rule ${one.name} only observes`)),
    ...shared.map((one) => gap(`rule ${one.name} acts for ${one.rollout} percent of principals`)),
    ...plain.map((one) => gap(`rule ${one.name} hands results on in plain and untrusted`)),
    ...(spec.mode === undefined ? [gap('has no mode: it acts only where the installation enforces')] : []),
  ];
}
