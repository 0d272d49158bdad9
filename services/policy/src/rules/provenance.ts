import type { CelInput } from '@bufbuild/cel';
import type { ProvenanceUse } from '@sallyport/custom-resources/rule-provenance';
import type { Origin } from '@sallyport/proto/policy/v1/policy_pb';
import type { JsonValue } from '@sallyport/turn/canonical-json';
import { isExactNumber } from '@sallyport/turn/exact-number';
import { childPointer, pointerTokens } from '@sallyport/turn/json-pointer';
import { join, type Label, untrusted } from '@sallyport/turn/label';
import { type LabelFields, readLabel } from '../labels.ts';
import { matchesGlob } from './glob.ts';

/** An origin, as callers build it. */
export type OriginFields = Pick<Origin, 'pointer' | 'origin'> &
  Partial<Pick<Origin, 'from' | 'path' | 'fingerprints' | 'looksLike' | 'name'>> & {
    readonly label?: LabelFields | undefined;
  };

/** What policy itself knows of single values of a call, beside what the caller told, by pointer. */
export interface Vouching {
  /** A person endorsed this value for this argument. */
  readonly endorsed: ReadonlySet<string>;
  /** Untrusted content brought this value, in whatever run: pointer → source. */
  readonly tainted: ReadonlyMap<string, string>;
}

/** Nothing is known beside what the caller told. */
export const NO_VOUCHING: Vouching = { endorsed: new Set(), tainted: new Map() };

/** One value of the arguments, or the name of a member, and what is known of it. */
export interface Leaf {
  readonly pointer: string;
  readonly value: JsonValue;
  readonly name: boolean;
  /** As in Origin; `unknown` where the caller said nothing. */
  readonly origin: string;
  readonly from: string;
  readonly path: string;
  readonly label: Label;
  readonly endorsed: boolean;
}

/** What rules ask about the origins of one call's arguments; every answer is found when it is first asked for. */
export interface Provenance {
  /** The answer for a condition. */
  answer(use: ProvenanceUse): CelInput;
  /** The values of which the answer was not the good one, so that a person has to vouch for them. */
  unvouched(use: ProvenanceUse): readonly Leaf[];
  /** All values below a path. */
  leaves(path: readonly string[]): readonly Leaf[];
}

// More values than this are not told apart: they count as one of unknown origin.
const MAX_LEAVES = 10_000;

// What has no label of its own and is typed, authored or composed carries the label of the context.
const OF_CONTEXT: ReadonlySet<string> = new Set(['typed', 'system', 'composed', 'unknown']);
const VOUCHED_FOR: ReadonlySet<string> = new Set(['typed', 'system', 'result']);

/** The label of a value: a handle stands for untrusted content whatever its label says, and so does what is not told. */
export function labelOfOrigin(origin: OriginFields, context: Label, tainted?: string): Label {
  const told = origin.label === undefined ? unlabelled(origin, context) : readLabel(origin.label);
  // The context may be more restricted than the caller knew when it told of the value.
  const own = origin.origin === 'composed' ? join(told, context) : told;
  const kept = origin.origin === 'handle' ? join(own, untrusted(origin.from || 'handle')) : own;
  return tainted === undefined ? kept : join(kept, untrusted(tainted));
}

function unlabelled(origin: OriginFields, context: Label): Label {
  return OF_CONTEXT.has(origin.origin) ? context : untrusted(origin.from || 'unlabelled');
}

/** Makes what rules ask about one call. Nothing is computed before the first question. */
export function provenanceOf(
  args: JsonValue,
  origins: readonly OriginFields[],
  context: Label,
  vouching: Vouching,
): Provenance {
  let byPointer: Map<string, OriginFields> | undefined;
  const found = new Map<string, readonly Leaf[]>();

  const entries = (): Map<string, OriginFields> => {
    byPointer ??= new Map(origins.filter((one) => one.name !== true).map((one) => [one.pointer, one]));
    return byPointer;
  };
  const leafOf = (pointer: string, value: JsonValue, entry: OriginFields | undefined, name: boolean): Leaf => {
    const told = entry ?? { pointer, origin: 'unknown' };
    const label =
      entry === undefined ? untrusted('unlabelled', []) : labelOfOrigin(told, context, vouching.tainted.get(pointer));
    return {
      pointer,
      value,
      name,
      origin: told.origin === '' ? 'unknown' : told.origin,
      from: told.from ?? '',
      path: told.path ?? '',
      label,
      endorsed: !name && vouching.endorsed.has(pointer),
    };
  };
  const gather = (path: readonly string[]): readonly Leaf[] => {
    let value: JsonValue | undefined = args;
    let pointer = '';
    // A handle may stand for a whole object: what stands above a value tells of it too.
    let above = entries().get('');
    for (const token of path) {
      value = memberOf(value, token);
      if (value === undefined) return [];
      pointer = childPointer(pointer, token);
      above = entries().get(pointer) ?? above;
    }
    const leaves: Leaf[] = [];
    const walk = (at: string, one: JsonValue, inherited: OriginFields | undefined): boolean => {
      const entry = entries().get(at) ?? inherited;
      if (one !== null && typeof one === 'object' && !isExactNumber(one)) {
        const children = Array.isArray(one) ? one.entries() : Object.entries(one);
        for (const [key, child] of children) if (!walk(childPointer(at, key), child, entry)) return false;
        return true;
      }
      // Nothing is said by null or the empty text, as by an argument that is not there.
      if (one === null || one === '') return true;
      if (leaves.length >= MAX_LEAVES) return false;
      leaves.push(leafOf(at, one, entry, false));
      return true;
    };
    if (!walk(pointer, value, above)) return [leafOf(pointer, value, undefined, false)];
    const below = `${pointer}/`;
    for (const one of origins) {
      if (one.name === true && one.pointer.startsWith(below)) {
        leaves.push(leafOf(one.pointer, pointerTokens(one.pointer).at(-1) ?? '', one, true));
      }
    }
    return leaves;
  };
  const leaves = (path: readonly string[]): readonly Leaf[] => {
    const key = JSON.stringify(path);
    const known = found.get(key) ?? gather(path);
    found.set(key, known);
    return known;
  };

  return {
    leaves,
    unvouched: (use) => leaves(use.path).filter((leaf) => !isVouched(use, leaf)),
    answer(use) {
      const all = leaves(use.path);
      switch (use.name) {
        case 'origin':
          return originOf(all);
        case 'readers':
          return readersOf(all);
        case 'derived':
          return all.some((leaf) => isDerived(leaf));
        default:
          return all.every((leaf) => holds(use, leaf));
      }
    },
  };
}

/** Tells whether a value may be acted on: a human typed it, its owner authored it, a trusted field holds it, or it is endorsed. */
export function isKnown(leaf: Leaf): boolean {
  return leaf.endorsed || (VOUCHED_FOR.has(leaf.origin) && leaf.label.integrity === 'trusted');
}

function holds(use: ProvenanceUse, leaf: Leaf): boolean {
  switch (use.name) {
    case 'typed':
      return leaf.origin === 'typed' && leaf.label.integrity === 'trusted';
    case 'endorsed':
      return leaf.endorsed;
    case 'from':
      return (
        (leaf.origin === 'result' || leaf.origin === 'handle') &&
        matchesGlob(use.tool, leaf.from) &&
        matchesPointer(use.field, leaf.path)
      );
    default:
      return isKnown(leaf);
  }
}

// What a person is asked to vouch for: of `derived` the untrusted values, else those that are not what was demanded.
function isVouched(use: ProvenanceUse, leaf: Leaf): boolean {
  if (leaf.endorsed) return true;
  if (use.name === 'derived') return !isDerived(leaf);
  if (use.name === 'origin' || use.name === 'readers') return isKnown(leaf);
  return holds(use, leaf);
}

/** Tells whether a value is made of untrusted content and nobody endorsed it. */
export function isDerived(leaf: Leaf): boolean {
  return !leaf.endorsed && (leaf.label.integrity === 'untrusted' || leaf.origin === 'attached');
}

function originOf(leaves: readonly Leaf[]): string {
  const kinds = new Set(leaves.map((leaf) => leaf.origin));
  if (kinds.size > 1) return 'mixed';
  return leaves[0]?.origin ?? 'absent';
}

function readersOf(leaves: readonly Leaf[]): string[] {
  let readers: readonly string[] | undefined;
  for (const { label } of leaves) {
    if (label.audience === 'public') continue;
    const allowed = new Set(label.audience);
    readers = readers === undefined ? label.audience : readers.filter((one) => allowed.has(one));
  }
  return readers === undefined ? ['*'] : [...readers];
}

function memberOf(value: JsonValue | undefined, token: string): JsonValue | undefined {
  if (value === null || value === undefined || typeof value !== 'object') return undefined;
  if (Array.isArray(value)) return /^(?:0|[1-9]\d{0,8})$/.test(token) ? value[Number(token)] : undefined;
  return Object.hasOwn(value, token) ? value[token] : undefined;
}

/** Tells whether a JSON pointer is one that a pattern means, in which `*` stands for one token. */
export function matchesPointer(pattern: string, pointer: string): boolean {
  const wanted = pointerTokens(pattern);
  const tokens = pointerTokens(pointer);
  return wanted.length === tokens.length && wanted.every((one, index) => one === '*' || one === tokens[index]);
}
