/**
 * What plain values tell, in bits: the length of the word that a prefix-free code has for the value. Whoever wrote the
 * content can choose among at most 2^bits things that a privileged model sees, and not one more.
 */

const DIGIT = Math.log2(10);
// Digits, minus, plus, point and e.
const CHARACTER = Math.log2(14);
const DECIMAL = /^-?\d+(?:\.\d+)?$/;

/** Bits of a number by its decimal text: its form, sign, number of digits, place of the point, digits. */
export function numberBits(value: number): number {
  const text = JSON.stringify(value);
  if (!DECIMAL.test(text)) return 1 + gammaBits(text.length) + text.length * CHARACTER;
  const digits = text.replace(/[-.]/g, '').length;
  return 2 + gammaBits(digits) + Math.log2(digits) + digits * DIGIT;
}

/** Bits of how many members a list or map has. */
export function lengthBits(count: number): number {
  return 2 * Math.log2(count + 1) + 1;
}

/** Bits of one of so many choices, or none of them. */
export function choiceBits(choices: number): number {
  return Math.log2(choices + 1);
}

// Elias gamma code of a whole number from 1.
function gammaBits(count: number): number {
  return 2 * Math.floor(Math.log2(count)) + 1;
}
