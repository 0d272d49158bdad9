import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createAccumulator } from '../chat/accumulate.ts';
import type { FrontDialect } from '../chat/message.ts';
import type { StreamDecoder, StreamEvent } from '../chat/stream.ts';
import { findProvider } from '../providers/index.ts';
import { codecs, frontCodecs } from '../wire/codec.ts';
import { payloadReader } from '../wire/framing.ts';
import { frontOf } from './index.ts';

const folder = new URL('../providers/fixtures/', import.meta.url);
const fronts = Object.keys(frontCodecs) as FrontDialect[];
/** Told with each name, so that a failure can be had again. */
const seed = fc.readConfigureGlobal()?.seed ?? Date.now() % 0x7fffffff;
/** Whose streams are replayed: every provider that has one on record, the gateways among them. */
const sources = readdirSync(folder).filter((name) => findProvider(name) !== undefined);

/** The bytes of a stream; those of a binary framing are kept as base64. */
function recorded(source: string, file: string): Buffer {
  const bytes = readFileSync(new URL(`${source}/${file}`, folder));
  return file.endsWith('.base64') ? Buffer.from(bytes.toString(), 'base64') : bytes;
}

function heard(
  decoder: StreamDecoder,
  framing: Parameters<typeof payloadReader>[0],
  chunks: readonly Buffer[],
): StreamEvent[] {
  const reader = payloadReader(framing, 1_000_000);
  const payloads = [...chunks.flatMap((chunk) => reader.push(chunk)), ...reader.end()];
  return [...payloads.flatMap((payload) => decoder.push(payload)), ...decoder.end()];
}

/** What a stream says that no client may lose. */
function gist(events: readonly StreamEvent[]) {
  const accumulator = createAccumulator();
  for (const event of events) if (!('choice' in event && event.choice !== undefined)) accumulator.add(event);
  const { content, usage, finish } = accumulator.response();
  return {
    errors: events.filter(({ type }) => type === 'error'),
    text: content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
    calls: content.flatMap((block) =>
      block.type === 'toolCall'
        ? [[block.name, JSON.parse(block.arguments === '' ? '{}' : block.arguments) as unknown]]
        : [],
    ),
    usage: [usage?.input, usage?.output],
    finish: finish.unified,
  };
}

describe.each(sources)('a stream on record of %s', (source) => {
  const declaration = findProvider(source);
  const { framing, streamDecoder } = codecs[declaration?.wire ?? 'openai-chat'];
  const files = readdirSync(new URL(`${source}/`, folder)).filter((file) => /^(?!error).*\.chunks\./.test(file));

  it.each(files)(`[fragments:nothing-lost] %s says the same cut anywhere (FAST_CHECK_SEED=${seed})`, (file) => {
    const bytes = recorded(source, file);
    const said = gist(heard(streamDecoder(), framing, [bytes]));
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 30 }), (cuts) => {
        const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        expect(gist(heard(streamDecoder(), framing, chunks))).toEqual(said);
      }),
      { seed, numRuns: 15 },
    );
  });

  it.each(files.flatMap((file) => fronts.map((front): [string, FrontDialect] => [file, front])))(
    '[fragments:replayed] %s says the same to a client of %s',
    (file, front) => {
      const events = heard(streamDecoder(), framing, [recorded(source, file)]);
      const said = gist(events);
      expect(said.errors).toEqual([]);
      const encoder = frontOf(front).renderStream({
        model: 'm',
        trajectory: 't',
        created: 1,
        includeUsage: true,
      } as never);
      const told = [...events.filter(inOrder(false)), ...events.filter(inOrder(true))];
      const stream = told.map((event) => encoder.encode(event)).join('') + encoder.end();
      const codec = frontCodecs[front];
      expect(gist(heard(codec.streamDecoder(), codec.framing, [Buffer.from(stream)]))).toEqual(said);
    },
  );
});

/** A front is told usage and the reason to stop last, as the turn does. */
function inOrder(last: boolean) {
  return ({ type }: StreamEvent) => (type === 'usage' || type === 'finish') === last;
}
