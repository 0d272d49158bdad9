import { withoutReferences } from './links.ts';

const MAX_TEXT = 100_000;
const MAX_FOUND = 16;
const MIN_DECODED = 4;
const PERCENT = /(?:%[0-9a-f]{2})+/gi;
const ESCAPED = /\\u([0-9a-f]{4})|\\x([0-9a-f]{2})/gi;
const BASE64 = /(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{8,8192}={0,2}/g;
const FOUR_BYTES = /[0-9a-f]{8}/i;
const HEX = /(?<![0-9a-z])(?:0x)?((?:[0-9a-f]{2}){4,4096})(?![0-9a-z])/gi;

/**
 * What a text says under the encodings in which a value may be hidden in an argument: percent, character references,
 * escapes, base64 (also the one of URLs) and hexadecimal, one inside another too. The text itself is not among them; runs
 * that decode to no text are left out. At most 16 readings of at most 100,000 characters.
 */
export function decodings(text: string): string[] {
  if (text.length > MAX_TEXT) return [];
  const found = new Set<string>();
  let last: readonly string[] = [text];
  for (let depth = 0; depth < 3 && last.length > 0; depth++) {
    const next: string[] = [];
    for (const one of last) {
      for (const reading of readings(one)) {
        if (found.size >= MAX_FOUND || reading === text || found.has(reading)) continue;
        found.add(reading);
        next.push(reading);
      }
    }
    last = next;
  }
  return [...found];
}

function readings(text: string): string[] {
  const found: string[] = [];
  const add = (reading: string | undefined): void => {
    if (reading !== undefined && reading !== text && reading.trim().length >= MIN_DECODED) found.push(reading);
  };
  if (text.includes('%')) {
    const spaced = text.replace(PERCENT, (run) => percentDecoded(run) ?? run);
    add(spaced);
    if (spaced.includes('+')) add(spaced.replaceAll('+', ' '));
  }
  if (text.includes('&')) add(withoutReferences(text));
  if (text.includes('\\')) {
    add(text.replace(ESCAPED, (_whole, unit?: string, byte?: string) => escaped(unit ?? byte ?? '')).toWellFormed());
  }
  for (const [run] of text.matchAll(BASE64)) add(base64Decoded(run));
  if (!FOUR_BYTES.test(text)) return found;
  for (const [, digits = ''] of text.matchAll(HEX)) add(textOf(Uint8Array.from(pairs(digits))));
  return found;
}

function escaped(digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 16));
}

function percentDecoded(run: string): string | undefined {
  return textOf(Uint8Array.from(pairs(run.replaceAll('%', ''))));
}

function* pairs(digits: string): Generator<number> {
  for (let at = 0; at + 1 < digits.length; at += 2) yield Number.parseInt(digits.slice(at, at + 2), 16);
}

function base64Decoded(run: string): string | undefined {
  const plain = run.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/');
  if (plain.length % 4 === 1 || !decodesToText(plain)) return undefined;
  try {
    return textOf(Uint8Array.from(atob(plain), (char) => char.charCodeAt(0)));
  } catch {
    return undefined;
  }
}

/** Values of the digits of base64 by code unit. */
const DIGITS = new Uint8Array(128);
for (const [value, digit] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries()) {
  DIGITS[digit.charCodeAt(0)] = value;
}

/**
 * Tells whether `textOf` would find text in what these digits stand for. Most words of eight letters are digits of base64
 * and stand for no text, which shows within the first bytes: to decode them first and catch the decoder's error costs
 * thirty times as much, for each long word of each argument and result.
 */
function decodesToText(plain: string): boolean {
  let held = 0;
  let bits = 0;
  // Bytes that still belong to the character, and where the next of them may lie (Unicode, table 3-7).
  let more = 0;
  let low = 0x80;
  let high = 0xbf;
  for (let at = 0; at < plain.length; at++) {
    held = ((held << 6) | (DIGITS[plain.charCodeAt(at)] as number)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    const byte = (held >>> bits) & 0xff;
    if (more > 0) {
      if (byte < low || byte > high) return false;
      more--;
      low = 0x80;
      high = 0xbf;
    } else if (byte < 0x80) {
      if ((byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) || byte === 0x7f) return false;
    } else {
      if (byte < 0xc2 || byte > 0xf4) return false;
      more = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
      // Below U+00A0 lie control characters; what is written too long, surrogates, and what is beyond U+10FFFF is no text.
      if (byte === 0xc2 || byte === 0xe0) low = 0xa0;
      else if (byte === 0xf0) low = 0x90;
      if (byte === 0xed) high = 0x9f;
      else if (byte === 0xf4) high = 0x8f;
    }
  }
  return more === 0;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Bytes as text; undefined where they are none: not UTF-8, or with control characters in it. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = UTF8.decode(bytes);
    return /[\p{Cc}]/u.test(text.replace(/[\t\r\n]/g, '')) ? undefined : text;
  } catch {
    return undefined;
  }
}
