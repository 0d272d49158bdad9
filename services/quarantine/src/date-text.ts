const DAY = /^\d{4}-\d{2}-\d{2}$/;
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
  if (!DAY.test(text)) return false;
  // `Date` reads 30 February as 1 March, so the day is written again and compared.
  const day = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().slice(0, 10) === text;
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
