import { type Definition, MAX_TOOLS } from './definition.ts';

/** What servers offer to single persons, where each calls with a token of their own. In memory, bounded. */
export interface OwnLists {
  /** Takes in what a server offers to a person. */
  listed(uid: string, user: string, definitions: ReadonlyMap<string, Definition>): void;
  /** Whether it is known what a server offers to a person; `stale` where that was a while ago. */
  knows(uid: string, user: string): 'fresh' | 'stale' | 'no';
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
/** Time of a list that may be another by now. */
const DOUBTED = Number.NEGATIVE_INFINITY;

/** Makes them; what a server offers to a person is asked anew after `freshMs`. */
export function ownLists(freshMs: number, now: () => number = Date.now): OwnLists {
  const lists = new Map<string, Map<string, OwnList>>();
  const shown = new Map<string, Map<string, { readonly definition: Definition; readonly atMs: number }>>();
  const seen = new Map<string, ReadonlyMap<string, Definition>>();

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
    knows(uid, user) {
      const atMs = lists.get(uid)?.get(user)?.atMs ?? DOUBTED;
      return atMs === DOUBTED ? 'no' : now() - atMs < freshMs ? 'fresh' : 'stale';
    },
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
      for (const [user, own] of persons ?? []) persons?.set(user, { ...own, atMs: DOUBTED });
    },
    forget(uid) {
      for (const one of [lists, shown, seen]) one.delete(uid);
    },
  };
}

function sameDigests(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, digest]) => b.get(name) === digest);
}
