import { type Html, html } from './html.ts';

// What is not drawn, or draws its neighbours elsewhere: controls, formats (zero-width, direction, tags), separators,
// private and unassigned code points, spaces other than the plain one, and letters that are blank.
const UNSEEN =
  /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u2800]/u;
// Punctuation that is drawn like what separates the parts of an address.
const LIKE_PUNCTUATION = /[\u2010\u2011\u2212\u2043\u2044\u2215\u29f8\u2236\ua789\u0589\u05f3]/u;
const LATIN = /\p{Script=Latin}/u;
const DRAWN_LIKE_LATIN =
  /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\p{Script=Lisu}]/u;
const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
/** A word or an address: what a person reads as one. */
const WORD = /[\p{L}\p{M}\p{N}._@+/:-]+/gu;
const MAX_MARKS = 2;

/** What a reader should be told of a text beside the text. */
export interface TextWarnings {
  /** Characters that cannot be seen stand in it. */
  readonly unseen: boolean;
  /** Letters stand in it that are drawn like others. */
  readonly alike: boolean;
  /** Letters stand in it that are written from right to left. */
  readonly rightToLeft: boolean;
}

/**
 * Text as a person can judge it: escaped, line breaks kept, each character that cannot be seen replaced by its code
 * point (`U+202E`), each letter that is drawn like another one followed by its code point.
 */
export function visible(text: string): Html {
  return html`${pieces(text).map(({ shown, code }) => {
    if (code === undefined) return shown;
    return html`${shown}<mark class="code">${code}</mark>`;
  })}`;
}

/** The same where no markup can stand, as in a title. */
export function visibleText(text: string): string {
  return pieces(text)
    .map(({ shown, code }) => shown + (code ?? ''))
    .join('');
}

/** What to say of a text in words, so that no one has to spot it. */
export function warningsOf(text: string): TextWarnings {
  const all = pieces(text).filter(({ code }) => code !== undefined);
  return {
    unseen: all.some(({ shown }) => shown === ''),
    alike: all.some(({ shown }) => shown !== ''),
    rightToLeft: RIGHT_TO_LEFT.test(text),
  };
}

interface TextPiece {
  /** Shown as it is. */
  readonly shown: string;
  /** Code point that follows, or stands in its place where nothing is shown. */
  readonly code?: string;
}

function pieces(text: string): TextPiece[] {
  const mixed = mixedWords(text);
  const found: TextPiece[] = [];
  let plain = '';
  let marks = 0;
  let at = 0;
  let nearest = 0;
  for (const char of text) {
    while ((mixed[nearest]?.[1] ?? Infinity) <= at) nearest++;
    const inMixed = at >= (mixed[nearest]?.[0] ?? Infinity);
    marks = /\p{M}/u.test(char) ? marks + 1 : 0;
    const unseen = isUnseen(char, text, at) || marks > MAX_MARKS;
    const alike = !unseen && (isLikeAscii(char) || (inMixed && DRAWN_LIKE_LATIN.test(char)));
    at += char.length;
    if (!unseen && !alike) {
      plain += char;
      continue;
    }
    if (plain !== '') found.push({ shown: plain });
    plain = '';
    found.push({ shown: unseen ? '' : char, code: codeOf(char) });
  }
  if (plain !== '') found.push({ shown: plain });
  return found;
}

function isUnseen(char: string, text: string, at: number): boolean {
  if (char === '\n' || char === '\t') return false;
  // A blank at an end is not seen either, and makes another value.
  if (char === ' ') return at === 0 || at === text.length - 1;
  return UNSEEN.test(char);
}

/** Full-width, mathematical and other forms that stand for one of ASCII, and punctuation drawn like it. */
function isLikeAscii(char: string): boolean {
  if (char.charCodeAt(0) < 0x80) return false;
  if (LIKE_PUNCTUATION.test(char)) return true;
  const plain = char.normalize('NFKC');
  // An ellipsis stands for three dots in honest text; a ligature of letters hides in a word.
  return /^[\x21-\x7e]+$/.test(plain) && (plain.length === 1 || /\p{L}/u.test(char));
}

/** Where the words are in which Latin letters stand beside letters of scripts that are drawn like Latin. */
function mixedWords(text: string): [number, number][] {
  const found: [number, number][] = [];
  for (const { 0: word, index } of text.matchAll(WORD)) {
    if (LATIN.test(word) && DRAWN_LIKE_LATIN.test(word)) found.push([index, index + word.length]);
  }
  return found;
}

function codeOf(char: string): string {
  return `U+${(char.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}`;
}
