const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const MONTH = '(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,7}\\.?';
const DAY = '(\\d{1,2})(?:st|nd|rd|th)?';

const ISO = '(\\d{4})[-/.](\\d{1,2})[-/.](\\d{1,2})';
const TIME = '(?:[t ](\\d{1,2}):(\\d{2})(?::(\\d{2})(?:\\.0{1,9})?)?(z|[+-]\\d{2}:?\\d{2})?)?';
const DAY_FIRST = `${DAY}(?: of)? ${MONTH},? (\\d{4})`;
const MONTH_FIRST = `${MONTH} ${DAY},? (\\d{4})`;
const NUMERIC = '(\\d{1,2})([-/.])(\\d{1,2})\\2(\\d{4})';

const WHOLE = {
  iso: new RegExp(`^${ISO}${TIME}$`, 'i'),
  dayFirst: new RegExp(`^${DAY_FIRST}$`, 'i'),
  monthFirst: new RegExp(`^${MONTH_FIRST}$`, 'i'),
  numeric: new RegExp(`^${NUMERIC}$`),
};
const IN_PROSE = [`${ISO}${TIME}`, DAY_FIRST, MONTH_FIRST, NUMERIC].map(
  (pattern) => new RegExp(`(?<![\\w./-])(?:${pattern})(?!\\w|[./-]\\d)`, 'gi'),
);

/**
 * Normal form of a date (`date:2026-03-04`) or of a date with a time (`time:2026-03-04T10:00:00`, with the offset as
 * written). `03/04/2026` may be two dates and has none; English month names only; undefined for all else.
 */
export function dateForm(text: string): string | undefined {
  if (text.length > 40) return undefined;
  const iso = WHOLE.iso.exec(text);
  if (iso !== null) {
    const day = calendarDay(Number(iso[1]), Number(iso[2]), Number(iso[3]));
    return day === undefined ? undefined : withTime(day, iso[4], iso[5], iso[6], iso[7]);
  }
  const dayFirst = WHOLE.dayFirst.exec(text);
  if (dayFirst !== null) return dayForm(Number(dayFirst[3]), monthNumber(dayFirst[2]), Number(dayFirst[1]));
  const monthFirst = WHOLE.monthFirst.exec(text);
  if (monthFirst !== null) return dayForm(Number(monthFirst[3]), monthNumber(monthFirst[1]), Number(monthFirst[2]));
  const numeric = WHOLE.numeric.exec(text);
  if (numeric === null) return undefined;
  const [first, second, year] = [Number(numeric[1]), Number(numeric[3]), Number(numeric[4])];
  // A dot is written day first; a slash or hyphen either way, so it counts only where one reading is left.
  if (numeric[2] === '.' || first > 12 || first === second) return dayForm(year, second, first);
  return second > 12 ? dayForm(year, first, second) : undefined;
}

/** The normal forms of the dates that stand in prose. A date with a time gives the form of its day too. */
export function datesIn(text: string): string[] {
  const forms: string[] = [];
  for (const pattern of IN_PROSE) {
    for (const [found] of text.matchAll(pattern)) {
      const form = dateForm(found.trim());
      if (form === undefined) continue;
      forms.push(form);
      if (form.startsWith('time:')) forms.push(`date:${form.slice(5, 15)}`);
    }
  }
  return forms;
}

function monthNumber(name: string | undefined): number {
  return MONTHS.indexOf((name ?? '').toLowerCase()) + 1;
}

function dayForm(year: number, month: number, day: number): string | undefined {
  const written = calendarDay(year, month, day);
  return written === undefined ? undefined : `date:${written}`;
}

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function calendarDay(year: number, month: number, day: number): string | undefined {
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (year < 1000 || day < 1 || !(day <= (DAYS[month - 1] ?? 0) + (leap ? 1 : 0))) return undefined;
  return `${year}-${month < 10 ? '0' : ''}${month}-${day < 10 ? '0' : ''}${day}`;
}

function withTime(day: string, hour?: string, minute?: string, second?: string, offset?: string): string {
  if (hour === undefined || minute === undefined) return `date:${day}`;
  const zone = (offset ?? '')
    .toUpperCase()
    .replace(':', '')
    .replace(/^[+-]0000$/, 'Z');
  return `time:${day}T${hour.padStart(2, '0')}:${minute}:${second ?? '00'}${zone}`;
}
