import { isPattern, matchesGlob } from '../rules/glob.ts';

/** Something chosen by owner (tool server, client, provider) and name, each of which may be a pattern. */
export interface Selector<T> {
  readonly owner: string;
  readonly name: string;
  readonly chosen: T;
}

/** Finds what selects a tool without looking at everything: cost follows the owner's entries, not the tenant's. */
export interface SelectorIndex<T> {
  /** What selects the tool, each once, in the order in which the selectors were given. */
  find(owner: string, name: string): readonly T[];
}

interface OwnerEntries<T> {
  readonly byName: Map<string, Ranked<T>[]>;
  readonly patterns: Ranked<T>[];
}

interface Ranked<T> extends Selector<T> {
  readonly rank: number;
}

/** Builds the index of a tenant's selectors of one kind of tool. */
export function selectorIndex<T>(selectors: readonly Selector<T>[]): SelectorIndex<T> {
  const owners = new Map<string, OwnerEntries<T>>();
  const anyOwner: Ranked<T>[] = [];
  selectors.forEach((selector, rank) => {
    const ranked = { ...selector, rank };
    if (isPattern(selector.owner)) {
      anyOwner.push(ranked);
      return;
    }
    let entries = owners.get(selector.owner);
    if (entries === undefined) {
      entries = { byName: new Map(), patterns: [] };
      owners.set(selector.owner, entries);
    }
    if (isPattern(selector.name)) entries.patterns.push(ranked);
    else if (entries.byName.has(selector.name)) entries.byName.get(selector.name)?.push(ranked);
    else entries.byName.set(selector.name, [ranked]);
  });

  return {
    find(owner, name) {
      const entries = owners.get(owner);
      const found = [
        ...(entries?.byName.get(name) ?? []),
        ...(entries?.patterns.filter((one) => matchesGlob(one.name, name)) ?? []),
        ...anyOwner.filter((one) => matchesGlob(one.owner, owner) && matchesGlob(one.name, name)),
      ];
      if (found.length === 0) return [];
      found.sort((a, b) => a.rank - b.rank);
      return [...new Set(found.map((one) => one.chosen))];
    },
  };
}
