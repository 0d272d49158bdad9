import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { FrontDialect } from '../chat/message.ts';
import type { StreamEvent } from '../chat/stream.ts';
import { codecs } from './codec.ts';
import { createFrameSplitter } from './frames.ts';
import { createStreamScanner, type Segment } from './scan.ts';
import { eventsOf, fixtureText } from './testing.ts';

const recorded: [FrontDialect, string][] = [
  ['openai-chat', 'text'],
  ['openai-chat', 'tools'],
  ['openai-responses', 'text'],
  ['openai-responses', 'tools'],
  ['openai-responses', 'search'],
  ['anthropic-messages', 'text'],
  ['anthropic-messages', 'tools'],
  ['gemini', 'text'],
  ['gemini', 'tools'],
];

/** Cuts bytes at sorted random places. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

function scanAll(dialect: FrontDialect, chunks: readonly Buffer[]): Segment[] {
  const scanner = createStreamScanner(codecs[dialect].streamDecoder());
  return [...chunks.flatMap((chunk) => scanner.push(chunk)), ...scanner.end()];
}

function eventsIn(segments: readonly Segment[]): StreamEvent[] {
  return segments.flatMap((segment): StreamEvent[] =>
    segment.kind === 'text' ? [{ type: 'text', delta: segment.text }] : segment.events,
  );
}

/** Joins neighbouring text deltas, whose cuts do not matter. */
function joined(events: readonly StreamEvent[]): StreamEvent[] {
  const result: StreamEvent[] = [];
  for (const event of events) {
    const last = result.at(-1);
    if (event.type === 'text' && last?.type === 'text')
      result[result.length - 1] = { ...last, delta: last.delta + event.delta };
    else result.push(event);
  }
  return result;
}

describe.each(recorded)('a %s stream of %s', (dialect, name) => {
  const text = fixtureText(dialect, `${name}.chunks.txt`);
  const expected = joined(eventsOf(codecs[dialect].streamDecoder(), text));

  it('[model:stream-byte-split] passes unchanged and says the same however its bytes are cut', () => {
    const bytes = Buffer.from(text);
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), (cuts) => {
        const segments = scanAll(dialect, pieces(bytes, cuts));
        expect(segments.map((segment) => segment.bytes).join('')).toBe(text);
        expect(joined(eventsIn(segments))).toEqual(expected);
      }),
    );
  });

  it.each(['\r\n', '\r'])('says the same with line ends %j, cut anywhere', (lineEnd) => {
    const bytes = Buffer.from(text.replaceAll('\n', lineEnd));
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), (cuts) => {
        expect(joined(eventsIn(scanAll(dialect, pieces(bytes, cuts))))).toEqual(expected);
      }),
    );
  });

  it('[model:stream-truncated] ends with an error where it is cut before its end', () => {
    const body = Buffer.from(text);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: text.indexOf('finish_reason":"') > 0 ? 400 : 300 }), (length) => {
        const events = eventsIn(scanAll(dialect, [body.subarray(0, length)]));
        expect(events.at(-1)).toMatchObject({ type: 'error', failure: { kind: 'malformed' } });
      }),
    );
  });

  it('[model:stream-garbage] never throws and never goes on after an error, whatever bytes are changed', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }), (changes) => {
        const bytes = Buffer.from(text);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        const events = eventsIn(scanAll(dialect, [bytes]));
        const error = events.findIndex((event) => event.type === 'error');
        expect(error === -1 || error === events.length - 1).toBe(true);
      }),
    );
  });
});

describe.each<FrontDialect>(['openai-chat', 'openai-responses', 'anthropic-messages', 'gemini'])(
  'the %s stream decoder',
  (dialect) => {
    it('[model:stream-lies] answers any JSON with events, never with an exception', () => {
      fc.assert(
        fc.property(fc.array(fc.oneof(fc.json(), fc.string(), liar()), { maxLength: 6 }), (payloads) => {
          const decoder = codecs[dialect].streamDecoder();
          const events = [...payloads.flatMap((payload) => decoder.push(payload)), ...decoder.end()];
          expect(events.length).toBeGreaterThan(0);
          expect(decoder.done()).toBe(true);
        }),
      );
    });

    it('[model:body-lies] answers any body with an answer or a DecodeError', () => {
      fc.assert(
        fc.property(
          fc.oneof(
            fc.jsonValue(),
            liar().map((text) => JSON.parse(text) as unknown),
          ),
          (body) => {
            try {
              expect(codecs[dialect].decodeResponse(body).content).toBeDefined();
            } catch (error) {
              expect((error as Error).name).toBe('DecodeError');
            }
          },
        ),
      );
    });
  },
);

/** JSON that has the right keys and anything as values. */
function liar(): fc.Arbitrary<string> {
  const keys = [
    'id',
    'type',
    'choices',
    'delta',
    'message',
    'content',
    'tool_calls',
    'function',
    'name',
    'arguments',
    'index',
  ];
  const geminis = ['candidates', 'parts', 'functionCall', 'args', 'thoughtSignature', 'finishReason', 'usageMetadata'];
  const more = [
    ...geminis,
    'usage',
    'finish_reason',
    'content_block',
    'error',
    'text',
    'stop_reason',
    'prompt_tokens',
    'input',
    'response',
    'output',
    'output_index',
    'item',
    'call_id',
  ];
  const words = [
    'message_start',
    'content_block_start',
    'content_block_delta',
    'tool_use',
    'text_delta',
    'message_stop',
    'response.output_item.added',
    'response.output_item.done',
    'response.completed',
    'response.output_text.delta',
    'function_call',
    'message',
    'reasoning',
  ];
  const { tree } = fc.letrec((tie) => ({
    leaf: fc.oneof(fc.constantFrom<unknown>(null, 0, -1, 1.5, true, '', ...words), fc.string()),
    list: fc.array(tie('tree'), { maxLength: 3 }),
    object: fc.dictionary(fc.constantFrom(...keys, ...more), tie('tree'), { maxKeys: 6 }),
    tree: fc.oneof({ depthSize: 'small' }, tie('leaf'), tie('list'), tie('object')),
  }));
  return tree.map((value) => JSON.stringify(value) ?? 'null');
}

describe('streams of providers that differ', () => {
  const chunk = (delta: object, finish: string | null = null) =>
    JSON.stringify({ id: 'x', model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] });
  const decode = (...chunks: string[]) => {
    const decoder = codecs['openai-chat'].streamDecoder();
    return [...chunks.flatMap((data) => decoder.push(data)), ...decoder.end()];
  };
  const starts = (events: StreamEvent[]) => events.filter((event) => event.type === 'toolCallStart');

  it('number calls without gaps where the provider skips indexes', () => {
    const events = decode(
      chunk({ tool_calls: [{ index: 2, id: 'a', function: { name: 'f', arguments: '{' } }] }),
      chunk({ tool_calls: [{ index: 5, id: 'b', function: { name: 'g', arguments: '{}' } }] }),
      chunk({ tool_calls: [{ index: 2, function: { arguments: '}' } }] }, 'tool_calls'),
    );
    expect(starts(events)).toMatchObject([
      { index: 0, id: 'a' },
      { index: 1, id: 'b' },
    ]);
    expect(events).toContainEqual({ type: 'toolCallDelta', index: 0, delta: '}' });
  });

  it('tell calls apart where every index is 0, and join those without any', () => {
    const same = decode(
      chunk({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '{}' } }] }),
      chunk({ tool_calls: [{ index: 0, id: 'b', function: { name: 'g', arguments: '{}' } }] }, 'stop'),
    );
    expect(starts(same)).toHaveLength(2);
    const none = decode(
      chunk({ tool_calls: [{ id: 'a', function: { name: 'f', arguments: '{' } }] }),
      chunk({ tool_calls: [{ function: { arguments: '}' } }] }, 'stop'),
    );
    expect(starts(none)).toHaveLength(1);
    expect(none.at(-1)).toMatchObject({ type: 'finish', finish: { unified: 'tool_calls' } });
  });

  it('give a call an id where the provider sends none, and take arguments as an object', () => {
    const events = decode(chunk({ tool_calls: [{ function: { name: 'f', arguments: { a: 1 } } }] }, 'stop'));
    expect(starts(events)).toMatchObject([{ id: expect.stringMatching(/^call_/) }]);
    expect(events).toContainEqual({ type: 'toolCallDelta', index: 0, delta: '{"a":1}' });
  });

  it('[model:error-after-200] tell an error event in the stream by its class', () => {
    expect(
      decode(chunk({ content: 'a' }), '{"error":{"message":"slow down","code":"rate_limit_exceeded"}}').at(-1),
    ).toMatchObject({
      type: 'error',
      failure: { kind: 'rate_limited', retryable: true },
    });
    const events = eventsOf(
      codecs['anthropic-messages'].streamDecoder(),
      fixtureText('anthropic-messages', 'error.chunks.txt'),
    );
    expect(events.at(-1)).toMatchObject({ type: 'error', failure: { kind: 'overloaded', retryable: true } });
  });
});

describe('the scanner', () => {
  const frame = (text: string, finish = 'null') =>
    `data: {"id":"x","choices":[{"index":0,"delta":{"content":"${text}"},"finish_reason":${finish}}]}\n\n`;

  it('joins plain text frames into one piece', () => {
    const segments = scanAll('openai-chat', [Buffer.from(frame('a') + frame('b') + frame('c'))]);
    expect(segments[1]).toEqual({ kind: 'text', bytes: frame('b') + frame('c'), text: 'bc' });
  });

  it('[model:scan-no-bypass] parses a frame that hides a tool call between the bytes of a text frame', () => {
    const hidden = frame('","tool_calls":[{"index":0,"id":"c","function":{"name":"rm","arguments":"{}"}}],"x":"');
    const escaped = frame('b').replace(
      '"content":"b"',
      '"tool\\u005fcalls":[{"index":1,"id":"d","function":{"name":"dd"}}]',
    );
    const events = eventsIn(scanAll('openai-chat', [Buffer.from(frame('a') + frame('b') + hidden + escaped)]));
    expect(events.filter((event) => event.type === 'toolCallStart')).toMatchObject([{ name: 'rm' }, { name: 'dd' }]);
  });

  it('[model:scan-no-bypass] reads the first frame behind a mark of the byte order, and sends no such mark on', () => {
    const call = { index: 0, id: 'x', function: { name: 'rm', arguments: '{}' } };
    const frame = `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { tool_calls: [call] } }] })}\n\n`;
    for (const chunks of [
      [Buffer.from(`\u{feff}${frame}`)],
      [...Buffer.from(`\u{feff}${frame}`)].map((byte) => Buffer.from([byte])),
    ]) {
      const segments = scanAll('openai-chat', chunks);
      expect(eventsIn(segments).map(({ type }) => type)).toContain('toolCallStart');
      expect(segments.map(({ bytes }) => bytes).join('')).toBe(frame);
    }
  });

  it('marks a frame that holds usage alone', () => {
    const segments = scanAll('openai-chat', [Buffer.from(fixtureText('openai-chat', 'text.chunks.txt'))]);
    expect(segments.filter((segment) => segment.kind === 'events' && segment.usageOnly)).toHaveLength(1);
  });

  it('[model:stream-bounded] ends with an error where a frame never ends', () => {
    const scanner = createStreamScanner(codecs['openai-chat'].streamDecoder(), 1000);
    scanner.push(Buffer.alloc(900, 'a'));
    expect(scanner.push(Buffer.alloc(900, 'a'))).toMatchObject([
      { events: [{ type: 'error', failure: { raw: 'too_large' } }] },
    ]);
    expect(scanner.done()).toBe(true);
    expect(scanner.push(Buffer.from('data: 1\n\n'))).toEqual([]);
  });
});

describe('the frame splitter', () => {
  it('[model:scan-no-bypass] leaves out the mark of the byte order before the first line, and no other', () => {
    const splitter = createFrameSplitter();
    expect(splitter.push(Buffer.from('\u{feff}data: a\n\n\u{feff}data: b\n\n'))).toEqual([
      'data: a\n\n',
      '\u{feff}data: b\n\n',
    ]);
    const unfinished = createFrameSplitter();
    unfinished.push(Buffer.from('\u{feff}data: c'));
    expect(unfinished.rest()).toBe('data: c');
  });

  it('keeps comments and frames of several lines whole', () => {
    const splitter = createFrameSplitter();
    expect(splitter.push(Buffer.from(': hi\n\nevent: a\ndata: 1\ndata: 2\n\ndata: 3'))).toEqual([
      ': hi\n\n',
      'event: a\ndata: 1\ndata: 2\n\n',
    ]);
    expect(splitter.rest()).toBe('data: 3');
  });
});
