import { randomUUID } from 'node:crypto';
import { GatewayError } from '@sallyport/chassis/errors';
import { exactNumber, isExactNumber, unmarkedIn } from '@sallyport/turn';
import { isDigit, isOfNumber } from '@sallyport/turn/json-tokens';

/** Nobody outside of this process knows it, so no server writes a text that is taken for a number. */
const MARK = `number:${randomUUID()}:`;
const DATA = Buffer.from('data:');

/** RFC 8259 §6. */
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Longest number that is looked at; a longer one is none that anybody means. */
const MAX_NUMBER = 4_096;

/**
 * The bytes of a JSON text, or of a stream of events, with each number that no double holds as a text of ours: the official
 * client parses with JSON.parse, which would change it. `unmarked` turns it back into the number as it was written. Numbers in
 * strings are text.
 */
export async function* markedNumbers(body: AsyncIterable<Buffer>, isStream: boolean): AsyncGenerator<Buffer> {
  let inString = false;
  let escaped = false;
  /** Of a line of a stream: its first bytes, until it is known whether it is data. */
  let head = 0;
  let isData = !isStream;
  let number = '';

  const written = (): Buffer => {
    const source = number;
    number = '';
    // A line of a stream may hold something else than JSON: a date, a dash.
    if (!JSON_NUMBER.test(source) || !isExactNumber(exactNumber(source))) return Buffer.from(source, 'latin1');
    return Buffer.from(JSON.stringify(`${MARK}${source}`), 'latin1');
  };

  for await (const chunk of body) {
    const parts: Buffer[] = [];
    // A number may take up a whole chunk.
    let from = number === '' ? 0 : chunk.length;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (number !== '') {
        if (isOfNumber(byte)) {
          number += String.fromCharCode(byte);
          if (number.length > MAX_NUMBER) throw tooLong();
          continue;
        }
        parts.push(written());
        from = at;
      }
      // A string of JSON has no line break in it; what else has quotes in a stream ends with its line.
      if (byte === 0x0a || byte === 0x0d) {
        inString = false;
        escaped = false;
        head = 0;
        isData = !isStream;
      } else if (!isData) {
        if (head >= 0 && byte === DATA[head]) head++;
        else head = -1;
        if (head === DATA.length) isData = true;
      } else if (escaped) escaped = false;
      else if (inString) {
        if (byte === 0x5c) escaped = true;
        else if (byte === 0x22) inString = false;
      } else if (byte === 0x22) inString = true;
      else if (isDigit(byte) || byte === 0x2d) {
        if (at > from) parts.push(chunk.subarray(from, at));
        from = chunk.length;
        number = String.fromCharCode(byte);
      }
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
    if (parts.length > 0) yield parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }
  if (number !== '') yield written();
}

/**
 * A message that the client has read, with its marked numbers: in a result as they were written; in what else a server says,
 * which is read for what it means, as doubles.
 */
export function unmarked<T extends object>(message: T): T {
  return unmarkedIn(message, MARK, 'result' in message ? exactNumber : Number) as T;
}

function tooLong(): GatewayError {
  return new GatewayError(
    'upstream_invalid',
    'A number in the answer of the tool server cannot be kept as it is written.',
  );
}
