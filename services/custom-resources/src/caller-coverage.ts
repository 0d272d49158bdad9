import type { AccessPolicySpec } from './access-policy.ts';
import type { Gap, Of } from './coverage.ts';
import { matchesGlob } from './glob.ts';

/** Who may call: keys and clients of a namespace that are not disabled. */
export interface Callers {
  readonly keys: readonly Of<'VirtualKey'>[];
  readonly clients: readonly Of<'Client'>[];
}

/** Finds the keys and clients that leave unsaid what their text is worth, or declare functions that no policy names. */
export function callerGaps(
  callers: Callers,
  access: readonly Of<'AccessPolicy'>[],
  policies: readonly Of<'ToolPolicy'>[],
): Gap[] {
  return [
    ...callers.keys.flatMap(keyGaps),
    ...callers.keys.flatMap((key) => ownerGap(key, access)),
    ...callers.clients.flatMap((client) => unsaid('client', clientName(client), client.spec)),
    ...functionGaps(callers, access, policies),
  ];
}

/** The names of all clients that are declared or that keys name. */
export function clientsOf({ keys, clients }: Callers): string[] {
  return [...new Set([...clients.map(clientName), ...keys.flatMap(({ spec }) => spec.client ?? [])])];
}

/** Whether an AccessPolicy speaks of what this key brings. Teams of its owner that only identity knows are left out. */
export function admitsKey({ subjects }: AccessPolicySpec, { metadata, spec }: Of<'VirtualKey'>): boolean {
  return (
    subjects.everyone ||
    subjects.keys.includes(metadata.name) ||
    spec.teams.some((one) => subjects.teams.includes(one)) ||
    (spec.owner !== undefined && subjects.users.includes(spec.owner)) ||
    (spec.client !== undefined && subjects.clients.includes(spec.client))
  );
}

/** Whether an AccessPolicy speaks of this client, or of a key that names it. */
export function admitsClient(access: AccessPolicySpec, client: string, { keys, clients }: Callers): boolean {
  const { subjects } = access;
  return (
    subjects.everyone ||
    subjects.clients.includes(client) ||
    keys.some((key) => key.spec.client === client && admitsKey(access, key)) ||
    clients.some((one) => clientName(one) === client && one.spec.teams.some((team) => subjects.teams.includes(team)))
  );
}

function clientName({ metadata, spec }: Of<'Client'>): string {
  return spec.clientId ?? metadata.name;
}

function keyGaps({ metadata, spec }: Of<'VirtualKey'>): Gap[] {
  if (spec.role !== 'Member') return [];
  const { name } = metadata;
  const gap = (text: string): Gap => ({ about: 'key', name, gap: text });
  return [
    ...unsaid('key', name, spec),
    ...(spec.client === undefined ? [gap('names no client: no policy on client tools can select it')] : []),
    ...(spec.owner === undefined
      ? [gap('has no owner: what is known of untrusted values of a user is not known under it')]
      : []),
  ];
}

/** A key does no more than its owner may: one whose owner no policy can select is refused whatever selects the key. */
function ownerGap(key: Of<'VirtualKey'>, access: readonly Of<'AccessPolicy'>[]): Gap[] {
  const { name } = key.metadata;
  const { owner, role } = key.spec;
  if (role !== 'Member' || owner === undefined) return [];
  if (!access.some(({ spec }) => admitsKey(spec, key))) return [];
  const mayAdmit = access.some(
    ({ spec: { subjects } }) =>
      subjects.everyone || subjects.users.includes(owner) || subjects.teams.length > 0 || subjects.claims !== undefined,
  );
  if (mayAdmit) return [];
  return [
    { about: 'key', name, gap: `may do nothing: no AccessPolicy selects its owner ${owner}, and it does no more` },
  ];
}

type Sayings = Pick<Of<'VirtualKey'>['spec'] | Of<'Client'>['spec'], 'instructionAuthority' | 'origin'>;

function unsaid(about: 'key' | 'client', name: string, { instructionAuthority, origin }: Sayings): Gap[] {
  const gap = (text: string): Gap => ({ about, name, gap: text });
  return [
    ...(instructionAuthority?.user === undefined
      ? [gap('says not whether its user text is typed: rules that want typed values ask or refuse')]
      : []),
    ...(instructionAuthority?.system === undefined
      ? [gap('says not whether its system text is authored: it counts as of unknown origin')]
      : []),
    ...(origin === undefined ? [gap('says not what starts its runs: it counts as no human')] : []),
  ];
}

function functionGaps(
  callers: Callers,
  access: readonly Of<'AccessPolicy'>[],
  policies: readonly Of<'ToolPolicy'>[],
): Gap[] {
  const deciding = access.filter(({ spec }) => spec.clientTools === 'Decide');
  const denying = access.filter(({ spec }) => spec.clientTools === 'Deny');
  return clientsOf(callers).flatMap((client): Gap[] => {
    const denied = denying.some(({ spec }) => spec.subjects.everyone || spec.subjects.clients.includes(client));
    const declared = policies.some(({ spec }) => spec.clientTools.some((one) => matchesGlob(one.client, client)));
    if (denied || declared || !deciding.some(({ spec }) => admitsClient(spec, client, callers))) return [];
    const gap =
      'may declare functions of its own that no ToolPolicy names: they run in the client, as egress, while nothing untrusted is in play';
    return [{ about: 'client', name: client, gap }];
  });
}
