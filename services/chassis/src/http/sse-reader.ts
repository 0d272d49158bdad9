import { StringDecoder } from 'node:string_decoder';
import { reasonOf } from '../deadline.ts';
import { GatewayError } from '../errors.ts';

/** One event as received; `event` and `id` only where the sender named them. */
export interface SseEvent {
  readonly event?: string;
  readonly data: string;
  readonly id?: string;
}

/** Turns chunks of an event stream into events, however the chunks are cut. */
export interface SseParser {
  /** Events that this chunk completes. Throws `upstream_invalid` when one is larger than allowed. */
  feed(chunk: Buffer): SseEvent[];
  /** The event left over when the sender ends without its blank line, as some providers do. */
  end(): SseEvent[];
}

/** Makes a parser (HTML living standard §9.2.6): LF, CRLF and CR end lines; comments and `retry` are passed over. */
export function sseParser(options: { readonly maxEventBytes: number }): SseParser {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let first = true;
  let name: string | undefined;
  let id: string | undefined;
  let data: string | undefined;

  const line = (text: string, events: SseEvent[]) => {
    if (text === '') {
      if (data !== undefined) {
        events.push({ data, ...(name === undefined ? {} : { event: name }), ...(id === undefined ? {} : { id }) });
      }
      name = undefined;
      id = undefined;
      data = undefined;
      return;
    }
    const colon = text.indexOf(':');
    if (colon === 0) return;
    const field = colon === -1 ? text : text.slice(0, colon);
    const value = colon === -1 ? '' : text.slice(text.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1);
    if (field === 'data') data = data === undefined ? value : `${data}\n${value}`;
    else if (field === 'event') name = value;
    else if (field === 'id' && !value.includes('\0')) id = value;
  };
  const lines = (text: string): SseEvent[] => {
    const events: SseEvent[] = [];
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      line(text.slice(start, end), events);
      start = end + 1;
    }
    rest = start === 0 ? text : text.slice(start);
    if (rest.length + (data?.length ?? 0) > options.maxEventBytes) {
      throw new GatewayError('upstream_invalid', `An event is larger than ${options.maxEventBytes} bytes.`);
    }
    return events;
  };
  return {
    feed(chunk) {
      let text = rest + decoder.write(chunk);
      if (first && text !== '') {
        if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
        first = false;
      }
      if (!text.includes('\r')) return lines(text);
      // A CR at the very end may be half of a CRLF: it waits for what follows.
      const held = text.endsWith('\r');
      const events = lines((held ? text.slice(0, -1) : text).replace(/\r\n?/g, '\n'));
      if (held) rest += '\r';
      return events;
    },
    end() {
      const text = rest + decoder.end();
      rest = '';
      return lines(`${text.replace(/\r\n?/g, '\n')}\n\n`);
    },
  };
}

/** The events of a response body. Rejects with the signal's reason when it fires, `upstream_invalid` on a huge event. */
export async function* readSse(
  body: AsyncIterable<Buffer>,
  options: { readonly maxEventBytes: number; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<SseEvent, void, undefined> {
  const parser = sseParser(options);
  for await (const chunk of body) {
    if (options.signal?.aborted) throw reasonOf(options.signal);
    yield* parser.feed(chunk);
  }
  yield* parser.end();
}
