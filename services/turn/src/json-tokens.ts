/** Index of the closing quote of the string that opens at `open`; -1 where it is not closed, which valid JSON never is. */
export function stringEnd(text: string, open: number): number {
  let close = text.indexOf('"', open + 1);
  for (;;) {
    if (close === -1) return -1;
    let back = close - 1;
    while (text.charCodeAt(back) === 0x5c) back--;
    if ((close - 1 - back) % 2 === 0) return close;
    close = text.indexOf('"', close + 1);
  }
}

/** Whether a character code is a digit. */
export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Whether a character code may stand in a number: digits, the point, the exponent and its sign. */
export function isOfNumber(code: number): boolean {
  return isDigit(code) || code === 0x2e || code === 0x65 || code === 0x45 || code === 0x2b || code === 0x2d;
}
