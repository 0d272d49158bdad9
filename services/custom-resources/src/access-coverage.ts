import { admitsClient, admitsKey, type Callers } from './caller-coverage.ts';
import type { Coverage, Gap, Of, SeenTools } from './coverage.ts';
import { matchesGlob } from './glob.ts';
import type { Resource } from './parse.ts';
import { selects } from './tool-coverage.ts';

const MAX_SORTS = 6;
const MAX_NAMES = 3;

/**
 * The gaps of a namespace (all its resources given) that one of its AccessPolicies opens to somebody: those of the keys
 * and clients that it admits, the models and tools that it lets them use, and the ToolPolicies on those tools.
 */
export function gapsUnder(
  policy: Of<'AccessPolicy'>,
  { gaps }: Coverage,
  resources: readonly Resource[],
  seen: SeenTools = new Map(),
): Gap[] {
  const { spec } = policy;
  const { callers, keys, policies, servers } = sortedOut(resources);
  const mayUse = (tool: string) => spec.tools.some((pattern) => matchesGlob(pattern, tool));
  const tools = servers.flatMap(({ metadata, spec: { tools: declared } }) =>
    [...new Set([...declared.map(({ name }) => name), ...(seen.get(metadata.name) ?? [])])]
      .filter((tool) => mayUse(`${metadata.name}/${tool}`))
      .map((tool) => ({ server: metadata.name, tool })),
  );
  const opens = ({ about, name }: Subject): boolean => {
    switch (about) {
      case 'key': {
        const key = keys.get(name);
        return key !== undefined && admitsKey(spec, key);
      }
      case 'client':
        return admitsClient(spec, name, callers);
      case 'model':
        return spec.models.some((pattern) => matchesGlob(pattern, name));
      case 'tool':
        return mayUse(name);
      case 'policy': {
        const found = policies.get(name);
        return found !== undefined && tools.some(({ server, tool }) => selects(found.spec, server, tool));
      }
      // Tools that providers run are told of the models whose providers they are.
      default:
        return false;
    }
  };
  const found = bySubject(gaps)
    .filter(opens)
    .flatMap((subject) => subject.gaps);
  // Functions of clients are not for a policy to open that denies them.
  return spec.clientTools === 'Decide' ? found : found.filter((one) => !isOfFunctions(one));
}

function isOfFunctions({ about, gap }: Gap): boolean {
  return about === 'client' && gap.startsWith('may declare');
}

type Subject = Pick<Gap, 'about' | 'name'> & { readonly gaps: readonly Gap[] };

// Each of ten thousand keys has several gaps; whether a policy admits it is asked once.
const grouped = new WeakMap<readonly Gap[], readonly Subject[]>();

function bySubject(gaps: readonly Gap[]): readonly Subject[] {
  const known = grouped.get(gaps);
  if (known !== undefined) return known;
  const subjects = new Map<string, Subject & { gaps: Gap[] }>();
  for (const gap of gaps) {
    const { about, name } = gap;
    const subject = subjects.get(`${about} ${name}`) ?? { about, name, gaps: [] };
    subject.gaps.push(gap);
    subjects.set(`${about} ${name}`, subject);
  }
  const made = [...subjects.values()];
  grouped.set(gaps, made);
  return made;
}

interface SortedOut {
  readonly callers: Callers;
  readonly keys: ReadonlyMap<string, Of<'VirtualKey'>>;
  readonly policies: ReadonlyMap<string, Of<'ToolPolicy'>>;
  readonly servers: readonly Of<'ToolServer'>[];
}

// The policies of a namespace are asked about one after the other, over the same resources.
const sorted = new WeakMap<readonly Resource[], SortedOut>();

function sortedOut(resources: readonly Resource[]): SortedOut {
  const known = sorted.get(resources);
  if (known !== undefined) return known;
  const of = <K extends Resource['kind']>(kind: K) => resources.filter((one): one is Of<K> => one.kind === kind);
  const callers = { keys: of('VirtualKey'), clients: of('Client') };
  const made = {
    callers,
    keys: new Map(callers.keys.map((key) => [key.metadata.name, key])),
    policies: new Map(of('ToolPolicy').map((one) => [one.metadata.name, one])),
    servers: of('ToolServer'),
  };
  sorted.set(resources, made);
  return made;
}

/** Gaps in one line, those of one sort together: at most six sorts with three names each, and how many more there are. */
export function gapLine(gaps: readonly Gap[]): string {
  const sorts = new Map<string, { readonly about: string; readonly names: Set<string>; readonly text: string }>();
  for (const { about, name, gap } of gaps) {
    const text = gap.split(':')[0] ?? gap;
    const sort = sorts.get(`${about} ${text}`) ?? { about, names: new Set<string>(), text };
    sort.names.add(name);
    sorts.set(`${about} ${text}`, sort);
  }
  const shown = [...sorts.values()].slice(0, MAX_SORTS).map(({ about, names, text }) => {
    const more = names.size - MAX_NAMES;
    const list = [...names].slice(0, MAX_NAMES).join(', ');
    return `${about} ${list}${more > 0 ? ` and ${more} more` : ''} ${text}`;
  });
  const left = sorts.size - shown.length;
  return `${shown.join('; ')}${left > 0 ? `; and gaps of ${left} more sorts` : ''}`;
}
