import type { Findings } from '../findings.ts';
import type { Settings } from '../settings.ts';

/** Fallback lists of one cause by name of the model, `*` for all that have none. */
export type FallbackLists = ReadonlyMap<string, readonly string[]>;

/** What LiteLLM goes on to, by cause. */
export interface Fallbacks {
  readonly errors: FallbackLists;
  /** Undefined: no list was said, so that `errors` counts. */
  readonly contextWindow: FallbackLists | undefined;
  readonly contentPolicy: FallbackLists | undefined;
  /** Where each is said. */
  readonly paths: Readonly<Record<'errors' | 'contextWindow' | 'contentPolicy', string>>;
  /** Most steps from a model to its fallback's fallback and so on. */
  readonly depth: number;
}

const DEEPEST = 5;

/** Reads fallbacks: those of the router count before those of `litellm_settings`. */
export function fallbacksOf(router: Settings, litellm: Settings, findings: Findings): Fallbacks {
  const of = (name: string) => {
    const [first, second] = [listsOf(router, name, findings), listsOf(litellm, name, findings)];
    return first ?? second;
  };
  const pathOf = (name: string) => [router, litellm].find((one) => one.has(name))?.at(name);
  const general = [router.texts('default_fallbacks'), litellm.texts('default_fallbacks')].find(
    (list) => list.length > 0,
  );
  const errors = new Map(of('fallbacks') ?? []);
  if (general !== undefined && !errors.has('*')) errors.set('*', general);
  return {
    errors,
    paths: pathsOf(pathOf),
    contextWindow: of('context_window_fallbacks'),
    contentPolicy: of('content_policy_fallbacks'),
    depth: router.number('max_fallbacks') ?? litellm.number('max_fallbacks') ?? DEEPEST,
  };
}

function pathsOf(pathOf: (name: string) => string | undefined): Fallbacks['paths'] {
  const errors = pathOf('fallbacks') ?? pathOf('default_fallbacks') ?? 'router_settings.fallbacks';
  return {
    errors,
    contextWindow: pathOf('context_window_fallbacks') ?? errors,
    contentPolicy: pathOf('content_policy_fallbacks') ?? errors,
  };
}

/**
 * The models that LiteLLM tries after `name` has failed, in order: each of its list, behind each that one's own list, as
 * deep as it goes, none twice.
 */
export function chainOf(lists: FallbackLists, name: string, depth: number): string[] {
  const tried = new Set([name]);
  const visit = (from: string, level: number): string[] => {
    if (level >= depth) return [];
    return (lists.get(from) ?? lists.get('*') ?? []).flatMap((next) => {
      if (tried.has(next)) return [];
      tried.add(next);
      return [next, ...visit(next, level + 1)];
    });
  };
  return visit(name, 0);
}

/** All models that any list names. */
export function namedIn({ errors, contextWindow, contentPolicy }: Fallbacks): Set<string> {
  const lists = [errors, contextWindow, contentPolicy].flatMap((one) => [...(one ?? [])]);
  return new Set(lists.flatMap(([from, to]) => [...(from === '*' ? [] : [from]), ...to]));
}

function listsOf(settings: Settings, name: string, findings: Findings): Map<string, string[]> | undefined {
  const value = settings.take(name);
  if (value === undefined) return undefined;
  const path = settings.at(name);
  if (!Array.isArray(value)) {
    findings.add('not-carried', path, 'is no list of {model: [models]}');
    return undefined;
  }
  const lists = new Map<string, string[]>();
  for (const [index, entry] of value.entries()) {
    if (typeof entry !== 'object' || entry === null) {
      findings.add('not-carried', `${path}[${index}]`, 'is no {model: [models]}');
      continue;
    }
    for (const [from, to] of Object.entries(entry as Record<string, unknown>)) {
      const names = Array.isArray(to) ? to.filter((one) => typeof one === 'string') : [];
      if (!Array.isArray(to) || names.length < to.length) {
        findings.add(
          'not-carried',
          `${path}[${index}].${from}`,
          'a fallback is the name of a model, without parameters',
        );
      }
      // An empty list keeps a model from the fallbacks of all others.
      if (Array.isArray(to) && !lists.has(from)) lists.set(from, names);
    }
  }
  return lists.size === 0 ? undefined : lists;
}
