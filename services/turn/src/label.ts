import { canonicalJson, type JsonValue, parseStrict } from './canonical-json.ts';

/** Whether content may be acted on as if its reader had written it. */
export type Integrity = 'trusted' | 'untrusted';

/** Who may see content: everyone, or exactly these principals (sorted; empty means nobody). */
export type Audience = 'public' | readonly string[];

/**
 * What is known of a piece of content (DESIGN §5). Build labels with `label()` and `join()` only: both keep
 * `sources` and `audience` sorted, free of duplicates and bounded, which the lattice laws rest on.
 */
export type Label = {
  readonly integrity: Integrity;
  /** Where the content came from, such as `tool:mail/read` or `user:attached`; at most MAX_SOURCES and the marker. */
  readonly sources: readonly string[];
  readonly audience: Audience;
};

/** A recorded act by which a person or rule raises one label; its id is that of the audit record. */
export type Endorsement = {
  readonly id: string;
  /** The principal that endorsed; never the model, never the requester of an egress call. */
  readonly by: string;
  readonly reason: string;
  /** Epoch milliseconds after which the endorsement is void. */
  readonly expiresAtMs: number;
  /** Principals that may see the content from now on, besides those who already could. */
  readonly audience?: Audience;
};

/** How many sources a label names before it says only that there are more. */
export const MAX_SOURCES = 16;
/** Stands last in `sources` when some were left out. */
export const MORE_SOURCES = '+more';
const MAX_SOURCE_LENGTH = 200;
const MAX_AUDIENCE = 10_000;

/** The neutral label: trusted, of no source, for everyone. `join(x, TRUSTED)` is `x`. */
export const TRUSTED: Label = Object.freeze({ integrity: 'trusted', sources: Object.freeze([]), audience: 'public' });

/** What content gets when nothing can be told of it: untrusted and for nobody (DESIGN §8, deny by default). */
export const UNLABELLED: Label = Object.freeze({
  integrity: 'untrusted',
  sources: Object.freeze(['unlabelled']),
  audience: Object.freeze([]),
});

function sortedSet(values: Iterable<string>): string[] {
  return [...new Set(values)].sort();
}

// Keeping the smallest N of a union and one "more" flag is associative: what a first cut drops, a later one would too.
function boundSources(values: Iterable<string>): readonly string[] {
  const set = new Set<string>();
  let more = false;
  for (const value of values) {
    if (value === MORE_SOURCES) more = true;
    else set.add(value.length > MAX_SOURCE_LENGTH ? value.slice(0, MAX_SOURCE_LENGTH).toWellFormed() : value);
  }
  let sources = [...set].sort();
  if (sources.length > MAX_SOURCES) {
    sources = sources.slice(0, MAX_SOURCES);
    more = true;
  }
  if (more) sources.push(MORE_SOURCES);
  return sources;
}

/** Makes a label in normal form; the audience defaults to everyone. */
export function label(integrity: Integrity, sources: Iterable<string> = [], audience: Audience = 'public'): Label {
  return {
    integrity,
    sources: boundSources(sources),
    audience: audience === 'public' ? 'public' : sortedSet(audience),
  };
}

/** Makes the label of untrusted content from one source. */
export function untrusted(source: string, audience: Audience = 'public'): Label {
  return label('untrusted', [source], audience);
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((value, index) => value === b[index]));
}

function meetAudience(a: Audience, b: Audience): Audience {
  if (a === 'public') return b;
  if (b === 'public') return a;
  const other = new Set(b);
  return a.filter((principal) => other.has(principal));
}

/** Joins two labels: untrusted if either is, sources of both, seen only by those who may see both. */
export function join(a: Label, b: Label): Label {
  if (a === b || b === TRUSTED) return a;
  if (a === TRUSTED) return b;
  return {
    integrity: a.integrity === 'untrusted' ? 'untrusted' : b.integrity,
    sources: sameList(a.sources, b.sources) ? a.sources : boundSources([...a.sources, ...b.sources]),
    audience: meetAudience(a.audience, b.audience),
  };
}

/** Joins any number of labels; none at all is TRUSTED, the neutral element. */
export function joinAll(labels: Iterable<Label>): Label {
  let result = TRUSTED;
  for (const one of labels) result = join(result, one);
  return result;
}

/** Tells whether two labels in normal form say the same. */
export function sameLabel(a: Label, b: Label): boolean {
  if (a.integrity !== b.integrity || !sameList(a.sources, b.sources)) return false;
  if (a.audience === 'public' || b.audience === 'public') return a.audience === b.audience;
  return sameList(a.audience, b.audience);
}

/** Tells whether `b` is at least as restricted as `a` in integrity and audience: content may flow from `a` to `b`. */
export function flowsTo(a: Label, b: Label): boolean {
  if (a.integrity === 'untrusted' && b.integrity === 'trusted') return false;
  if (a.audience === 'public') return true;
  if (b.audience === 'public') return false;
  const seen = new Set(a.audience);
  return b.audience.every((principal) => seen.has(principal));
}

/** Tells whether a principal may see content of this label. */
export function mayRead(of: Label, principal: string): boolean {
  return of.audience === 'public' || of.audience.includes(principal);
}

/**
 * Raises a label: the only function of the suite that does. An endorsement that is expired or lacks its id or author
 * changes nothing. The old sources give way to `endorsed:<id>`, which the audit record explains.
 */
export function endorse(of: Label, endorsement: Endorsement, nowMs: number): Label {
  const complete = endorsement.id !== '' && endorsement.by !== '';
  // Written so that NaN counts as expired.
  if (!complete || !(nowMs < endorsement.expiresAtMs)) return of;
  const wider = endorsement.audience;
  let audience = of.audience;
  if (audience !== 'public' && wider !== undefined) {
    audience = wider === 'public' ? 'public' : sortedSet([...audience, ...wider]);
  }
  return { integrity: 'trusted', sources: boundSources([`endorsed:${endorsement.id}`]), audience };
}

/** Writes a label as canonical JSON, the form of `label_json` in proto and of stored rows. */
export function toJson(of: Label): string {
  return canonicalJson({
    integrity: of.integrity,
    sources: [...of.sources],
    audience: of.audience === 'public' ? 'public' : [...of.audience],
  });
}

/** Reads what `toJson` wrote. Anything else, also a field it does not know, is UNLABELLED: it may restrict. */
export function fromJson(text: string): Label {
  try {
    return fromValue(parseStrict(text, { maxDepth: 3 }));
  } catch {
    return UNLABELLED;
  }
}

/** Reads a label out of an already parsed value, with the same rule as `fromJson`. */
export function fromValue(value: JsonValue | undefined): Label {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return UNLABELLED;
  const { integrity, sources, audience, ...rest } = value;
  if (Object.keys(rest).length > 0) return UNLABELLED;
  if (integrity !== 'trusted' && integrity !== 'untrusted') return UNLABELLED;
  if (!isStrings(sources) || sources.length > MAX_SOURCES * 4) return UNLABELLED;
  if (audience !== 'public' && (!isStrings(audience) || audience.length > MAX_AUDIENCE)) return UNLABELLED;
  return label(integrity, sources, audience);
}

function isStrings(value: JsonValue | undefined): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
