/** What becomes of the lines of a stream. */
export interface LineOptions {
  /** Longest line in bytes. */
  readonly maxBytes: number;
  readonly onLine: (line: Buffer) => void;
  /** A line is longer: nothing is read any more. */
  readonly onTooLong: () => void;
}

const NEWLINE = 0x0a;

/** Cuts a stream into lines without a copy where a chunk holds whole ones. */
export function lineReader({ maxBytes, onLine, onTooLong }: LineOptions): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let held = 0;
  let ended = false;
  return (chunk) => {
    let from = 0;
    while (!ended) {
      const to = chunk.indexOf(NEWLINE, from);
      const part = chunk.subarray(from, to < 0 ? undefined : to);
      if (held + part.length > maxBytes) {
        ended = true;
        parts = [];
        return onTooLong();
      }
      if (to < 0) {
        // A copy: what is kept of it must not hold on to the whole chunk.
        if (part.length > 0) parts.push(Buffer.from(part));
        held += part.length;
        return;
      }
      const line = parts.length === 0 ? part : Buffer.concat([...parts, part]);
      parts = [];
      held = 0;
      from = to + 1;
      onLine(line);
    }
  };
}
