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
