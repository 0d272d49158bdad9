import { DecodeError } from '../chat/failure.ts';

/** Cuts a byte stream into SSE frames. */
export interface FrameSplitter {
  /**
   * The complete frames so far, each with its closing blank line, `\n` only, and without the mark of the byte order that may stand
   * before the first. DecodeError for a frame over the bound.
   */
  push(chunk: Buffer): string[];
  /** What is left without a blank line; '' where nothing is. */
  rest(): string;
}

/**
 * Makes a splitter (WHATWG HTML §9.2.6: lines end in CRLF, LF or CR, a blank line ends an event). Bytes are decoded whole
 * frames at a time, so that a character split between chunks stays whole, and joined once a frame is complete, so that
 * a provider that sends a frame byte by byte costs no more than one that does not.
 */
export function createFrameSplitter(maxFrameBytes = 4_194_304): FrameSplitter {
  let parts: Buffer[] = [];
  let held = 0;
  let endsInLine = false;
  let swallow = false;
  let isFirst = true;

  const hold = (bytes: Buffer): void => {
    if (bytes.length === 0) return;
    held += bytes.length;
    if (held > maxFrameBytes) throw new DecodeError('too_large', '', `has a frame over ${maxFrameBytes} bytes`);
    parts.push(bytes);
    endsInLine = bytes[bytes.length - 1] === newline;
  };

  const takeHeld = (): Buffer => {
    const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    parts = [];
    held = 0;
    endsInLine = false;
    return bytes;
  };

  // A mark of the byte order may stand before the first line of all (WHATWG HTML §9.2.6): a client that knows it would read a frame
  // that nobody here has read, hence nobody gets to see it.
  const read = (bytes: Buffer): string => {
    const text = bytes.toString('utf8');
    const isMarked = isFirst && text.charCodeAt(0) === 0xfeff;
    isFirst = false;
    return isMarked ? text.slice(1) : text;
  };

  return {
    push(received) {
      let chunk = received;
      if (swallow || chunk.includes(carriageReturn)) {
        const endsInReturn = chunk[chunk.length - 1] === carriageReturn;
        chunk = withoutReturns(chunk, swallow);
        swallow = received.length === 0 ? swallow : endsInReturn;
      }
      if (chunk.length === 0) return [];
      // The blank line may have begun in the chunk before.
      const end = endOfFrames(chunk) || (endsInLine && chunk[0] === newline ? 1 : 0);
      if (end === 0) {
        hold(chunk);
        return [];
      }
      const complete = end === chunk.length ? chunk : chunk.subarray(0, end);
      const bytes = parts.length === 0 ? complete : Buffer.concat([takeHeld(), complete]);
      if (end < chunk.length) hold(chunk.subarray(end));
      return cut(read(bytes));
    },
    rest() {
      return held === 0 ? '' : read(takeHeld());
    },
  };
}

/** The position after the last blank line, or 0; most chunks end with one. */
function endOfFrames(chunk: Buffer): number {
  const { length } = chunk;
  if (length > 1 && chunk[length - 1] === newline && chunk[length - 2] === newline) return length;
  const at = chunk.lastIndexOf(blankLine);
  return at < 0 ? 0 : at + 2;
}

const blankLine = Buffer.from('\n\n');
const newline = 0x0a;
const carriageReturn = 0x0d;

/** The bytes with LF for CRLF and CR; `swallow` drops a leading LF, the second half of a CRLF cut in two. */
function withoutReturns(chunk: Buffer, swallow: boolean): Buffer {
  const rest = swallow && chunk[0] === newline ? chunk.subarray(1) : chunk;
  return rest.includes(carriageReturn) ? Buffer.from(rest.toString('latin1').replace(/\r\n?/g, '\n'), 'latin1') : rest;
}

function cut(text: string): string[] {
  if (text.indexOf('\n\n') === text.length - 2) return [text];
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

/**
 * The payloads in the data of one event: most times one. Some servers leave out the blank line between events, so that the
 * data of several are read as lines of one, which is then no JSON but each of its lines is.
 */
export function payloadsOf(data: string): string[] {
  if (!data.includes('\n') || isJson(data)) return [data];
  const lines = data.split('\n').filter((line) => line.trim() !== '');
  return lines.every((line) => line.trim() === '[DONE]' || isJson(line)) ? lines : [data];
}

/** The payloads of a frame; of a comment none. */
export function payloadsIn(frame: string): string[] {
  const data = dataOf(frame);
  return data === undefined ? [] : payloadsOf(data);
}

/** The frames in a frame, see `payloadsOf`: each with the lines that stand before its data, and a blank line of its own. */
export function framesOf(frame: string): string[] {
  if (frame.indexOf('\ndata:', frame.indexOf('data:')) < 0) return [frame];
  if (payloadsOf(dataOf(frame) ?? '').length === 1) return [frame];
  const frames: string[] = [];
  let lines = '';
  for (const line of frame.split('\n')) {
    if (line === '') continue;
    lines += `${line}\n`;
    if (!line.startsWith('data:')) continue;
    frames.push(`${lines}\n`);
    lines = '';
  }
  return lines === '' ? frames : [...frames, `${lines}\n`];
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
