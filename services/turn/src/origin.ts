import type { JsonValue } from './canonical-json.ts';
import { handleIdOf, handleIdsIn } from './handle.ts';
import { childPointer, pointerTokens } from './json-pointer.ts';
import { join, joinAll, type Label, TRUSTED, UNLABELLED } from './label.ts';
import { findLinks, hostOf } from './links.ts';
import { skeleton } from './look-alike.ts';
import { formsIn, plainForm, valueForms } from './normalise.ts';
import { declaresKey } from './schema-position.ts';

/** Where a value in a tool call comes from (DESIGN §2). */
export type OriginKind = 'typed' | 'attached' | 'system' | 'result' | 'handle' | 'composed' | 'unknown';

/** The origin of one value; `tool` and `path` (JSON pointer into the result) stand for results and handles. */
export type Origin = {
  readonly kind: OriginKind;
  readonly tool?: string;
  readonly path?: string;
  readonly handle?: string;
};

/** A piece of what the model was given. Text the user wrote, where the client did not say how, is `unknown`. */
export type Span = { readonly text: string; readonly origin: Origin; readonly label: Label };

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

type Prose = {
  readonly span: Span;
  /** The plain form, between two spaces. */
  readonly plain: string;
  forms?: ReadonlySet<string>;
};

/** All that is in play for a call, ready to be matched against. Made by `createCorpus`, filled by `add…`. */
export type Corpus = {
  /** Join of the labels of everything added. */
  inPlay: Label;
  readonly whole: Map<string, Span>;
  readonly prose: Prose[];
  readonly handles: Map<string, Span>;
  looks: Map<string, string> | undefined;
  /** Hosts of links in what is trusted; found when they are first asked for. */
  hosts: Set<string> | undefined;
  room: number;
  /** Characters that may still be compared for the call at hand. */
  work: number;
};

const DEFAULT_ROOM = 4_000_000;
// Some tens of milliseconds. Text and arguments are chosen by others, and their product must hold up nobody else.
const MAX_WORK = 100_000_000;
const MIN_LOOK = 4;
const MAX_LOOK = 256;

/**
 * Makes an empty corpus. `maxChars` bounds what is indexed: spans beyond it still join the label in play, so a value
 * found only there counts as composed.
 */
export function createCorpus(inPlay: Label = TRUSTED, maxChars: number = DEFAULT_ROOM): Corpus {
  return {
    inPlay,
    whole: new Map(),
    prose: [],
    handles: new Map(),
    looks: undefined,
    hosts: undefined,
    room: maxChars,
    work: MAX_WORK,
  };
}

/** Adds a text span: a message, a system prompt, an attached document, a text block of a result. */
export function addSpan(corpus: Corpus, span: Span): void {
  corpus.inPlay = join(corpus.inPlay, span.label);
  if (span.text.length > corpus.room || span.text.trim() === '') return;
  corpus.room -= span.text.length;
  corpus.looks = undefined;
  corpus.hosts = undefined;
  for (const form of valueForms(span.text)) remember(corpus, form, span);
  corpus.prose.push({ span, plain: ` ${plainForm(span.text)} ` });
}

/** Adds a structured result: every leaf is a span with its JSON pointer as path. */
export function addResult(corpus: Corpus, tool: string, value: JsonValue, label: Label): void {
  corpus.inPlay = join(corpus.inPlay, label);
  addLeaves(corpus, tool, value, '', label);
}

/**
 * Adds a value of a result that a model sees by itself, its path given: what quarantine showed in plain. Its label does
 * not join what is in play: it says nothing that could instruct.
 */
export function addValue(corpus: Corpus, tool: string, path: string, value: JsonValue, label: Label): void {
  addLeaves(corpus, tool, value, path, label);
}

/** Adds a handle that was shown to the model. Its label stays apart: the model has not seen the value. */
export function addHandle(corpus: Corpus, id: string, tool: string, path: string, label: Label): void {
  corpus.handles.set(id, { text: '', origin: { kind: 'handle', tool, path, handle: id }, label });
}

function addLeaves(corpus: Corpus, tool: string, value: JsonValue, path: string, label: Label): void {
  if (value !== null && typeof value === 'object') {
    if (handleIdOf(value) !== undefined) return;
    const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
    for (const [key, child] of entries) addLeaves(corpus, tool, child, childPointer(path, key), label);
    return;
  }
  if (typeof value === 'string' ? value === '' : typeof value !== 'number') return;
  const text = String(value);
  if (text.length > corpus.room) return;
  corpus.room -= text.length;
  const span: Span = { text, origin: { kind: 'result', tool, path }, label };
  for (const form of valueForms(text)) remember(corpus, form, span);
}

function remember(corpus: Corpus, form: string, span: Span): void {
  corpus.hosts = undefined;
  const known = corpus.whole.get(form);
  if (known === undefined || rank(span) < rank(known)) corpus.whole.set(form, span);
}

// A value may stand in several spans. Who typed it vouches for it, whoever repeats it; then who is trusted.
function rank(span: Span): number {
  if (span.origin.kind === 'typed') return 0;
  if (span.origin.kind === 'system') return 1;
  if (span.label.integrity === 'trusted') return span.origin.kind === 'unknown' ? 3 : 2;
  return 4;
}

/**
 * Tells of each leaf of a call's arguments where it comes from: a handle; else the span that is this value as a whole
 * (in any of its normal forms); else the typed, system or unknown text in which it stands as whole words. What is
 * found nowhere is composed by the model and carries the join of everything in play; so is what there was no time to find.
 * With the tool's input schema, the names of members that it does not declare are told of in the same way.
 */
export function originsOf(args: JsonValue, corpus: Corpus, inputSchema?: JsonValue): ValueOrigin[] {
  const found: ValueOrigin[] = [];
  corpus.work = MAX_WORK;
  visit(args, '', corpus, inputSchema, found);
  return found;
}

/** The hosts of all links and bare host names in what was typed, authored or is otherwise trusted. */
export function trustedHosts(corpus: Corpus): ReadonlySet<string> {
  corpus.hosts ??= hostsOf(
    new Set([...corpus.prose.map(({ span }) => span), ...corpus.whole.values()].filter(isTrusted)),
  );
  return corpus.hosts;
}

function isTrusted({ label }: Span): boolean {
  return label.integrity === 'trusted';
}

function hostsOf(spans: Iterable<Span>): Set<string> {
  const hosts = new Set<string>();
  for (const { text } of spans) {
    for (const { host } of findLinks(text)) hosts.add(host);
    for (const form of formsIn(text)) if (form.startsWith('url:')) hosts.add(hostOf(form.slice(4)));
  }
  hosts.delete('');
  return hosts;
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
  if (value !== null && typeof value === 'object') {
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

function leafOrigin(value: string | number | boolean | null, corpus: Corpus): Omit<ValueOrigin, 'pointer'> {
  const composed: Origin = { kind: 'composed' };
  // Of true, null and '' nothing can be matched: that one of them was chosen is the model's doing.
  if (value === '' || value === null || typeof value === 'boolean') return { origin: composed, label: corpus.inPlay };
  const text = String(value);
  const inside = typeof value === 'string' ? handleIdsIn(value) : [];
  if (inside.length > 0) {
    const labels = inside.map((id) => corpus.handles.get(id)?.label ?? UNLABELLED);
    return { origin: composed, label: join(corpus.inPlay, joinAll(labels)) };
  }
  const span = matchingSpan(text, corpus);
  if (span !== undefined && rank(span) < 4) return { origin: span.origin, label: span.label };
  const looksLike = typeof value === 'string' ? likeWord(text, corpus) : undefined;
  const seen = looksLike === undefined ? {} : { looksLike };
  if (span !== undefined) return { origin: span.origin, label: span.label, ...seen };
  return { origin: composed, label: corpus.inPlay, ...seen };
}

function matchingSpan(text: string, corpus: Corpus): Span | undefined {
  const forms = valueForms(text);
  let best: Span | undefined;
  const consider = (span: Span | undefined): void => {
    if (span !== undefined && (best === undefined || rank(span) < rank(best))) best = span;
  };
  for (const form of forms) consider(corpus.whole.get(form));
  if (best !== undefined && rank(best) === 0) return best;
  const plain = forms[0]?.startsWith('t:') ? forms[0].slice(2) : '';
  for (const prose of corpus.prose) {
    if (!wordsCount(prose.span.origin.kind) || (best !== undefined && rank(prose.span) >= rank(best))) continue;
    if ((plain !== '' && standsIn(plain, prose.plain, corpus)) || sharesForm(forms, plain, prose)) consider(prose.span);
  }
  return best;
}

// Words of a document or result vouch for nothing: any sentence may be put together from them.
function wordsCount(kind: OriginKind): boolean {
  return kind === 'typed' || kind === 'system' || kind === 'unknown';
}

function sharesForm(forms: readonly string[], plain: string, prose: Prose): boolean {
  if (forms.length === 1 && plain !== '') return false;
  prose.forms ??= formsIn(prose.span.text);
  const has = prose.forms;
  return forms.some((form) => has.has(form));
}

const OPENING = /^[\s"'`“‘«„([{<]$/;
const MAX_EDGE = 8;
const CLOSING = /^[\s"'`”’»)\]}>]$/;

/** Tells whether a plain form stands in another as whole words: `x.com` does not stand in `x.com.evil.org`. */
function standsIn(plain: string, text: string, corpus: Corpus): boolean {
  corpus.work -= text.length;
  if (corpus.work < 0) return false;
  for (let at = text.indexOf(plain); at !== -1; at = text.indexOf(plain, at + 1)) {
    corpus.work -= plain.length;
    if (corpus.work < 0) return false;
    if (opensAt(text, at) && closesAt(text, at + plain.length)) return true;
  }
  return false;
}

// A quote or bracket opens a word only where it is not itself inside one: `brien` does not stand in `o'brien`.
function opensAt(text: string, at: number): boolean {
  let i = at - 1;
  while (i > 0 && at - i <= MAX_EDGE && text[i] !== ' ' && OPENING.test(text[i] as string)) i--;
  return text[i] === ' ';
}

function closesAt(text: string, end: number): boolean {
  let i = end;
  if (text.startsWith("'s", i) || text.startsWith('’s', i)) i += 2;
  while (
    i < text.length - 1 &&
    i - end <= MAX_EDGE &&
    text[i] !== ' ' &&
    (CLOSING.test(text[i] as string) || '.,;:!?'.includes(text[i] as string))
  ) {
    i++;
  }
  return text[i] === ' ';
}

function likeWord(text: string, corpus: Corpus): string | undefined {
  if (text.length < MIN_LOOK || text.length > MAX_LOOK) return undefined;
  corpus.looks ??= wordLooks(corpus);
  return corpus.looks.get(skeleton(text.trim()));
}

function wordLooks(corpus: Corpus): Map<string, string> {
  const looks = new Map<string, string>();
  for (const { span, plain } of corpus.prose) {
    if (span.origin.kind !== 'typed' && span.origin.kind !== 'system') continue;
    for (const run of plain.split(' ')) {
      // Stripping is quadratic in a run of punctuation, and no word is that long.
      if (run.length > MAX_LOOK) continue;
      const word = run.replace(/^["'`“‘«„([{<]+|["'`”’»)\]}>.,;:!?]+$/g, '');
      if (word.length >= MIN_LOOK) looks.set(skeleton(word), word);
    }
  }
  return looks;
}
