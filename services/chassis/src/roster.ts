/** Who is present: members come and go with every request. */
export interface Roster<T extends Member> {
  add(member: T): void;
  /** Removes a member; one that is not present is ignored. */
  remove(member: T): void;
  /** The members of this moment, in no order. */
  present(): T[];
  readonly size: number;
}

/** What a roster keeps of its members; begin with `ABSENT`. */
export interface Member {
  /** Place in the roster, which alone writes it. */
  place: number;
}

/** The place of who is in no roster. */
export const ABSENT = -1;

/**
 * Makes a roster. Not a Set or Map: V8 links each outgrown table of those to its successor, so that one table that was
 * promoted to the old generation keeps all later ones, and every request in them, until the next full collection.
 * Measured with 16 open requests: a third of all that was allocated was promoted, and a young collection took 5 ms.
 */
export function roster<T extends Member>(): Roster<T> {
  const members: T[] = [];
  return {
    add(member) {
      member.place = members.length;
      members.push(member);
    },
    remove(member) {
      const { place } = member;
      if (members[place] !== member) return;
      const last = members.pop() as T;
      if (last !== member) {
        members[place] = last;
        last.place = place;
      }
      member.place = ABSENT;
    },
    present: () => members.slice(),
    get size() {
      return members.length;
    },
  };
}
