import type { Detector } from './detector.ts';

const WORD = /[\p{L}\p{N}_]{2,}/gu;
const LATIN = /\p{Script=Latin}/u;
const LOOKS_LATIN = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}]/u;
// Units and symbols of formulas.
const GREEK_SIGN = /^[a-zA-Z0-9_]{0,3}[µμΩΔαβγθλπσ][a-zA-Z0-9_]{0,3}$/u;

/** A word of Latin letters and of others that look like them: it is drawn like another word. */
export const mixedScripts: Detector = {
  code: 'MixedScripts',
  certain: false,
  finds: ({ text }) =>
    LOOKS_LATIN.test(text) &&
    (text.match(WORD) ?? []).some((word) => LATIN.test(word) && LOOKS_LATIN.test(word) && !GREEK_SIGN.test(word)),
};
