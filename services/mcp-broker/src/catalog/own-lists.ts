import { MAX_TOOLS } from '@sallyport/custom-resources/tool-server-pins';
import type { Definition } from './definition.ts';

/** What servers offer to single persons, where each calls with a token of their own. In memory, bounded. */
export interface OwnLists {
  /** Takes in what a server offers to a person. */
  listed(uid: string, user: string, definitions: ReadonlyMap<string, Definition>): void;
  /** Whether it is known what a server offers to a person; `stale` where that was a while ago. */
  knows(uid: string, user: string): 'fresh' | 'stale' | 'no';
  /**
   * Whether a server offers exactly this definition to a person; `left` where they call it no longer, or have never done so.
   * What is not known is not offered: it may be another person's.
   */
  offers(uid: string, user: string, definition: Definition): boolean | 'left';
  /** Definitions that persons were shown, the newest of each name. */
  seen(uid: string): ReadonlyMap<string, Definition>;
  /** A person calls the server no longer, or does not call it yet. */
  left(uid: string, user: string): void;
  /** What a server offers to a person could not be read. What it did before holds on. */
  unread(uid: string, user: string): void;
  /** A person may be offered another thing from now on; an empty name: everybody. */
  doubt(uid: string, user: string): void;
  /** Forgets a server. */
  forget(uid: string): void;
}

interface OwnList {
  /** Undefined: the person does not call the server. */
  readonly digests: ReadonlyMap<string, string> | undefined;
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
  const keep = (uid: string, user: string, own: OwnList) => {
    const persons = lists.get(uid) ?? new Map<string, OwnList>();
    lists.set(uid, persons);
    persons.delete(user);
    const oldest = persons.size >= MAX_PERSONS ? persons.keys().next().value : undefined;
    if (oldest !== undefined) persons.delete(oldest);
    persons.set(user, own);
  };

  return {
    listed(uid, user, definitions) {
      const atMs = now();
      keep(uid, user, { digests: new Map([...definitions].map(([name, { digest }]) => [name, digest])), atMs });
      const all = shown.get(uid) ?? new Map<string, { readonly definition: Definition; readonly atMs: number }>();
      shown.set(uid, all);
      let same = true;
      for (const [name, { atMs: last }] of all) {
        if (atMs - last > SEEN_MS) same = !all.delete(name);
      }
      for (const [name, definition] of definitions) {
        const held = all.get(name);
        if (held === undefined && all.size >= MAX_TOOLS) continue;
        // What is in force is settled anew only where it is another thing than before.
        if (held?.definition.digest !== definition.digest) same = false;
        all.set(name, { definition, atMs });
      }
      if (!same) seen.delete(uid);
    },
    knows(uid, user) {
      const atMs = lists.get(uid)?.get(user)?.atMs ?? DOUBTED;
      return atMs === DOUBTED ? 'no' : now() - atMs < freshMs ? 'fresh' : 'stale';
    },
    offers(uid, user, { name, digest }) {
      const own = lists.get(uid)?.get(user);
      if (own === undefined) return false;
      return own.digests === undefined ? 'left' : own.digests.get(name) === digest;
    },
    seen(uid) {
      const held = seen.get(uid);
      if (held !== undefined) return held;
      const made = new Map([...(shown.get(uid) ?? [])].map(([name, { definition }]) => [name, definition]));
      seen.set(uid, made);
      return made;
    },
    left: (uid, user) => keep(uid, user, { digests: undefined, atMs: DOUBTED }),
    unread(uid, user) {
      const persons = lists.get(uid);
      if (persons?.get(user)?.digests === undefined) persons?.delete(user);
    },
    doubt(uid, user) {
      const persons = lists.get(uid);
      for (const [of, own] of persons ?? []) {
        if (user === '' || of === user) persons?.set(of, { ...own, atMs: DOUBTED });
      }
    },
    forget(uid) {
      for (const one of [lists, shown, seen]) one.delete(uid);
    },
  };
}
