const DAY = /^(\d{4})-(0[1-9]|1[0-2])-(\d{2})$/;
const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const MOMENT =
  /^(\d{4}-\d{2}-\d{2})[T ]([01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.(\d{1,9}))?)?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)?$/;

/** Bits of a day of the years 0000 to 9999. */
export const DAY_BITS = 22;
const SECOND_OF_DAY_BITS = 17;
// T or a space; seconds, none or with a fraction; no zone, Z or an offset.
const FORM_BITS = 1 + 2 + 2;
const OFFSET_BITS = 11;
const FRACTION_LENGTH_BITS = Math.log2(9);

/** Tells whether a text is a day of the calendar, `2026-02-28`, and nothing else. */
export function isDay(text: string): boolean {
  if (text.length !== 10) return false;
  const parts = DAY.exec(text);
  if (parts === null) return false;
  const [year, month, day] = [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  if (day < 1 || day > (DAYS[month - 1] as number)) return false;
  return month !== 2 || day < 29 || (year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0));
}

/**
 * Bits that a moment says: a day with a time in ISO form, `T` or a space between them, seconds, fraction and zone or not.
 * Undefined for all else; a day alone is no moment.
 */
export function momentBits(text: string): number | undefined {
  if (text.length > 40) return undefined;
  const parts = MOMENT.exec(text);
  if (parts === null || !isDay(parts[1] as string)) return undefined;
  const [, , , fraction, zone] = parts;
  const finer = fraction === undefined ? 0 : FRACTION_LENGTH_BITS + fraction.length * Math.log2(10);
  return DAY_BITS + SECOND_OF_DAY_BITS + FORM_BITS + finer + (zone === undefined || zone === 'Z' ? 0 : OFFSET_BITS);
}
