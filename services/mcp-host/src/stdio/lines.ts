/** What becomes of the lines of a stream. */
export interface LineOptions {
  /** Longest line in bytes. */
  readonly maxBytes: number;
  readonly onLine: (line: Buffer) => void;
  /** A line is longer: nothing is read any more. */
  readonly onTooLong: () => void;
}

const NEWLINE = 0x0a;

const FIRST_BYTES = 1024;
const NOTHING = Buffer.alloc(0);

/**
 * Cuts a stream into lines without a copy where a chunk holds whole ones. What is held of a line takes twice its bytes at most,
 * however small the pieces are that it comes in.
 */
export function lineReader({ maxBytes, onLine, onTooLong }: LineOptions): (chunk: Buffer) => void {
  let line = NOTHING;
  let held = 0;
  let ended = false;
  const hold = (part: Buffer) => {
    if (held + part.length > line.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 * (held + part.length)));
      line.copy(grown, 0, 0, held);
      line = grown;
    }
    part.copy(line, held);
    held += part.length;
  };
  return (chunk) => {
    let from = 0;
    while (!ended) {
      const to = chunk.indexOf(NEWLINE, from);
      const part = chunk.subarray(from, to < 0 ? undefined : to);
      if (held + part.length > maxBytes) {
        ended = true;
        line = NOTHING;
        return onTooLong();
      }
      if (to < 0) return hold(part);
      let whole = part;
      if (held > 0) {
        hold(part);
        whole = line.subarray(0, held);
        line = NOTHING;
        held = 0;
      }
      from = to + 1;
      onLine(whole);
    }
  };
}
