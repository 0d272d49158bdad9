import { describe, expect, it } from '@jest/globals';
import { createAccumulator } from '../../chat/accumulate.ts';
import { addCitation, citationsOf } from '../../chat/cited.ts';
import type { AssistantContent, JsonObject } from '../../chat/message.ts';
import type { StreamEvent } from '../../chat/stream.ts';
import { frontOf } from '../../fronts/index.ts';
import { codecs, frontCodecs } from '../codec.ts';
import { payloadReader } from '../framing.ts';
import { sourcesIn } from '../sources.ts';
import { citationOf } from './citations.ts';

const URL = 'https://needle.example/a';
const sealed = { type: 'web_search_result_location', url: URL, title: 'A', cited_text: 'So.', encrypted_index: 'e1' };
const ours = citationOf({ url: URL, title: 'A' });
const options = { model: 'm', trajectory: 't', created: 1, includeUsage: true };
const front = frontOf('anthropic-messages');

/** Events as a client of messages hears them, block by block. */
function told(events: readonly StreamEvent[]): AssistantContent[] {
  const encoder = front.renderStream(options);
  const bytes = events.map((event) => encoder.encode(event)).join('') + encoder.end();
  return heard(bytes).content;
}
function heard(bytes: string) {
  const { framing, streamDecoder } = codecs['anthropic-messages'];
  const [reader, decoder, answer] = [payloadReader(framing, 1_000_000), streamDecoder(), createAccumulator()];
  for (const payload of [...reader.push(Buffer.from(bytes)), ...reader.end()])
    for (const event of decoder.push(payload)) answer.add(event);
  return answer.response();
}
const frame = (fields: JsonObject) => `event: ${String(fields.type)}\ndata: ${JSON.stringify(fields)}\n\n`;
const delta = (index: number, fields: JsonObject) => frame({ type: 'content_block_delta', index, delta: fields });
const start = (index: number) =>
  frame({ type: 'content_block_start', index, content_block: { type: 'text', text: '', citations: [] } });

describe('a source that another provider names', () => {
  const finish: StreamEvent = { type: 'finish', finish: { unified: 'stop', raw: 'stop' } };

  it.each<[string, StreamEvent[]]>([
    ['', []],
    [' whose text has ended', [{ type: 'blockStop' }]],
  ])('[providers:sources] is a citation of the last text of a stream%s', (_how, between) => {
    const { events = [] } = front.cite([{ url: URL, title: 'A' }]);
    const content = told([
      { type: 'start', id: 'x', model: 'm' },
      { type: 'text', delta: 'First.' },
      { type: 'blockStop' },
      { type: 'text', delta: 'So.' },
      ...between,
      ...events,
      finish,
    ]);
    expect(content.map((block) => block.type === 'text' && block.text)).toEqual(['First.', 'So.']);
    expect(sourcesIn(content)).toEqual([{ url: URL, title: 'A' }]);
  });

  it('[providers:sources] is none of an answer without a text', () => {
    const { events = [] } = front.cite([{ url: URL }]);
    expect(told([{ type: 'start', id: 'x', model: 'm' }, ...events, finish])).toEqual([]);
    const content: AssistantContent[] = [{ type: 'refusal', text: 'No.' }];
    addCitation(content, ours);
    expect(content).toEqual([{ type: 'refusal', text: 'No.' }]);
  });
});

describe("Anthropic's own citations", () => {
  it('[providers:sources] are put onto a text one by one without the list being copied for each', () => {
    const text = { type: 'text' as const, text: 'So.' };
    const content: AssistantContent[] = [text];
    addCitation(content, ours);
    const list = citationsOf(text);
    addCitation(content, { ...ours, title: 'B' });
    expect(citationsOf(text)).toBe(list);
    expect(list.map(({ title }) => title)).toEqual([ours.title, 'B']);
  });

  const bytes = [
    frame({ type: 'message_start', message: { id: 'msg_1', model: 'm' } }),
    start(0),
    delta(0, { type: 'text_delta', text: 'First.' }),
    frame({ type: 'content_block_stop', index: 0 }),
    start(1),
    // Before the words that it is for, as web search streams them.
    delta(1, { type: 'citations_delta', citation: sealed }),
    delta(1, { type: 'text_delta', text: 'So' }),
    delta(1, { type: 'text_delta', text: ' it is.' }),
    delta(1, { type: 'citations_delta', citation: { ...sealed, encrypted_index: 'e2' } }),
    frame({ type: 'content_block_stop', index: 1 }),
    frame({ type: 'message_delta', delta: { stop_reason: 'end_turn' } }),
    frame({ type: 'message_stop' }),
  ].join('');
  const cited = {
    type: 'text',
    text: 'So it is.',
    extra: { 'anthropic-messages': { citations: [sealed, { ...sealed, encrypted_index: 'e2' }] } },
  };

  it('[providers:sources] stay on their texts in a stream that is looked at', () => {
    expect(heard(bytes).content).toEqual([{ type: 'text', text: 'First.' }, cited]);
    const { framing, streamDecoder } = codecs['anthropic-messages'];
    const [reader, decoder] = [payloadReader(framing, 1_000_000), streamDecoder()];
    const events = reader.push(Buffer.from(bytes)).flatMap((payload) => decoder.push(payload));
    expect(told(events)).toEqual([{ type: 'text', text: 'First.' }, cited]);
  });
});

describe('citations that come back with a conversation', () => {
  const history = (citations: unknown): JsonObject => ({
    model: 'm',
    max_tokens: 5,
    messages: [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: [{ type: 'text', text: 'So.', citations }] },
      { role: 'user', content: 'and?' },
    ],
  });
  const { inspect, forwardRequest, decodeRequest, encodeRequest } = frontCodecs['anthropic-messages'];
  const defanged = { ...sealed, url: `\`${URL}\`` };

  it.each<[string, unknown[], unknown]>([
    ['ours alone', [ours], undefined],
    ['one made inert', [defanged], undefined],
    ['ours beside its own', [ours, sealed], [sealed]],
    ['its own', [sealed], [sealed]],
    ['one of a document', [{ type: 'char_location', cited_text: 'x' }], [{ type: 'char_location', cited_text: 'x' }]],
  ])('[providers:sources-sealed] go to Anthropic as it made them: %s', (_what, citations, kept) => {
    const body = history(citations);
    const isMixed = inspect(body).assistant.some((one) => one.unsealed);
    expect(isMixed).toBe(kept === undefined || (kept as unknown[]).length !== citations.length);
    const forwarded = forwardRequest(body, { model: 'm', ...(isMixed ? { sealedOnly: true } : {}) });
    const citationsIn = (sent: JsonObject) =>
      ((sent.messages as JsonObject[])[1]?.content as JsonObject[] | string)?.valueOf();
    const block = { type: 'text', text: 'So.', ...(kept === undefined ? {} : { citations: kept }) };
    expect(citationsIn(forwarded)).toEqual([block]);
    expect(citationsIn(encodeRequest(decodeRequest(body)).body)).toEqual(kept === undefined ? 'So.' : [block]);
  });
});
