import { dateForm, datesIn } from './date-form.ts';
import { ibanForm, ibansIn } from './iban-form.ts';

const ASCII = /^[\x20-\x7e]*$/;
const SPACE_RUN = /\s+/g;
const UNEVEN = /[^\S ]| {2}/;
const DIGIT = /\d/;
const DATE_START = /^\s*(?:\d{1,4}\D|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))/i;
const MIN_DATE = 8;
const MAX_FIGURE = 40;
const MIN_PHONE = 7;
const WRITTEN_NUMBER = /^(?:0|[1-9]\d*)(?:\.\d*[1-9])?$/;
const WRITTEN_DATE = /^\d{4}-\d\d-\d\d(?:t\d\d:\d\d:\d\dz?)?$/i;
const NUMBER_START = /^\s*[-+(]?[-+(]?\d/;

/**
 * Text as it is compared: NFKC, lower case, white space runs as one space. Look-alike letters are not folded together
 * and invisible characters are not dropped: a value that only looks like another must not match it.
 */
export function plainForm(text: string, ascii: boolean = isAscii(text)): string {
  const compatible = ascii ? text : text.normalize('NFKC');
  const lower = compatible.toLowerCase();
  return (UNEVEN.test(lower) ? lower.replace(SPACE_RUN, ' ') : lower).trim();
}

/** What a normal form says of a value: its text, or that it is a link, an address, a number and the like. */
export type FormKind = 't' | 'url' | 'email' | 'iban' | 'date' | 'num' | 'phone';

const ENTITY_KINDS: readonly FormKind[] = ['url', 'email', 'iban', 'date', 'num', 'phone'];

/** The kind of a form; dates with and without a time are of one kind. */
export function kindOfForm(form: string): FormKind {
  const kind = form.slice(0, form.indexOf(':'));
  return kind === 'time' ? 'date' : (kind as FormKind);
}

/**
 * All forms under which a value counts as the same: its plain form (`t:`) and, where it is one, its normal form as
 * e-mail address, IBAN, phone number, date or number; a URL has its normal form only. Values are the same if they share a form.
 */
export function valueForms(value: string): string[] {
  if (value.length > MAX_ENTITY) return [`t:${plainForm(value)}`];
  const forms: string[] = [];
  addForm(forms, formOfKind('t', value));
  const ascii = isAscii(value);
  for (const kind of ENTITY_KINDS) addForm(forms, formOfKind(kind, value, ascii));
  return forms;
}

/** Tells whether a text is of ASCII's printable characters alone: then NFKC changes nothing. */
export function isAscii(text: string): boolean {
  return ASCII.test(text);
}

/** Tells whether the plain form of a text is no more than its lower case. */
export function isEven(text: string): boolean {
  // By no pattern of groups: over a long text those run out of their stack.
  return ASCII.test(text) && text !== '' && text[0] !== ' ' && !text.endsWith(' ') && !text.includes('  ');
}

/**
 * The texts in lower case that have this form and are the way in which it is most written: an even text (`isEven`) that
 * is one of them is of this form whatever its case, unless it may be a URL.
 */
export function textsOfForm(form: string): readonly string[] {
  const value = form.slice(form.indexOf(':') + 1);
  switch (kindOfForm(form)) {
    case 't':
      return [value];
    case 'email':
      return [value, `mailto:${value}`];
    case 'num':
      // The shortest way to write a very small number is none of those in which it is read.
      return numberForm(value) === form ? [value] : [];
    case 'date':
      return WRITTEN_DATE.test(value) ? [value.toLowerCase()] : [];
    default:
      return [];
  }
}

/** Tells whether a text, if it is a date, is among the texts of its form. */
export function isWrittenDate(text: string): boolean {
  return WRITTEN_DATE.test(text);
}

/** Tells whether an even text may have a form as number or phone number that it is not written as. */
export function mayBeFigure(text: string): boolean {
  if (text.length > MAX_FIGURE || (text.length < MIN_PHONE && WRITTEN_NUMBER.test(text))) return false;
  const first = text.charCodeAt(0);
  // The digits, and the signs and the bracket before them.
  return (first >= 0x30 && first <= 0x39) || first === 0x2b || first === 0x2d || first === 0x28;
}

/** What a text of ASCII's characters, in its plain form, cannot be without if a value of this form stands in it. */
export function markOfForm(form: string): string {
  const kind = kindOfForm(form);
  const value = form.slice(form.indexOf(':') + 1);
  if (kind === 'email') return value;
  // Its year.
  return kind === 'date' ? value.slice(0, 4) : '';
}

/** The form of one kind of a value as a whole; undefined where it is nothing of that kind. */
export function formOfKind(kind: FormKind, value: string, ascii: boolean = isAscii(value)): string | undefined {
  if (kind === 't' && (value.length > MAX_ENTITY || !value.includes('://'))) return `t:${plainForm(value, ascii)}`;
  if (value.length > MAX_ENTITY || (ascii && !mayBe(kind, value))) return undefined;
  const compatible = ascii ? value.trim() : value.normalize('NFKC').trim();
  switch (kind) {
    case 't':
      // The case of a URL's path says which page it is, so a URL has no plain form.
      return urlForm(compatible) === undefined ? `t:${plainForm(value, ascii)}` : undefined;
    case 'url':
      return urlForm(compatible);
    case 'email':
      return emailForm(compatible);
    case 'iban':
      return ibanForm(compatible);
    case 'date':
      return dateForm(compatible);
    case 'num':
      return numberForm(compatible);
    case 'phone': {
      const phone = phoneForm(compatible);
      // Many dates have the characters of a phone number.
      return phone === undefined || dateForm(compatible) !== undefined ? undefined : phone;
    }
  }
}

// A look at the characters of ASCII text that saves the patterns for nearly all values.
function mayBe(kind: FormKind, value: string): boolean {
  switch (kind) {
    case 'url':
    case 't':
      return value.includes('://');
    case 'email':
      return value.length <= 400 && value.includes('@');
    case 'iban':
      return value.length >= 15 && value.length <= 50 && DIGIT.test(value);
    case 'date':
      return value.length >= MIN_DATE && value.length <= MAX_FIGURE && DATE_START.test(value);
    default:
      return value.length <= MAX_FIGURE && NUMBER_START.test(value);
  }
}

/** The normal forms of all addresses, URLs, account and phone numbers, dates and numbers that stand in prose. */
export function formsIn(text: string): Set<string> {
  const forms = new Set<string>();
  for (const kind of ENTITY_KINDS) for (const form of formsOfKindIn(kind, text)) forms.add(form);
  return forms;
}

const NONE: ReadonlySet<string> = new Set();
const INNER_MARK = /\.[^\s"<>()[\]{}|]|:\/\//;

/** The forms of one kind that stand in prose. Plain text has no form of its own there. */
export function formsOfKindIn(kind: FormKind, text: string): ReadonlySet<string> {
  const compatible = ASCII.test(text) ? text : text.normalize('NFKC');
  const forms: string[] = [];
  switch (kind) {
    case 'email':
      if (compatible.includes('@')) {
        for (const word of wordsIn(compatible, '@')) addForm(forms, emailForm(word));
      }
      break;
    case 'url':
      // A dot that ends a word, as in all prose, makes no host of it.
      if (!INNER_MARK.test(compatible)) break;
      for (const word of wordsIn(compatible, '.', '://')) {
        if (!word.includes('@') || emailForm(word) === undefined) addForm(forms, urlForm(word) ?? bareHostForm(word));
      }
      break;
    case 'iban':
      forms.push(...ibansIn(compatible));
      break;
    case 'date':
      forms.push(...datesIn(compatible));
      break;
    case 'num':
      for (const [number] of compatible.matchAll(PROSE_NUMBER)) addForm(forms, numberForm(number));
      break;
    case 'phone':
      for (const [number] of compatible.matchAll(PROSE_PHONE)) addForm(forms, phoneForm(number));
      break;
    default:
  }
  return forms.length === 0 ? NONE : new Set(forms);
}

/** Runs of a text that hold one of the marks, without the punctuation around them. */
function* wordsIn(text: string, ...marks: readonly string[]): Generator<string> {
  for (const run of text.split(/[\s"<>()[\]{}|]+/)) {
    if (run.length < 4 || run.length > MAX_ENTITY || !marks.some((mark) => run.includes(mark))) continue;
    // Commas and semicolons separate addresses, but may stand in URLs: both readings are tried.
    for (const part of /[,;]/.test(run) ? [run, ...run.split(/[,;]+/)] : [run])
      yield part.replace(EDGE_PUNCTUATION, '');
  }
}

function addForm(forms: string[], form: string | undefined): void {
  if (form !== undefined) forms.push(form);
}

// All patterns are linear or bounded: they run on text that an attacker wrote.
/** Longest text that may be an address, a link or the like as a whole, in characters. */
export const MAX_ENTITY = 2048;
const EDGE_PUNCTUATION = /^['`“‘«„¿¡*_~]{1,8}|['`”’».,;:!?*_~]{1,8}$/g;
const EMAIL = /^(?:mailto:)?([^\s@<>"(),;:]{1,64}@[^\s@<>"(),;:/?#]{1,255})$/i;
const BARE_HOST = /^(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}(?:[/?#]\S*)?$/i;
const PHONE = /^(?:\+|00)?\(?\d[\d\s()./-]{5,24}\d$/;
const PROSE_PHONE = /(?<![\w@.+/-])(?:\+|00)?\(?\d[\d ()./-]{5,24}\d(?![\w@])/g;
const NUMBER = /^[-+]?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?$/;
const GROUPED = /^[-+]?[1-9]\d{0,2}(?:,\d{3}){1,4}(?:\.\d{1,15})?$/;
// More digits than a double keeps apart.
const MAX_DIGITS = 15;
// A plus before as many says that it is a phone number with its country.
const WITH_COUNTRY = /^\+\d{7}/;
const PADDED = /^[-+]?0*(?=\d)/;
const PROSE_NUMBER = /(?<![\w.,+-])[-+]?\d(?:[\d,]{0,20}\d)?(?:\.\d{1,15})?(?![\w,]*\w|\.\d)/g;

/** Normal form of an e-mail address: lower case, `mailto:` taken off; undefined for all else. */
export function emailForm(text: string): string | undefined {
  const address = EMAIL.exec(text)?.[1]?.toLowerCase();
  if (address === undefined || !address.slice(address.indexOf('@')).includes('.')) return undefined;
  return `email:${address}`;
}

/**
 * Normal form of an absolute URL as a browser reads it (WHATWG), the path's case kept; undefined for all else and for
 * URLs with user information, whose host is easily misread.
 */
export function urlForm(text: string): string | undefined {
  if (!text.includes('://') || /\s/.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '' || url.host === '') return undefined;
  return `url:${url.href}`;
}

// A host that a person typed without a scheme means https, and nothing weaker.
function bareHostForm(word: string): string | undefined {
  return BARE_HOST.test(word) ? urlForm(`https://${word}`) : undefined;
}

/** Normal form of a phone number: digits only, `00` as `+`; undefined for all else. */
export function phoneForm(text: string): string | undefined {
  if (!PHONE.test(text)) return undefined;
  const digits = text.replace(/\D/g, '');
  if (digits.length < MIN_PHONE || digits.length > 17) return undefined;
  if (text.startsWith('+')) return `phone:+${digits}`;
  return `phone:${digits.startsWith('00') ? `+${digits.slice(2)}` : digits}`;
}

/**
 * Normal form of a decimal number, thousands separated by commas or not; undefined for all else. What begins with a zero
 * that says nothing of an amount is none: account numbers, codes and the like are other ones without it.
 */
export function numberForm(text: string): string | undefined {
  const plain = NUMBER.test(text) ? text : text.includes(',') && GROUPED.test(text) ? text.replaceAll(',', '') : '';
  if (plain === '' || WITH_COUNTRY.test(plain) || plain.replace(/\D/g, '').length > MAX_DIGITS) return undefined;
  return `num:${Number(plain)}`;
}

/**
 * The numbers in a text that zeros or a plus were put before, without them. Such a number is not the same as the one
 * without, so nobody vouches for one by the other; but it is made of it.
 */
export function paddedFormsIn(text: string): string[] {
  const forms: string[] = [];
  for (const [number] of text.normalize('NFKC').matchAll(PROSE_NUMBER)) {
    const bare = number.replace(PADDED, '');
    if (bare !== number) addForm(forms, numberForm(bare));
  }
  return forms;
}
