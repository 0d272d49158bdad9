import { DecodeError } from '../chat/failure.ts';

/** Cuts a byte stream into SSE frames. */
export interface FrameSplitter {
  /** The complete frames so far, each with its closing blank line, `\n` only. DecodeError for a frame over the bound. */
  push(chunk: Buffer): string[];
  /** What is left without a blank line; '' where nothing is. */
  rest(): string;
}

/**
 * Makes a splitter (WHATWG HTML §9.2.6: lines end in CRLF, LF or CR, a blank line ends an event). Bytes are decoded a
 * whole frame at a time, so that a character split between chunks stays whole.
 */
export function createFrameSplitter(maxFrameBytes = 4_194_304): FrameSplitter {
  let carry: Buffer | undefined;
  let sawReturn = false;

  const bounded = (bytes: Buffer): void => {
    if (bytes.length > maxFrameBytes) throw new DecodeError('too_large', '', `has a frame over ${maxFrameBytes} bytes`);
  };

  return {
    push(chunk) {
      sawReturn ||= chunk.includes(0x0d);
      const bytes = carry ? Buffer.concat([carry, chunk]) : chunk;
      const end = sawReturn ? lastBlankLineOfAnyKind(bytes) : lastBlankLine(bytes);
      if (end === 0) {
        bounded(bytes);
        carry = bytes;
        return [];
      }
      carry = end === bytes.length ? undefined : bytes.subarray(end);
      if (carry) bounded(carry);
      const text = bytes.toString('utf8', 0, end);
      return cut(sawReturn ? text.replace(/\r\n?/g, '\n') : text);
    },
    rest() {
      const text = carry ? carry.toString('utf8').replace(/\r\n?/g, '\n') : '';
      carry = undefined;
      return text;
    },
  };
}

/** The position after the last `\n\n`, or 0. */
function lastBlankLine(bytes: Buffer): number {
  const at = bytes.lastIndexOf('\n\n');
  return at < 0 ? 0 : at + 2;
}

/** The position after the last blank line where CR may stand for LF; a CR at the very end may be half of a CRLF. */
function lastBlankLineOfAnyKind(bytes: Buffer): number {
  const text = bytes.toString('latin1');
  const blank = /(?:\r\n|\n|\r(?!\n|$))(?:\r\n|\n|\r(?!\n|$))/g;
  let end = 0;
  for (let match = blank.exec(text); match; match = blank.exec(text)) end = match.index + match[0].length;
  return end;
}

function cut(text: string): string[] {
  const frames: string[] = [];
  let from = 0;
  while (from < text.length) {
    const at = text.indexOf('\n\n', from);
    if (at < 0) {
      frames.push(text.slice(from));
      break;
    }
    let end = at + 2;
    while (text.charCodeAt(end) === 0x0a) end += 1;
    frames.push(text.slice(from, end));
    from = end;
  }
  return frames;
}

/** The joined `data` lines of a frame, or undefined where it has none (a comment, a bare event name). */
export function dataOf(frame: string): string | undefined {
  let data: string | undefined;
  for (const line of frame.split('\n')) {
    if (!line.startsWith('data:')) continue;
    const value = line.slice(line.charCodeAt(5) === 0x20 ? 6 : 5);
    data = data === undefined ? value : `${data}\n${value}`;
  }
  return data;
}
