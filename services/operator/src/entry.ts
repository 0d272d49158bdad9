import { createHash } from 'node:crypto';
import type { Condition, Kind, Parsed, Resource } from '@sallyport/custom-resources';

/** A status as it was last written: conditions and whatever else the kind has. */
export type Status = {
  readonly conditions?: readonly Condition[];
  readonly observedGeneration?: number;
  readonly [field: string]: unknown;
};

/** A resource as its source holds it, valid or not. Immutable: a change makes a new entry. */
export type Entry<K extends Kind = Kind> = { [P in K]: EntryOf<P> }[K];

type EntryOf<K extends Kind> = {
  readonly kind: K;
  /** The namespace. */
  readonly tenant: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  /** Epoch milliseconds; the oldest holds a contested name. */
  readonly createdAtMs: number;
  readonly annotations: Readonly<Record<string, string>>;
  /** The spec as it was written, for showing. */
  readonly written: unknown;
  readonly parsed: Parsed<Extract<Resource, { kind: K }>>;
  readonly status: Status;
};

/** Key of an entry among those of its kind. */
export function keyOf(entry: { readonly tenant: string; readonly name: string }): string {
  return `${entry.tenant}/${entry.name}`;
}

/** JSON with the keys of every object sorted, so that equal values are equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

/** SHA-256 in hex. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Oldest first; of the same age, by name. */
export function byAge(a: Entry, b: Entry): number {
  return a.createdAtMs - b.createdAtMs || (a.name < b.name ? -1 : 1);
}
