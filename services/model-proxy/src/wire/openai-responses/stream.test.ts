import { describe, expect, it } from '@jest/globals';
import { createAccumulator } from '../../chat/accumulate.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { StreamEvent } from '../../chat/stream.ts';
import { dataOf } from '../frames.ts';
import { eventsOf, fixtureBody, fixtureText } from '../testing.ts';
import { decodeResponse, encodeResponse } from './response.ts';
import { createStreamDecoder } from './stream-decode.ts';
import { createStreamEncoder } from './stream-encode.ts';

const read = (text: string) => eventsOf(createStreamDecoder(), text);
const collect = (events: readonly StreamEvent[]) => {
  const all = createAccumulator();
  for (const event of events) all.add(event);
  return all.response();
};

/** The events of a stream of the encoder, parsed. */
function written(events: readonly StreamEvent[]): (JsonObject & { type: string })[] {
  const encoder = createStreamEncoder({ id: 'resp_1', model: 'm', errorFrame: () => '' });
  const text = events.map((event) => encoder.encode(event)).join('') + encoder.end();
  return text.split('\n\n').flatMap((frame) => {
    const data = dataOf(frame);
    return data === undefined ? [] : [JSON.parse(data) as JsonObject & { type: string }];
  });
}

describe('a streamed response', () => {
  it('[responses:events] says the same as the whole: reasoning in parts, a search of the provider, a citation', () => {
    const streamed = collect(read(fixtureText('openai-responses', 'search.chunks.txt')));
    const whole = decodeResponse(fixtureBody('openai-responses', 'search'));
    expect(streamed.content).toEqual(whole.content);
    expect(streamed).toMatchObject({ finish: { unified: 'stop' }, usage: { input: 82, reasoning: 5 } });
    expect(whole.content[0]).toMatchObject({
      type: 'reasoning',
      signature: expect.stringMatching(/^openai:rs_\w+:gAAAA/),
    });
  });

  it('[responses:events] is written with every event of the grammar, numbered, items as they were', () => {
    const events = written(read(fixtureText('openai-responses', 'search.chunks.txt')));
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
    expect(events.map(({ type }) => type.replace('response.', ''))).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'reasoning_summary_part.added',
      ...Array.from({ length: 3 }, () => 'reasoning_summary_text.delta'),
      'reasoning_summary_text.done',
      'reasoning_summary_part.done',
      'output_item.done',
      'output_item.added',
      'web_search_call.in_progress',
      'web_search_call.completed',
      'output_item.done',
      'output_item.added',
      'content_part.added',
      'output_text.delta',
      'output_text.delta',
      'output_text.annotation.added',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'completed',
    ]);
    const { response } = events.at(-1) as unknown as { response: { output: JsonObject[] } };
    const whole = fixtureBody('openai-responses', 'search').output as JsonObject[];
    expect(response.output[0]).toMatchObject({ id: whole[0]?.id, encrypted_content: whole[0]?.encrypted_content });
    expect(response.output[1]).toEqual(whole[1]);
    expect(response.output[2]).toMatchObject({
      content: [{ text: 'It is sunny.', annotations: [{ type: 'url_citation' }] }],
    });
    for (const { type, item, output_index } of events) {
      if (type === 'response.output_item.done') expect(response.output[output_index as number]).toEqual(item);
    }
  });

  it('[responses:events] tells of a call that the gateway ran as of one at work', () => {
    const value = {
      id: 'mcp_1',
      type: 'mcp_call',
      status: 'failed',
      name: 'f',
      server_label: 's',
      arguments: '{}',
      output: null,
    };
    const types = written([{ type: 'opaque', dialect: 'openai-responses', kind: 'mcp_call', value }]).map(
      ({ type }) => type,
    );
    expect(types.slice(2, -1)).toEqual([
      'response.output_item.added',
      'response.mcp_call.in_progress',
      'response.mcp_call_arguments.delta',
      'response.mcp_call_arguments.done',
      'response.mcp_call.failed',
      'response.output_item.done',
    ]);
  });

  it('ends as incomplete at a limit, and says why', () => {
    const finish = { unified: 'length', raw: 'length' } as const;
    expect(
      written([
        { type: 'text', delta: 'a' },
        { type: 'finish', finish },
      ]).at(-1),
    ).toMatchObject({
      type: 'response.incomplete',
      response: { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
    });
  });

  it('is read of servers that tell whole items alone, or the whole response', () => {
    const { output } = fixtureBody('openai-responses', 'tools') as { output: JsonObject[] };
    const done = output.map((item, output_index) => ({ type: 'response.output_item.done', output_index, item }));
    const completed = { type: 'response.completed', response: { id: 'r', status: 'completed', output } };
    const frames = (events: object[]) => events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
    for (const events of [[...done, completed], [completed]]) {
      const answer = collect(read(frames(events)));
      expect(answer.content.map((block) => block.type === 'toolCall' && block.arguments)).toEqual([
        '{"city":"Kraków"}',
        '{"zone":"CET"}',
      ]);
      expect(answer.finish.unified).toBe('tool_calls');
    }
  });

  it('[responses:unoffered] is refused where its end holds another item than it told', () => {
    const text = { type: 'message', content: [{ type: 'output_text', text: 'a' }] };
    const hidden = { type: 'function_call', call_id: 'c1', name: 'rm', arguments: '{}' };
    const events = [
      { type: 'response.output_item.done', output_index: 0, item: text },
      { type: 'response.completed', response: { id: 'r', status: 'completed', output: [hidden] } },
    ];
    const heard = read(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''));
    expect(heard.at(-1)).toMatchObject({ type: 'error', failure: { raw: 'out_of_order' } });
  });

  it('[model:error-after-200] ends with the failure that it tells', () => {
    expect(read(fixtureText('openai-responses', 'error.chunks.txt')).at(-1)).toMatchObject({
      type: 'error',
      failure: { kind: 'server_error', retryable: true },
    });
  });

  it('[responses:reasoning] wraps what another provider signed, and unwraps it when it comes back', () => {
    const block = { type: 'reasoning' as const, text: 'hm', signature: 'anthropic-signature' };
    const response = { id: 'r', model: 'm', content: [block], finish: { unified: 'stop' as const, raw: '' } };
    const [item] = encodeResponse(response).output as JsonObject[];
    expect(item?.encrypted_content).not.toContain('anthropic-signature');
    expect(decodeResponse({ output: [item], status: 'completed' }).content).toEqual([block]);
  });
});
