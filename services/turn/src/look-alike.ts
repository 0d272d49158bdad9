// The letters of other scripts that are drawn like Latin ones (a cut of Unicode UTS #39 `confusables.txt`), each
// string's n-th character standing for the n-th of its key.
const SAME_SHAPE: ReadonlyMap<string, string> = new Map(
  (
    [
      ['абсԁеһіјкӏмоԛрѕтуѵԝхѴԐ', 'abcdehijklmoqpstuvwxve'],
      ['αβγδεηικνορτυχωϲϳ', 'abydenikvoptuxwcj'],
      ['օսոհցզւյ', 'ounhgquj'],
      ['ıɩɡɑȷʟɴʀʏ', 'iigajlnry'],
      ['‐‑‒–—―−', '-------'],
      ['‘’‚‛′`', "''''''"],
      ['⁄∕', '//'],
    ] as const
  ).flatMap(([from, to]) => [...from].map((char, index): [string, string] => [char, to[index] ?? char])),
);

// What more than one way of writing may have become.
const FOLDED = /[olmw']/;
const ASCII = /^[\x20-\x5f\x61-\x7e]*$/;

/**
 * The skeleton of a text: what is left when letters drawn alike are made equal and invisible characters and accents
 * are dropped. Two texts with one skeleton look the same to a person; it is for warnings, never for matching.
 */
export function skeleton(text: string): string {
  let folded = text.toLowerCase();
  if (!ASCII.test(text)) {
    const visible = text
      .normalize('NFKD')
      .replace(/[\p{Default_Ignorable_Code_Point}\p{Mn}\p{Cc}]/gu, '')
      .toLowerCase();
    folded = '';
    for (const char of visible) folded += SAME_SHAPE.get(char) ?? char;
  }
  return folded.replace(/0/g, 'o').replace(/[1i|]/g, 'l').replaceAll('rn', 'm').replaceAll('vv', 'w');
}

/** The longest part of a skeleton that stands as it is in every text of ASCII's characters, in lower case, that has it. */
export function markOfLook(look: string): string {
  let longest = '';
  for (const part of look.split(FOLDED)) if (part.length > longest.length) longest = part;
  return longest;
}

/** Tells whether a text holds characters that cannot be seen: zero-width, direction marks, Unicode tags. */
export function hasInvisible(text: string): boolean {
  return /[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]/u.test(text);
}
