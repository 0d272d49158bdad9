/** Ways to write a sentence so that a filter does not know it and a model still does. */
export const DISGUISES = {
  plain: (text: string) => text,
  base64: (text: string) => `Attachment, base64: ${Buffer.from(text).toString('base64')}`,
  hex: (text: string) => `0x${Buffer.from(text).toString('hex')}`,
  percent: (text: string) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  tags: (text: string) =>
    `Thanks!${[...text].map((one) => String.fromCodePoint(0xe0000 + (one.codePointAt(0) ?? 0))).join('')}`,
  bidi: (text: string) => `\u202e${[...text].reverse().join('')}\u202c`,
  homoglyphs: (text: string) => text.replace(/[aceopx]/g, (one) => LATIN_TO_CYRILLIC[one] ?? one),
  invisible: (text: string) => [...text].join('\u200b'),
  wide: (text: string) => text.replace(/[!-~]/g, (one) => String.fromCharCode(one.charCodeAt(0) + 0xfee0)),
} as const;
/** Name of one. */
export type Disguise = keyof typeof DISGUISES;

const LATIN_TO_CYRILLIC: Record<string, string> = { a: 'а', c: 'с', e: 'е', o: 'о', p: 'р', x: 'х' };
const CYRILLIC_TO_LATIN = Object.fromEntries(Object.entries(LATIN_TO_CYRILLIC).map(([latin, other]) => [other, latin]));

/** What a model that knows every disguise reads in a text: the text itself and all that can be made of it, in one. */
export function readThrough(text: string): string {
  const found = [
    text,
    text.replace(/[\u{e0000}-\u{e007f}]/gu, (one) => String.fromCodePoint((one.codePointAt(0) ?? 0) - 0xe0000)),
  ];
  for (const [run] of text.matchAll(/[A-Za-z0-9+/]{24,}={0,2}/g)) found.push(Buffer.from(run, 'base64').toString());
  for (const [, run = ''] of text.matchAll(/0x([0-9a-f]{24,})/g)) found.push(Buffer.from(run, 'hex').toString());
  for (const [run] of text.matchAll(/(?:%[0-9a-f]{2}){12,}/g)) {
    found.push(Buffer.from(run.replaceAll('%', ''), 'hex').toString());
  }
  for (const [, run = ''] of text.matchAll(/\u202e([^\u202c]*)\u202c/g)) found.push([...run].reverse().join(''));
  const folded = found
    .join('\n')
    .replace(/\u200b/g, '')
    .normalize('NFKC');
  return `${folded}\n${folded.replace(/[а-я]/g, (one) => CYRILLIC_TO_LATIN[one] ?? one)}`;
}
