import type { Corpus, Span } from './corpus.ts';
import { join, type Label, TRUSTED } from './label.ts';
import { findLinks, hostOf } from './links.ts';
import { formsIn, plainForm, valueForms } from './normalise.ts';
import { standsIn } from './whole-words.ts';

// Shorter values stand in too many texts by chance to say where a text comes from.
const MIN_PART = 6;
const MAX_TEXT = 100_000;
const MAX_FORMS = 32;
const MAX_PHRASE = 256;

/**
 * Join of the labels of the untrusted values, among those that stand apart from what is in play, that a text contains: as
 * whole words, or as a date, number, address or the like in another form.
 */
export function labelOfParts(text: string, corpus: Corpus): Label {
  if (corpus.apart.length === 0 || text.length < MIN_PART || text.length > MAX_TEXT) return TRUSTED;
  let label = TRUSTED;
  let plain: string | undefined;
  let forms: ReadonlySet<string> | undefined;
  for (const part of corpus.apart) {
    if (part.text.length < MIN_PART || label === join(label, part.label)) continue;
    plain ??= ` ${plainForm(text)} `;
    forms ??= formsIn(text);
    if (isPart(part, plain, forms, corpus)) label = join(label, part.label);
  }
  return label;
}

function isPart(part: Span, plain: string, forms: ReadonlySet<string>, corpus: Corpus): boolean {
  return valueForms(part.text).some((form) =>
    form.startsWith('t:') ? standsIn(form.slice(2), plain, corpus) : forms.has(form),
  );
}

/**
 * The normal forms by which an untrusted value is known again in another run: addresses, links and their hosts, account
 * and phone numbers in it, and a short text as a whole. Not every word, date or number: those say nothing. At most 32.
 */
export function lastingForms(text: string): string[] {
  const forms = new Set<string>();
  if (text.length <= MAX_PHRASE && text.trim().length >= MIN_PART && /\p{L}/u.test(text)) {
    forms.add(`t:${plainForm(text)}`);
  }
  const bounded = text.slice(0, MAX_TEXT);
  for (const form of [...(text.length <= MAX_PHRASE ? valueForms(text) : []), ...formsIn(bounded)]) {
    // A short run of digits may as well be a date or an amount.
    if (/^(?:email:|url:|iban:|phone:(?:\+|\d{9}))/.test(form)) forms.add(form);
    if (form.startsWith('url:')) forms.add(`host:${hostOf(form.slice(4))}`);
  }
  for (const { host } of findLinks(bounded)) if (host !== '') forms.add(`host:${host}`);
  return [...forms].slice(0, MAX_FORMS);
}
