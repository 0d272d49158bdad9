import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import fc from 'fast-check';
import { createAccumulator } from '../chat/accumulate.ts';
import type { FrontDialect } from '../chat/message.ts';
import type { ChatResponse } from '../chat/response.ts';
import type { StreamEvent } from '../chat/stream.ts';
import { frontOf } from '../fronts/index.ts';
import { codecs, frontCodecs } from './codec.ts';
import { payloadReader } from './framing.ts';
import { streamReader } from './read-stream.ts';
import { createStreamScanner } from './scan.ts';
import { frameWriters, type Said } from './testing-frames.ts';

const dialects = Object.keys(frontCodecs) as FrontDialect[];
/** Those that providers alone speak. */
const wires = Object.keys(frameWriters) as (keyof typeof frameWriters)[];
/** Told with each name, so that a failure can be had again: FAST_CHECK_SEED takes it. */
const seed = fc.readConfigureGlobal()?.seed ?? Date.now() % 0x7fffffff;
const RUNS = 60;

const words = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
const tokens = fc.integer({ min: 1, max: 100_000 });
const inPieces = (text: string, cuts: readonly number[]): string[] => {
  // Between characters, as providers cut: half a pair of surrogates is no text that JSON in UTF-8 can hold.
  const characters = [...text];
  const at = [0, ...cuts.map((cut) => cut % (characters.length + 1)).sort((a, b) => a - b), characters.length];
  return at.slice(1).map((end, index) => characters.slice(at[index], end).join(''));
};
const call = fc
  .tuple(
    fc.dictionary(words, fc.oneof(words, fc.integer(), fc.boolean(), fc.constant(null), fc.array(words)), {
      maxKeys: 4,
    }),
    fc.array(fc.nat(), { maxLength: 6 }),
  )
  .map(([args, cuts]) => ({ name: 'look_up', pieces: inPieces(JSON.stringify(args), cuts) }));
const said: fc.Arbitrary<Said> = fc.record({
  text: fc.array(words, { maxLength: 5 }),
  calls: fc.array(call, { minLength: 1, maxLength: 3 }),
  usage: fc.record({
    input: tokens,
    output: tokens,
    cacheRead: fc.constant(0),
    cacheWrite: fc.constant(0),
    reasoning: fc.constant(0),
  }),
});

/** What is done to a stream on its way. */
const harm = fc.record({
  lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
  comments: fc.array(fc.nat(), { maxLength: 4 }),
  unseparated: fc.array(fc.nat(), { maxLength: 4 }),
  nulls: fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 6 }),
  doubleFinish: fc.boolean(),
  noLastBlankLine: fc.boolean(),
  cuts: fc.array(fc.nat(), { maxLength: 40 }),
  byteByByte: fc.boolean(),
});
type Harm = typeof harm extends fc.Arbitrary<infer H> ? H : never;

function framesOf(dialect: FrontDialect, { text, calls, usage }: Said): string[] {
  const encoder = frontOf(dialect).renderStream({
    model: 'm',
    trajectory: 't',
    created: 1,
    includeUsage: true,
  } as never);
  const events: StreamEvent[] = [
    { type: 'start', id: 'r1', model: 'm' },
    ...text.map((delta): StreamEvent => ({ type: 'text', delta })),
    { type: 'blockStop' },
    ...calls.flatMap(({ name, pieces }, index): StreamEvent[] => [
      { type: 'toolCallStart', index, id: `call_${index}`, name },
      ...pieces.map((delta): StreamEvent => ({ type: 'toolCallDelta', index, delta })),
      { type: 'toolCallStop', index },
    ]),
    { type: 'usage', usage },
    { type: 'finish', finish: { unified: 'tool_calls', raw: 'tool_calls' } },
  ];
  const stream = events.map((event) => encoder.encode(event)).join('') + encoder.end();
  return stream.split(/(?<=\n\n)/);
}

/** Names that providers send with null where they have nothing to say. */
const NULLS = [
  'usage',
  'error',
  'logprobs',
  'refusal',
  'citations',
  'safetyRatings',
  'thoughtSignature',
  'signature',
  'service_tier',
];
/** Within these the words are the model's. */
const OPAQUE = new Set(['args', 'input', 'arguments']);

function withNulls(frame: string, [which, name]: readonly [number, number]): string {
  // No dot: it stops at U+2028, which is a line end to JavaScript and none to SSE.
  return frame.replace(/(?<=^|\n)(data: )?(\{[^\n]*)/, (line, prefix = '', json: string) => {
    const payload = JSON.parse(json) as Record<string, unknown>;
    const objects = objectsIn(payload);
    const chosen = objects[which % objects.length];
    const key = NULLS[name % NULLS.length] as string;
    if (chosen !== undefined && !(key in chosen)) chosen[key] = null;
    return chosen === undefined ? line : `${prefix}${JSON.stringify(payload)}`;
  });
}

function objectsIn(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value)) return value.flatMap(objectsIn);
  if (typeof value !== 'object' || value === null) return [];
  return [
    value as Record<string, unknown>,
    ...Object.entries(value).flatMap(([key, inner]) => (OPAQUE.has(key) ? [] : objectsIn(inner))),
  ];
}

// What comes twice, as gateways in series make it: the reason to stop, and a chunk of nothing but usage.
const FINISH = /"choices":\[\]|"finish_reason":"|"type":"message_delta"|"finishReason":"|"done":true/;

function harmed(frames: readonly string[], how: Harm): Buffer[] {
  let list = [...frames];
  for (const one of how.nulls)
    list = list.map((frame, index) => (index === one[0] % list.length ? withNulls(frame, one) : frame));
  if (how.doubleFinish) list = list.flatMap((frame) => (FINISH.test(frame) ? [frame, frame] : [frame]));
  for (const at of how.unseparated) {
    const index = at % list.length;
    list = list.map((frame, place) =>
      place === index && place < list.length - 1 ? frame.replace(/\n\n$/, '\n') : frame,
    );
  }
  for (const at of how.comments)
    list.splice(at % (list.length + 1), 0, at % 2 === 0 ? ': OPENROUTER PROCESSING\n\n' : ': keep-alive\n');
  let text = list.join('');
  if (how.noLastBlankLine) text = text.replace(/\n+$/, '\n');
  const bytes = Buffer.from(text.replaceAll('\n', how.lineEnd));
  if (how.byteByByte) return [...bytes].map((byte) => Buffer.from([byte]));
  const at = [0, ...how.cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

/** What the reader that keeps the provider's frames hears, and what it sends on. */
function scanned(dialect: FrontDialect, chunks: readonly Buffer[]) {
  const scanner = createStreamScanner(frontCodecs[dialect].streamDecoder());
  const segments = [...chunks.flatMap((chunk) => scanner.push(chunk)), ...scanner.end()];
  const events = segments.flatMap((one): StreamEvent[] =>
    one.kind === 'text' ? [{ type: 'text', delta: one.text }] : one.events,
  );
  return { events, bytes: segments.map((one) => one.bytes).join('') };
}

/** What the reader hears that tells the stream anew. */
function retold(dialect: FrontDialect | keyof typeof frameWriters, chunks: readonly Buffer[]): StreamEvent[] {
  const codec = codecs[dialect];
  const reader = payloadReader(codec.framing, 1_000_000);
  const decoder = codec.streamDecoder();
  const payloads = [...chunks.flatMap((chunk) => reader.push(chunk)), ...reader.end()];
  const decoded = [...payloads.flatMap((payload) => decoder.push(payload)), ...decoder.end()];
  expect(withoutIds(read(dialect, chunks))).toEqual(withoutIds(decoded));
  return decoded;
}

/** Some dialects have none: they are made up for each reading. */
function withoutIds(events: readonly StreamEvent[]): object[] {
  return events.map((event) => ({ ...event, id: '' }));
}

/** The same without decoding each frame. */
function read(dialect: FrontDialect | keyof typeof frameWriters, chunks: readonly Buffer[]): StreamEvent[] {
  const { framing, streamDecoder } = codecs[dialect];
  const decoder = streamDecoder();
  const reader = streamReader(decoder, framing, 1_000_000);
  return [...chunks.flatMap((chunk) => reader.push(chunk)), ...reader.end(), ...decoder.end()];
}

function answerOf(events: readonly StreamEvent[]): ChatResponse {
  const accumulator = createAccumulator();
  for (const event of events) accumulator.add(event);
  return accumulator.response();
}

function expectWhole(events: readonly StreamEvent[], { text, calls, usage }: Said): void {
  expect(events.filter(({ type }) => type === 'error')).toEqual([]);
  const { content, usage: told, finish } = answerOf(events);
  expect(content.map((block) => (block.type === 'text' ? block.text : '')).join('')).toBe(text.join(''));
  expect(
    content.flatMap((block) =>
      block.type === 'toolCall' ? [JSON.parse(block.arguments === '' ? '{}' : block.arguments)] : [],
    ),
  ).toEqual(calls.map(({ pieces }) => JSON.parse(pieces.join('')) as unknown));
  expect(told).toMatchObject({ input: usage.input, output: usage.output });
  expect(finish.unified).toBe('tool_calls');
}

describe.each(dialects)(`a %s stream in pieces (FAST_CHECK_SEED=${seed})`, (dialect) => {
  it('[fragments:nothing-lost] loses no tool argument, no word and no usage, whatever is done to its bytes', () => {
    fc.assert(
      fc.property(said, harm, (one, how) => {
        const chunks = harmed(framesOf(dialect, one), how);
        const { events, bytes } = scanned(dialect, chunks);
        expectWhole(events, one);
        expectWhole(retold(dialect, chunks), one);
        // What is sent on must be readable to a client that knows no mercy.
        expectWhole(retold(dialect, [Buffer.from(bytes)]), one);
        for (const [lines] of bytes.matchAll(/(?:(?<=^|\n)data: [^\n]*\n)+/g)) {
          const data = lines.replaceAll(/(?<=^|\n)data: /g, '').trim();
          if (data !== '[DONE]') JSON.parse(data);
        }
      }),
      { seed, numRuns: RUNS },
    );
  });

  it('[fragments:error-inside] keeps what was said before an error, tells the error once, and hears nothing after it', () => {
    const error = frontOf(dialect).errorFrame(new GatewayError('upstream_error', 'It broke.'), 't');
    fc.assert(
      fc.property(said, harm, fc.nat(), (one, how, place) => {
        const frames = framesOf(dialect, one);
        // Behind the mark of the end nobody listens.
        const at = place % Math.max(1, frames.length - 4);
        const before = answerOf(
          retold(
            dialect,
            frames.slice(0, at).map((frame) => Buffer.from(frame)),
          ),
        );
        const broken = [...frames.slice(0, at), ...error.split(/(?<=\n\n)/).slice(0, 1), ...frames.slice(at)];
        for (const events of [scanned(dialect, harmed(broken, how)).events, retold(dialect, harmed(broken, how))]) {
          expect(events.filter(({ type }) => type === 'error')).toHaveLength(1);
          expect(events.at(-1)?.type).toBe('error');
          expect(answerOf(events).content).toEqual(before.content);
        }
      }),
      { seed, numRuns: RUNS },
    );
  });
});

/** What can be done to lines of JSON: they have no comments, and a lone carriage return ends none. */
const ofLines = (how: Harm): Harm => ({ ...how, comments: [], lineEnd: how.lineEnd === '\r' ? '\n' : how.lineEnd });

describe.each(wires)(`a %s stream in pieces, which no client speaks (FAST_CHECK_SEED=${seed})`, (wire) => {
  const bearable = (how: Harm) => (codecs[wire].framing === 'json-lines' ? ofLines(how) : how);

  it('[fragments:nothing-lost] loses no tool argument, no word and no usage, whatever is done to its bytes', () => {
    fc.assert(
      fc.property(said, harm, (one, how) => {
        expectWhole(retold(wire, harmed(frameWriters[wire].frames(one), bearable(how))), one);
      }),
      { seed, numRuns: RUNS },
    );
  });

  it('[fragments:error-inside] keeps what was said before an error, tells the error once, and hears nothing after it', () => {
    fc.assert(
      fc.property(said, harm, fc.nat(), (one, how, place) => {
        const frames = frameWriters[wire].frames(one);
        const at = place % frames.length;
        const before = answerOf(
          retold(
            wire,
            frames.slice(0, at).map((frame) => Buffer.from(frame)),
          ),
        );
        const broken = [...frames.slice(0, at), frameWriters[wire].error('It broke.'), ...frames.slice(at)];
        const events = retold(wire, harmed(broken, bearable(how)));
        expect(events.filter(({ type }) => type === 'error')).toHaveLength(1);
        expect(events.at(-1)?.type).toBe('error');
        expect(answerOf(events).content).toEqual(before.content.map(named(answerOf(events))));
      }),
      { seed, numRuns: RUNS },
    );
  });
});

/** Calls that their provider gave no id were given one each time they were heard. */
function named({ content }: ChatResponse) {
  return (block: ChatResponse['content'][number], index: number) => {
    const other = content[index];
    return block.type === 'toolCall' && other?.type === 'toolCall' ? { ...block, id: other.id } : block;
  };
}
