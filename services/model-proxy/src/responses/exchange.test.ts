import { describe, expect, it } from '@jest/globals';
import { fixtureText } from '../wire/testing.ts';
import { Exchange } from './exchange.ts';

const exchange = () =>
  new Exchange({
    id: 'resp_ours',
    fields: {
      store: true,
      previous_response_id: 'resp_before',
      conversation: null,
      metadata: { a: 'b' },
      instructions: 'x',
    },
    answered: [],
    listed: new Set(),
  });

describe("a provider's response as the client gets it", () => {
  it('[responses:forward] goes through byte for byte but for what holds the response', () => {
    const own = exchange();
    const frames = fixtureText('openai-responses', 'search.chunks.txt').split(/(?<=\n\n)/);
    const retold = frames.map((frame) => own.retoldFrame(frame));
    const changed = frames.flatMap((frame, index) => (retold[index] === frame ? [] : [index]));
    expect(changed).toEqual([0, frames.length - 1]);
    const last = JSON.parse(/data: (.*)/.exec(retold.at(-1) as string)?.[1] as string) as { response: object };
    expect(last.response).toMatchObject({ id: 'resp_ours', previous_response_id: 'resp_before', store: true });
    expect(retold.join('')).not.toContain('resp_67ccd2bed1ec8190');
  });

  it('[responses:forward] says nothing of whom a kept answer was first for', () => {
    const fields = { safety_identifier: 'bob', prompt_cache_key: null, metadata: {} };
    const own = new Exchange({ id: 'resp_ours', fields, answered: [], listed: new Set() });
    const theirs = {
      id: 'resp_1',
      output: [],
      safety_identifier: 'ann',
      prompt_cache_key: 'of-ann',
      metadata: { a: 'b' },
    };
    expect(JSON.parse(own.retoldBody(JSON.stringify(theirs)))).toEqual({ ...fields, id: 'resp_ours', output: [] });
  });

  it('[responses:unoffered] holds nothing before its end that no event told', () => {
    const hidden = { type: 'function_call', call_id: 'c1', name: 'rm', arguments: '{}' };
    const event = { type: 'response.in_progress', response: { id: 'resp_theirs', output: [hidden] } };
    for (const text of [JSON.stringify(event), JSON.stringify(event, null, 1).replace('"response":', '"response" :')]) {
      const frame = `${text
        .split('\n')
        .map((line) => `data: ${line}`)
        .join('\n')}\n\n`;
      const retold = exchange().retoldFrame(frame);
      expect(retold).toContain('resp_ours');
      expect(retold).not.toMatch(/rm|resp_theirs/);
    }
  });
});
