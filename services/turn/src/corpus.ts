import type { JsonValue } from './canonical-json.ts';
import { exactText, isExactNumber } from './exact-number.ts';
import { handleIdOf } from './handle.ts';
import { childPointer } from './json-pointer.ts';
import { join, type Label, TRUSTED } from './label.ts';
import { findLinks, hostOf } from './links.ts';
import {
  type FormKind,
  formOfKind,
  formsIn,
  formsOfKindIn,
  isEven,
  isWrittenDate,
  kindOfForm,
  MAX_ENTITY,
  markOfForm,
  mayBeFigure,
  plainForm,
  textsOfForm,
} from './normalise.ts';

/** Where a value in a tool call comes from (DESIGN §2). */
export type OriginKind = 'typed' | 'attached' | 'system' | 'result' | 'handle' | 'composed' | 'unknown';

/**
 * The origin of one value; for results and handles `tool` is the one whose result it is, as rules name it, and `path` a
 * JSON pointer into that result.
 */
export type Origin = {
  readonly kind: OriginKind;
  readonly tool?: string;
  readonly path?: string;
  readonly handle?: string;
};

/** A piece of what the model was given. Text the user wrote, where the client did not say how, is `unknown`. */
export type Span = { readonly text: string; readonly origin: Origin; readonly label: Label };

/** A text of which single words count, with what was found in it so far. */
export type Prose = {
  readonly span: Span;
  /** Of ASCII's characters alone. */
  readonly ascii: boolean;
  plain?: string;
  /** Its words by their skeleton. */
  looks?: ReadonlyMap<string, string>;
  readonly forms: Map<FormKind, ReadonlySet<string>>;
};

/** Spans by the form of one kind that they have, and how many of each list are in it. */
type FormIndex = { readonly spans: Map<string, Span>; nextUneven: number; nextEven: number };
/** Spans of one length whose plain form is their lower case, and those of them that are indexed. */
type LengthIndex = { readonly spans: Span[]; readonly plain: Map<string, Span>; next: number };

/**
 * All that is in play for a call, ready to be matched against. Made by `createCorpus`, filled by `add…`. Adding is cheap:
 * what is looked for is indexed when it is first looked for, each span once for each kind of form.
 */
export type Corpus = {
  /** Join of the labels of everything added. */
  inPlay: Label;
  readonly spans: Span[];
  readonly prose: Prose[];
  readonly handles: Map<string, Span>;
  /** Untrusted values that stand apart from what is in play. */
  readonly apart: Span[];
  readonly byKind: Map<FormKind, FormIndex>;
  readonly byLength: Map<number, LengthIndex>;
  /** Spans that stand under no length. */
  readonly uneven: Span[];
  /** Spans that stand under their length. */
  readonly even: Span[];
  /** Those of them that may be a number or the like by how they begin. */
  readonly figures: Span[];
  hosts: Set<string> | undefined;
  room: number;
  /** Characters that may still be compared for the call at hand. */
  work: number;
};

const DEFAULT_ROOM = 4_000_000;
// Some tens of milliseconds. Text and arguments are chosen by others, and their product must hold up nobody else.
const MAX_WORK = 100_000_000;
const NARROW = /^[\t-\r\x20-\x7e]*$/;

/**
 * Makes an empty corpus. `maxChars` bounds what is indexed: spans beyond it still join the label in play, so a value
 * found only there counts as composed.
 */
export function createCorpus(inPlay: Label = TRUSTED, maxChars: number = DEFAULT_ROOM): Corpus {
  return {
    inPlay,
    spans: [],
    prose: [],
    handles: new Map(),
    apart: [],
    byKind: new Map(),
    byLength: new Map(),
    uneven: [],
    even: [],
    figures: [],
    hosts: undefined,
    room: maxChars,
    work: MAX_WORK,
  };
}

/** Adds a text span: a message, a system prompt, an attached document, a text block of a result. */
export function addSpan(corpus: Corpus, span: Span): void {
  corpus.inPlay = join(corpus.inPlay, span.label);
  if (!index(corpus, span)) return;
  if (wordsCount(span.origin.kind)) corpus.prose.push({ span, ascii: NARROW.test(span.text), forms: new Map() });
}

/** Adds a structured result: every leaf is a span with its JSON pointer as path. */
export function addResult(corpus: Corpus, tool: string, value: JsonValue, label: Label): void {
  corpus.inPlay = join(corpus.inPlay, label);
  eachLeaf(value, '', (text, path) => void index(corpus, { text, origin: { kind: 'result', tool, path }, label }));
}

/**
 * Adds a value of a result that a model sees by itself, its path given: what quarantine showed in plain. Its label does
 * not join what is in play: it says nothing that could instruct. What is made of it carries its label. Where no room is
 * left to know it again, it does join.
 */
export function addValue(corpus: Corpus, tool: string, path: string, value: JsonValue, label: Label): void {
  eachLeaf(value, path, (text, at) => {
    const span: Span = { text, origin: { kind: 'result', tool, path: at }, label };
    if (text.length > corpus.room) corpus.inPlay = join(corpus.inPlay, label);
    else if (index(corpus, span) && label.integrity === 'untrusted') corpus.apart.push(span);
  });
}

/** Adds a handle that was shown to the model. Its label stays apart: the model has not seen the value. */
export function addHandle(corpus: Corpus, id: string, tool: string, path: string, label: Label): void {
  corpus.handles.set(id, { text: '', origin: { kind: 'handle', tool, path, handle: id }, label });
}

/** Begins a search: it may compare a bounded amount. */
export function beginSearch(corpus: Corpus): void {
  corpus.work = MAX_WORK;
}

/**
 * The best of the spans that are, as a whole, a value of this form; of two that are as good, the one that is written as
 * the form is.
 */
export function spanOfForm(corpus: Corpus, form: string): Span | undefined {
  const kind = kindOfForm(form);
  let best: Span | undefined;
  for (const plain of textsOfForm(form)) best = better(best, evenSpan(corpus, plain));
  return better(best, formIndex(corpus, kind).get(form));
}

// Most values are written as their form is, and are found by their length: the others are indexed.
function formIndex(corpus: Corpus, kind: FormKind): ReadonlyMap<string, Span> {
  let known = corpus.byKind.get(kind);
  if (known === undefined) {
    known = { spans: new Map(), nextUneven: 0, nextEven: 0 };
    corpus.byKind.set(kind, known);
  }
  const { uneven } = corpus;
  for (; known.nextUneven < uneven.length; known.nextUneven++) {
    const span = uneven[known.nextUneven] as Span;
    keepBest(known.spans, formOfKind(kind, span.text), span);
  }
  const even = evenOfKind(corpus, kind);
  for (; known.nextEven < even.length; known.nextEven++) {
    const span = even[known.nextEven] as Span;
    if (kind !== 'date' || !isWrittenDate(span.text)) keepBest(known.spans, formOfKind(kind, span.text, true), span);
  }
  return known.spans;
}

// Even text is no URL, and is written as its form is where it is an address or of no other kind.
function evenOfKind(corpus: Corpus, kind: FormKind): readonly Span[] {
  if (kind === 'num' || kind === 'phone') return corpus.figures;
  return kind === 'date' || kind === 'iban' ? corpus.even : [];
}

// Few spans are as long as a value that is looked for: only those are compared.
function evenSpan(corpus: Corpus, plain: string): Span | undefined {
  const known = corpus.byLength.get(plain.length);
  if (known === undefined) return undefined;
  for (; known.next < known.spans.length; known.next++) {
    const span = known.spans[known.next] as Span;
    keepBest(known.plain, span.text.toLowerCase(), span);
  }
  return known.plain.get(plain);
}

function better(one: Span | undefined, other: Span | undefined): Span | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return rank(other) < rank(one) ? other : one;
}

function keepBest(spans: Map<string, Span>, form: string | undefined, span: Span): void {
  if (form === undefined) return;
  const before = spans.get(form);
  if (before === undefined || rank(span) < rank(before)) spans.set(form, span);
}

/** Tells whether a form stands in what the user or the system wrote, or is a trusted value as a whole. */
export function isVouchedFor(corpus: Corpus, form: string): boolean {
  const span = form.startsWith('host:') ? undefined : spanOfForm(corpus, form);
  if (span !== undefined && rank(span) < UNTRUSTED_RANK) return true;
  if (form.startsWith('host:')) return trustedHosts(corpus).has(form.slice(5));
  return !form.startsWith('t:') && corpus.prose.some((prose) => hasForm(prose, form, corpus));
}

/** The plain form of a text between two spaces. */
export function plainOf(prose: Prose): string {
  prose.plain ??= ` ${plainForm(prose.span.text, prose.ascii)} `;
  return prose.plain;
}

/** Tells whether a value of this form, which is not a plain one, stands in a text. */
export function hasForm(prose: Prose, form: string, corpus: Pick<Corpus, 'work'>): boolean {
  const kind = kindOfForm(form);
  let forms = prose.forms.get(kind);
  if (forms === undefined) {
    // Most texts do not have what a value of this form cannot be written without: those need not be taken apart.
    const mark = prose.ascii && corpus.work > 0 ? markOfForm(form) : '';
    if (mark !== '') {
      const plain = plainOf(prose);
      corpus.work -= plain.length;
      if (!plain.includes(mark)) return false;
    }
    forms = formsOfKindIn(kind, prose.span.text);
    prose.forms.set(kind, forms);
  }
  return forms.has(form);
}

/** A value may stand in several spans. Who typed it vouches for it, whoever repeats it; then who is trusted. */
export function rank(span: Span): number {
  if (span.origin.kind === 'typed') return 0;
  if (span.origin.kind === 'system') return 1;
  if (span.label.integrity === 'trusted') return span.origin.kind === 'unknown' ? 3 : 2;
  return UNTRUSTED_RANK;
}

/** The rank of what nobody vouches for: spans of a lower rank do. */
export const UNTRUSTED_RANK = 4;

/** The hosts of all links and bare host names in what was typed, authored or is otherwise trusted. */
export function trustedHosts(corpus: Corpus): ReadonlySet<string> {
  if (corpus.hosts === undefined) {
    corpus.hosts = new Set();
    for (const span of corpus.spans) if (span.label.integrity === 'trusted') addHosts(span.text, corpus.hosts);
  }
  return corpus.hosts;
}

function addHosts(text: string, into: Set<string>): void {
  for (const { host } of findLinks(text)) into.add(host);
  for (const form of formsIn(text)) if (form.startsWith('url:')) into.add(hostOf(form.slice(4)));
  into.delete('');
}

function index(corpus: Corpus, span: Span): boolean {
  const { text } = span;
  if (text.length > corpus.room) return false;
  const even = isEven(text);
  if (!even && text.trim() === '') return false;
  corpus.room -= text.length;
  corpus.spans.push(span);
  // A URL has no plain form, so what may be one stands under no length.
  if (!even || (text.length <= MAX_ENTITY && text.includes('://') && !text.includes(' '))) {
    corpus.uneven.push(span);
  } else {
    corpus.even.push(span);
    if (mayBeFigure(text)) corpus.figures.push(span);
    underLength(corpus, span);
  }
  corpus.hosts = undefined;
  return true;
}

function underLength(corpus: Corpus, span: Span): void {
  const { length } = span.text;
  const known = corpus.byLength.get(length);
  if (known === undefined) corpus.byLength.set(length, { spans: [span], plain: new Map(), next: 0 });
  else known.spans.push(span);
}

// Words of a document or result vouch for nothing: any sentence may be put together from them.
function wordsCount(kind: OriginKind): boolean {
  return kind === 'typed' || kind === 'system' || kind === 'unknown';
}

function eachLeaf(value: JsonValue, path: string, take: (text: string, path: string) => void): void {
  if (value !== null && typeof value === 'object') {
    if (handleIdOf(value) !== undefined) return;
    if (isExactNumber(value)) take(exactText(value), path);
    else if (Array.isArray(value)) {
      for (let at = 0; at < value.length; at++) eachLeaf(value[at] as JsonValue, `${path}/${at}`, take);
    } else {
      for (const key of Object.keys(value)) eachLeaf(value[key] as JsonValue, childPointer(path, key), take);
    }
    return;
  }
  if (typeof value === 'string' || typeof value === 'number') take(String(value), path);
}
