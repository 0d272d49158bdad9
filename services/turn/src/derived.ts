import type { Corpus, Span } from './corpus.ts';
import { joinAll, type Label, TRUSTED } from './label.ts';
import { findLinks, hostOf } from './links.ts';
import {
  type FormKind,
  formOfKind,
  formsIn,
  formsOfKindIn,
  paddedFormsIn,
  plainForm,
  valueForms,
} from './normalise.ts';
import { standsIn } from './whole-words.ts';

// Shorter values stand in too many texts by chance to say where a text comes from.
const MIN_PART = 6;
const MAX_TEXT = 100_000;
const MAX_PHRASE = 256;

/** What one comparison costs beside the characters of the text, in those. */
const COMPARISON = 100;

/**
 * Join of the labels of the untrusted values, among those that stand apart from what is in play, that a text contains: as
 * whole words, or as a date, number, address or the like in another form. A text that is too long to look through, or for
 * which no time is left, counts as one that contains them all.
 */
export function labelOfParts(text: string, corpus: Corpus): Label {
  if (corpus.apart.length === 0 || text.length < MIN_PART) return TRUSTED;
  if (text.length > MAX_TEXT || corpus.work < 0) return labelApart(corpus);
  // Labels by identity: all values of one result share theirs, and one of them is enough.
  const joined = new Set<Label>();
  let plain: string | undefined;
  let forms: ReadonlySet<string> | undefined;
  for (const part of corpus.apart) {
    if (part.text.length < MIN_PART || joined.has(part.label)) continue;
    plain ??= ` ${plainForm(text)} `;
    forms ??= new Set([...formsIn(text), ...paddedFormsIn(text)]);
    corpus.work -= COMPARISON;
    if (isPart(part, plain, forms, corpus)) joined.add(part.label);
    if (corpus.work < 0) return labelApart(corpus);
  }
  return joinAll(joined);
}

const labelsApart = new WeakMap<Corpus, { readonly of: number; readonly label: Label }>();

function labelApart(corpus: Corpus): Label {
  const { apart } = corpus;
  let known = labelsApart.get(corpus);
  if (known === undefined || known.of !== apart.length) {
    known = { of: apart.length, label: joinAll(new Set(apart.map(({ label }) => label))) };
    labelsApart.set(corpus, known);
  }
  return known.label;
}

// Values are compared with each argument, but say what they are once.
const formsOfParts = new WeakMap<Span, readonly string[]>();

function isPart(part: Span, plain: string, forms: ReadonlySet<string>, corpus: Corpus): boolean {
  let own = formsOfParts.get(part);
  if (own === undefined) {
    own = [...valueForms(part.text), ...paddedFormsIn(part.text)];
    formsOfParts.set(part, own);
  }
  return own.some((form) => (form.startsWith('t:') ? standsIn(form.slice(2), plain, corpus) : forms.has(form)));
}

/** Dates and numbers, which say nothing, are not even looked for: every result is read here before it is shown. */
const LASTING: readonly FormKind[] = ['url', 'email', 'iban', 'phone'];

/**
 * The normal forms by which an untrusted value is known again in another run: addresses, links and their hosts, account
 * and phone numbers in it, and a short text as a whole. Not every word, date or number: those say nothing. At most `most`
 * of them: who wrote the text may have put any number before the one that matters.
 */
export function lastingForms(text: string, most: number): string[] {
  const forms = new Set<string>();
  if (text.length <= MAX_PHRASE && text.trim().length >= MIN_PART && /\p{L}/u.test(text)) {
    forms.add(`t:${plainForm(text)}`);
  }
  const bounded = text.slice(0, MAX_TEXT);
  const add = (form: string | undefined): void => {
    // A short run of digits may as well be a date or an amount.
    if (form !== undefined && (!form.startsWith('phone:') || /^phone:(?:\+|\d{9})/.test(form))) forms.add(form);
    if (form?.startsWith('url:')) forms.add(`host:${hostOf(form.slice(4))}`);
  };
  if (text.length <= MAX_PHRASE) for (const kind of LASTING) add(formOfKind(kind, text));
  for (const kind of LASTING) for (const form of formsOfKindIn(kind, bounded)) add(form);
  for (const { host } of findLinks(bounded)) if (host !== '') forms.add(`host:${host}`);
  return [...forms].slice(0, most);
}
