import { type Definition, MAX_TOOLS } from './definition.ts';

/** What servers offer to single persons, where each calls with a token of their own. In memory, bounded. */
export interface OwnLists {
  /** Takes in what a server offers to a person. */
  listed(uid: string, user: string, definitions: ReadonlyMap<string, Definition>): void;
  /** Whether it is known, and not for too long, what a server offers to a person. */
  knows(uid: string, user: string): boolean;
  /** Whether a server offers exactly this definition to a person; undefined where that is not known. */
  offers(uid: string, user: string, definition: Definition): boolean | undefined;
  /** Definitions that persons were shown, the newest of each name. */
  seen(uid: string): ReadonlyMap<string, Definition>;
  /** A person calls the server no longer. */
  left(uid: string, user: string): void;
  /** Somebody may be offered another thing from now on. */
  doubt(uid: string): void;
  /** Forgets a server. */
  forget(uid: string): void;
}

interface OwnList {
  readonly digests: ReadonlyMap<string, string>;
  readonly atMs: number;
}

const MAX_PERSONS = 2_000;
/** A tool that nobody was shown for so long is no longer there. */
const SEEN_MS = 24 * 3_600_000;

/** Makes them; what a server offers to a person is asked anew after `freshMs`. */
export function ownLists(freshMs: number, now: () => number = Date.now): OwnLists {
  const lists = new Map<string, Map<string, OwnList>>();
  const shown = new Map<string, Map<string, { readonly definition: Definition; readonly atMs: number }>>();
  const seen = new Map<string, ReadonlyMap<string, Definition>>();

  const fresh = (uid: string, user: string): OwnList | undefined => {
    const held = lists.get(uid)?.get(user);
    return held !== undefined && now() - held.atMs < freshMs ? held : undefined;
  };
  return {
    listed(uid, user, definitions) {
      const atMs = now();
      const persons = lists.get(uid) ?? new Map<string, OwnList>();
      lists.set(uid, persons);
      const known = persons.get(user);
      const digests = new Map([...definitions].map(([name, { digest }]) => [name, digest]));
      persons.delete(user);
      const oldest = persons.size >= MAX_PERSONS ? persons.keys().next().value : undefined;
      if (oldest !== undefined) persons.delete(oldest);
      persons.set(user, { digests, atMs });
      const all = shown.get(uid) ?? new Map();
      shown.set(uid, all);
      for (const [name, { atMs: last }] of all) if (atMs - last > SEEN_MS) all.delete(name);
      for (const [name, definition] of definitions) {
        if (all.has(name) || all.size < MAX_TOOLS) all.set(name, { definition, atMs });
      }
      if (known === undefined || !sameDigests(known.digests, digests)) seen.delete(uid);
    },
    knows: (uid, user) => fresh(uid, user) !== undefined,
    offers(uid, user, { name, digest }) {
      const own = lists.get(uid)?.get(user);
      return own === undefined ? undefined : own.digests.get(name) === digest;
    },
    seen(uid) {
      const held = seen.get(uid);
      if (held !== undefined) return held;
      const made = new Map([...(shown.get(uid) ?? [])].map(([name, { definition }]) => [name, definition]));
      seen.set(uid, made);
      return made;
    },
    left: (uid, user) => void lists.get(uid)?.delete(user),
    doubt(uid) {
      const persons = lists.get(uid);
      for (const [user, own] of persons ?? []) persons?.set(user, { ...own, atMs: Number.NEGATIVE_INFINITY });
    },
    forget(uid) {
      for (const one of [lists, shown, seen]) one.delete(uid);
    },
  };
}

function sameDigests(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, digest]) => b.get(name) === digest);
}
