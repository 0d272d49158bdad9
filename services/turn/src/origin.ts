import type { JsonValue } from './canonical-json.ts';
import {
  beginSearch,
  type Corpus,
  hasForm,
  type Origin,
  plainOf,
  rank,
  type Span,
  spanOfForm,
  UNTRUSTED_RANK,
} from './corpus.ts';
import { labelOfParts } from './derived.ts';
import { decodings } from './encodings.ts';
import { type ExactNumber, exactText, isExactNumber } from './exact-number.ts';
import { handleIdOf, handleIdsIn } from './handle.ts';
import { childPointer, pointerTokens } from './json-pointer.ts';
import { join, joinAll, type Label, UNLABELLED } from './label.ts';
import { markOfLook, skeleton } from './look-alike.ts';
import { valueForms } from './normalise.ts';
import { declaresKey } from './schema-position.ts';
import { standsIn } from './whole-words.ts';

/** What is told of one leaf of a call's arguments. */
export type ValueOrigin = {
  /** JSON pointer of the leaf. */
  readonly pointer: string;
  readonly origin: Origin;
  readonly label: Label;
  /** The entry is about the name of this member, not its value: names that no schema declares carry content too. */
  readonly name?: true;
  /** A word that the user or the system wrote and that this other value looks like; for the approver. */
  readonly looksLike?: string;
};

/** Policy tells no more apart either. */
const MAX_VALUES = 10_000;
/** Longest that their pointers may be together: each repeats the names on its way, so that 20 KB could ask for 50 MB. */
const MAX_POINTERS = 2 * 1024 * 1024;
const MIN_LOOK = 4;
const MAX_LOOK = 256;
const SPACE = /\s/;

/**
 * Tells of each leaf of a call's arguments where it comes from: a handle; else the span that is this value as a whole
 * (in any of its normal forms, or encoded); else the typed, system or unknown text in which it stands as whole words. What
 * is found nowhere is composed by the model and carries the join of everything in play, and of the untrusted values in it;
 * so is what there was no time to find. With the tool's input schema, the names of members that it does not declare are
 * told of in the same way. Of more than 10,000 values and members, or of such whose pointers would be longer than 2 MiB
 * together, nobody looks at each: all are of unknown origin, and nothing is known of their labels.
 */
export function originsOf(args: JsonValue, corpus: Corpus, inputSchema?: JsonValue): ValueOrigin[] {
  if (!hasRoom(args, '', { values: MAX_VALUES, pointers: MAX_POINTERS }))
    return [{ pointer: '', origin: { kind: 'unknown' }, label: UNLABELLED }];
  const found: ValueOrigin[] = [];
  beginSearch(corpus);
  visit(args, '', corpus, inputSchema, found);
  return found;
}

/** Whether each value and member can be looked at; what they take is taken off what is `left`. */
function hasRoom(value: JsonValue, key: string, left: { values: number; pointers: number }, above = 0): boolean {
  const length = above + 1 + key.length;
  left.values -= 1;
  left.pointers -= length;
  if (left.values < 0 || left.pointers < 0) return false;
  if (value === null || typeof value !== 'object' || isExactNumber(value)) return true;
  if (Array.isArray(value)) return value.every((child, index) => hasRoom(child, String(index), left, length));
  return Object.entries(value).every(([name, child]) => hasRoom(child, name, left, length));
}

/** The label of a call: the join of its arguments' labels. */
export function labelOfOrigins(origins: readonly ValueOrigin[]): Label {
  return joinAll(origins.map((one) => one.label));
}

function visit(
  value: JsonValue,
  pointer: string,
  corpus: Corpus,
  inputSchema: JsonValue | undefined,
  into: ValueOrigin[],
): void {
  const handle = handleIdOf(value);
  if (handle !== undefined) {
    const known = corpus.handles.get(handle);
    into.push({
      pointer,
      origin: known?.origin ?? { kind: 'handle', handle },
      label: known?.label ?? UNLABELLED,
    });
    return;
  }
  if (value !== null && typeof value === 'object' && !isExactNumber(value)) {
    const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
    const tokens = inputSchema === undefined ? undefined : pointerTokens(pointer);
    for (const [key, child] of entries) {
      const at = childPointer(pointer, key);
      if (tokens !== undefined && typeof key === 'string' && !declaresKey(inputSchema ?? null, tokens, key)) {
        into.push({ pointer: at, name: true, ...leafOrigin(key, corpus) });
      }
      visit(child, at, corpus, inputSchema, into);
    }
    return;
  }
  into.push({ pointer, ...leafOrigin(value, corpus) });
}

type LeafOrigin = Omit<ValueOrigin, 'pointer'>;

function leafOrigin(value: string | number | boolean | null | ExactNumber, corpus: Corpus): LeafOrigin {
  const composed: Origin = { kind: 'composed' };
  // Of true, null and '' nothing can be matched: that one of them was chosen is the model's doing.
  if (value === '' || value === null || typeof value === 'boolean') return { origin: composed, label: corpus.inPlay };
  const text = typeof value === 'object' ? exactText(value) : String(value);
  const inside = typeof value === 'string' ? handleIdsIn(value) : [];
  if (inside.length > 0) {
    const labels = inside.map((id) => corpus.handles.get(id)?.label ?? UNLABELLED);
    return { origin: composed, label: joinAll([corpus.inPlay, ...labels, labelOfParts(text, corpus)]) };
  }
  const span = matchingSpan(text, corpus);
  if (span !== undefined && rank(span) < UNTRUSTED_RANK) return { origin: span.origin, label: span.label };
  const looksLike = typeof value === 'string' ? likeWord(text, corpus) : undefined;
  const seen = looksLike === undefined ? {} : { looksLike };
  if (span !== undefined) return { origin: span.origin, label: span.label, ...seen };
  const decoded = typeof value === 'string' ? decodings(text) : [];
  for (const one of decoded) {
    // An encoding hides an untrusted value; nobody vouches for what the model encoded itself.
    const hidden = untrustedSpan(one, corpus);
    if (hidden !== undefined) return { origin: hidden.origin, label: join(corpus.inPlay, hidden.label), ...seen };
  }
  const parts = [text, ...decoded].map((one) => labelOfParts(one, corpus));
  return { origin: composed, label: joinAll([corpus.inPlay, ...parts]), ...seen };
}

function matchingSpan(text: string, corpus: Corpus): Span | undefined {
  const forms = valueForms(text);
  let best: Span | undefined;
  const consider = (span: Span | undefined): void => {
    if (span !== undefined && (best === undefined || rank(span) < rank(best))) best = span;
  };
  for (const form of forms) consider(spanOfForm(corpus, form));
  if (best !== undefined && rank(best) === 0) return best;
  const plain = forms[0]?.startsWith('t:') ? forms[0].slice(2) : '';
  const entities = forms.filter((form) => !form.startsWith('t:'));
  for (const prose of corpus.prose) {
    if (best !== undefined && rank(prose.span) >= rank(best)) continue;
    const stands = plain !== '' && standsIn(plain, plainOf(prose), corpus);
    if (stands || entities.some((form) => hasForm(prose, form, corpus))) consider(prose.span);
  }
  return best;
}

function untrustedSpan(text: string, corpus: Corpus): Span | undefined {
  for (const form of valueForms(text)) {
    const span = spanOfForm(corpus, form);
    if (span?.label.integrity === 'untrusted') return span;
  }
  return undefined;
}

function likeWord(text: string, corpus: Corpus): string | undefined {
  if (text.length < MIN_LOOK || text.length > MAX_LOOK) return undefined;
  const look = skeleton(text.trim());
  if (SPACE.test(look)) return undefined;
  const mark = markOfLook(look);
  for (const prose of corpus.prose) {
    if (prose.span.origin.kind !== 'typed' && prose.span.origin.kind !== 'system') continue;
    const plain = plainOf(prose);
    corpus.work -= plain.length;
    if (corpus.work < 0) return undefined;
    if (prose.ascii && !plain.includes(mark)) continue;
    prose.looks ??= wordLooks(plain);
    const word = prose.looks.get(look);
    if (word !== undefined) return word;
  }
  return undefined;
}

function wordLooks(plain: string): Map<string, string> {
  const looks = new Map<string, string>();
  for (const run of new Set(plain.split(' '))) {
    // Stripping is quadratic in a run of punctuation, and no word is that long.
    if (run.length > MAX_LOOK) continue;
    const word = run.replace(/^["'`“‘«„([{<]+|["'`”’»)\]}>.,;:!?]+$/g, '');
    if (word.length >= MIN_LOOK) looks.set(skeleton(word), word);
  }
  return looks;
}
