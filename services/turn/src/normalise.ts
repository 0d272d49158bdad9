import { dateForm, datesIn } from './date-form.ts';
import { ibanForm, ibansIn } from './iban-form.ts';

const ASCII = /^[\x20-\x7e]*$/;
const SPACE_RUN = /\s+/g;

/**
 * Text as it is compared: NFKC, lower case, white space runs as one space. Look-alike letters are not folded together
 * and invisible characters are not dropped: a value that only looks like another must not match it.
 */
export function plainForm(text: string): string {
  const compatible = ASCII.test(text) ? text : text.normalize('NFKC');
  return compatible.toLowerCase().replace(SPACE_RUN, ' ').trim();
}

/**
 * All forms under which a value counts as the same: its plain form (`t:`) and, where it is one, its normal form as
 * e-mail address, IBAN, phone number, date or number; a URL has its normal form only. Values are the same if they share a form.
 */
export function valueForms(value: string): string[] {
  const forms = [`t:${plainForm(value)}`];
  if (value.length > MAX_ENTITY) return forms;
  const compatible = ASCII.test(value) ? value.trim() : value.normalize('NFKC').trim();
  const url = urlForm(compatible);
  // The case of a URL's path says which page it is, so a URL has no plain form.
  if (url !== undefined) return [url];
  for (const form of [emailForm(compatible), ibanForm(compatible), dateForm(compatible)]) {
    if (form !== undefined) forms.push(form);
  }
  if (forms.length === 1) {
    for (const form of [numberForm(compatible), phoneForm(compatible)]) if (form !== undefined) forms.push(form);
  }
  return forms;
}

/** The normal forms of all addresses, URLs, account and phone numbers, dates and numbers that stand in prose. */
export function formsIn(text: string): Set<string> {
  const compatible = ASCII.test(text) ? text : text.normalize('NFKC');
  const forms = new Set<string>();
  for (const run of compatible.split(/[\s"<>()[\]{}|]+/)) {
    if (run.length < 4 || run.length > MAX_ENTITY) continue;
    // Commas and semicolons separate addresses, but may stand in URLs: both readings are tried.
    for (const part of /[,;]/.test(run) ? [run, ...run.split(/[,;]+/)] : [run]) {
      const word = part.replace(EDGE_PUNCTUATION, '');
      const form = emailForm(word) ?? urlForm(word) ?? bareHostForm(word);
      if (form !== undefined) forms.add(form);
    }
  }
  for (const form of ibansIn(compatible)) forms.add(form);
  for (const form of datesIn(compatible)) forms.add(form);
  for (const [number] of compatible.matchAll(PROSE_NUMBER)) addForm(forms, numberForm(number));
  for (const [number] of compatible.matchAll(PROSE_PHONE)) addForm(forms, phoneForm(number));
  return forms;
}

function addForm(forms: Set<string>, form: string | undefined): void {
  if (form !== undefined) forms.add(form);
}

// All patterns are linear or bounded: they run on text that an attacker wrote.
const MAX_ENTITY = 2048;
const EDGE_PUNCTUATION = /^['`“‘«„¿¡*_~]{1,8}|['`”’».,;:!?*_~]{1,8}$/g;
const EMAIL = /^(?:mailto:)?([^\s@<>"(),;:]{1,64}@[^\s@<>"(),;:/?#]{1,255})$/i;
const BARE_HOST = /^(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}(?:[/?#]\S*)?$/i;
const PHONE = /^(?:\+|00)?\(?\d[\d\s()./-]{5,24}\d$/;
const PROSE_PHONE = /(?<![\w@.+/-])(?:\+|00)?\(?\d[\d ()./-]{5,24}\d(?![\w@])/g;
const NUMBER = /^[-+]?\d{1,15}(?:\.\d{1,15})?$/;
const GROUPED = /^[-+]?\d{1,3}(?:,\d{3}){1,4}(?:\.\d{1,15})?$/;
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
  if (digits.length < 7 || digits.length > 17) return undefined;
  if (text.startsWith('+')) return `phone:+${digits}`;
  return `phone:${digits.startsWith('00') ? `+${digits.slice(2)}` : digits}`;
}

/** Normal form of a decimal number, thousands separated by commas or not; undefined for all else. */
export function numberForm(text: string): string | undefined {
  if (NUMBER.test(text)) return `num:${Number(text)}`;
  return GROUPED.test(text) ? `num:${Number(text.replaceAll(',', ''))}` : undefined;
}
