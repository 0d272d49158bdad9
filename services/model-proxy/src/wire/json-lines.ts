import { DecodeError } from '../chat/failure.ts';

/** Cuts a body into its lines. */
export interface LineReader {
  /** The lines that are complete, without their ends; blank ones are left out. DecodeError for one over the bound. */
  push(chunk: Buffer): string[];
  /** The last line where it has no end. */
  end(): string[];
}

const newline = 0x0a;

/** Makes a reader of JSON text, a value a line. Bytes are decoded whole lines at a time, so that characters stay whole. */
export function createLineReader(maxLineBytes: number): LineReader {
  let parts: Buffer[] = [];
  let held = 0;

  const hold = (bytes: Buffer): void => {
    if (bytes.length === 0) return;
    held += bytes.length;
    if (held > maxLineBytes) throw new DecodeError('too_large', '', `has a line over ${maxLineBytes} bytes`);
    parts.push(bytes);
  };
  const take = (): string => {
    const text = Buffer.concat(parts).toString('utf8').trim();
    parts = [];
    held = 0;
    return text;
  };
  const asLines = (line: string): string[] => (line === '' ? [] : [line]);

  return {
    push(chunk) {
      const lines: string[] = [];
      let from = 0;
      for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
        hold(chunk.subarray(from, at));
        lines.push(...asLines(take()));
        from = at + 1;
      }
      hold(chunk.subarray(from));
      return lines;
    },
    end: () => asLines(take()),
  };
}
