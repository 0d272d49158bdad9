import { describe, expect, it } from '@jest/globals';
import { createAccumulator } from '../chat/accumulate.ts';
import type { FrontDialect, JsonObject } from '../chat/message.ts';
import type { ChosenOdds } from '../chat/odds.ts';
import type { ChatResponse } from '../chat/response.ts';
import { frontOf } from '../fronts/index.ts';
import { frontCodecs } from './codec.ts';
import { payloadReader } from './framing.ts';
import { asksForOdds } from './odds.ts';

const token = (word: string, logprob: number) => ({ token: word, logprob, bytes: [...Buffer.from(word)] });
const openai = [
  { ...token('Hé', -0.1), top_logprobs: [token('Hé', -0.1), token('Yo', -2)] },
  { ...token('llo', -0.3), top_logprobs: [] },
];
const google = {
  chosenCandidates: [
    { token: 'Hé', tokenId: 7, logProbability: -0.1 },
    { token: 'llo', tokenId: 8, logProbability: -0.3 },
  ],
  topCandidates: [
    {
      candidates: [
        { token: 'Hé', tokenId: 7, logProbability: -0.1 },
        { token: 'Yo', tokenId: 9, logProbability: -2 },
      ],
    },
    { candidates: [] },
  ],
};
/** The same answer as providers of each dialect write it. */
const answers: Readonly<Record<'openai-chat' | 'openai-responses' | 'gemini', JsonObject>> = {
  'openai-chat': {
    id: 'c',
    model: 'm',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'Héllo' },
        logprobs: { content: openai, refusal: null },
        finish_reason: 'stop',
      },
    ],
  },
  'openai-responses': {
    id: 'r',
    model: 'm',
    status: 'completed',
    output: [
      {
        id: 'msg',
        type: 'message',
        role: 'assistant',
        content: [{ type: 'output_text', text: 'Héllo', annotations: [], logprobs: openai }],
      },
    ],
  },
  gemini: {
    responseId: 'r',
    modelVersion: 'm',
    candidates: [
      {
        content: { role: 'model', parts: [{ text: 'Héllo' }] },
        finishReason: 'STOP',
        avgLogprobs: -0.2,
        logprobsResult: google,
      },
    ],
  },
};
const dialects = Object.keys(answers) as (keyof typeof answers)[];
const oddsIn = ({ content }: Pick<ChatResponse, 'content'>): readonly ChosenOdds[] =>
  content.flatMap((block) => (block.type === 'text' ? (block.odds ?? []) : []));
const options = { model: 'm', trajectory: 't', created: 1, includeUsage: false };
/** An answer as a front streams it, frame by frame, with each token a delta of its own. */
function streamed(response: ChatResponse, front: FrontDialect): string {
  const encoder = frontOf(front).renderStream(options);
  const frames = oddsIn(response).map((one) => encoder.encode({ type: 'text', delta: one.token, odds: [one] }));
  const start = encoder.encode({ type: 'start', id: 'x', model: 'm' });
  return start + frames.join('') + encoder.encode({ type: 'finish', finish: response.finish }) + encoder.end();
}
function heard(bytes: string, dialect: FrontDialect): ChatResponse {
  const { framing, streamDecoder } = frontCodecs[dialect];
  const [reader, decoder] = [payloadReader(framing, 1_000_000), streamDecoder()];
  const answer = createAccumulator();
  for (const payload of [...reader.push(Buffer.from(bytes)), ...reader.end()])
    for (const event of decoder.push(payload)) answer.add(event);
  return answer.response();
}
const gist = (odds: readonly ChosenOdds[]) =>
  odds.map(({ token: word, logprob, top }) => [word, logprob, top.map((one) => [one.token, one.logprob])]);
const WANTED = [
  [
    'Hé',
    -0.1,
    [
      ['Hé', -0.1],
      ['Yo', -2],
    ],
  ],
  ['llo', -0.3, []],
];

describe.each(dialects)('the odds of tokens in an answer of %s', (dialect) => {
  const response = frontCodecs[dialect].decodeResponse(answers[dialect]);

  it.each(dialects)('[model:odds] are told to clients of %s, whole and in streams', (front) => {
    const body = frontOf(front).renderResponse(response, options);
    expect(gist(oddsIn(frontCodecs[front].decodeResponse(body)))).toEqual(WANTED);
    expect(gist(oddsIn(heard(streamed(response, front), front)))).toEqual(WANTED);
  });

  it('[model:odds] have no place in answers of Anthropic', () => {
    const body = JSON.stringify(frontOf('anthropic-messages').renderResponse(response, options));
    expect(body).toContain('Héllo');
    expect(body).not.toContain('logprob');
    expect(streamed(response, 'anthropic-messages')).not.toContain('logprob');
  });
});

it('[model:odds] are written as each API has them', () => {
  const response = frontCodecs['openai-chat'].decodeResponse(answers['openai-chat']);
  expect(frontOf('openai-chat').renderResponse(response, options)).toMatchObject({
    choices: [{ logprobs: { content: openai, refusal: null } }],
  });
  expect(frontOf('openai-responses').renderResponse(response, options)).toMatchObject({
    output: [{ content: [{ logprobs: openai }] }],
  });
  const { candidates } = frontOf('gemini').renderResponse(response, options) as { candidates: JsonObject[] };
  expect(candidates[0]?.avgLogprobs).toBeCloseTo(-0.2);
  expect(candidates[0]?.logprobsResult).toMatchObject({
    chosenCandidates: [{ token: 'Hé', logProbability: -0.1 }, { token: 'llo' }],
    topCandidates: [{ candidates: [{ token: 'Hé' }, { token: 'Yo', logProbability: -2 }] }, { candidates: [] }],
  });
  // Bytes that a provider does not tell are those of the token.
  const google = frontCodecs.gemini.decodeResponse(answers.gemini);
  expect(frontOf('openai-chat').renderResponse(google, options)).toMatchObject({
    choices: [{ logprobs: { content: openai } }],
  });
});

it('[model:odds] are not told of calls, which are decided before they are shown', () => {
  const tool_calls = [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"secret":1}' } }];
  const said = (content: readonly object[]) =>
    frontCodecs['openai-chat'].decodeResponse({
      id: 'c',
      model: 'm',
      choices: [
        { index: 0, message: { content: 'Héllo', tool_calls }, logprobs: { content }, finish_reason: 'tool_calls' },
      ],
    });
  expect(oddsIn(said(openai))).toHaveLength(2);
  expect(oddsIn(said([...openai, token('{"secret":1}', -1)]))).toEqual([]);
  const chunk = (delta: object) => ({
    id: 'c',
    choices: [{ index: 0, delta, logprobs: { content: [token('{"secret":1}', -1)] }, finish_reason: null }],
  });
  const calling = tool_calls.map((call) => ({ index: 0, ...call }));
  const decoder = frontCodecs['openai-chat'].streamDecoder();
  const deltas = [
    { content: '', tool_calls: calling },
    { content: 'a', tool_calls: calling },
  ];
  const events = deltas.flatMap((delta) => decoder.push(JSON.stringify(chunk(delta))));
  expect(events.filter((event) => 'odds' in event)).toEqual([]);
  const google = {
    content: { parts: [{ text: 'Hi' }, { functionCall: { name: 'f', args: {} } }] },
    finishReason: 'STOP',
    logprobsResult: {
      chosenCandidates: [
        { token: 'Hi', logProbability: -1 },
        { token: '{}', logProbability: -1 },
      ],
    },
  };
  expect(oddsIn(frontCodecs.gemini.decodeResponse({ candidates: [google] }))).toEqual([]);
});

describe('a wish for the odds of tokens', () => {
  const wishes: Readonly<Record<keyof typeof answers, JsonObject>> = {
    'openai-chat': { model: 'm', messages: [{ role: 'user', content: 'a' }], logprobs: true, top_logprobs: 3 },
    'openai-responses': { model: 'm', input: 'a', top_logprobs: 3, include: ['message.output_text.logprobs'] },
    gemini: {
      model: 'm',
      contents: [{ parts: [{ text: 'a' }] }],
      generationConfig: { responseLogprobs: true, logprobs: 3 },
    },
  };

  it.each(dialects.flatMap((from) => dialects.map((to) => [from, to] as const)))(
    '[model:odds] of %s is told to %s',
    (from, to) => {
      expect(asksForOdds(wishes[from])).toBe(true);
      const { body, unsupported } = frontCodecs[to].encodeRequest(frontCodecs[from].decodeRequest(wishes[from]));
      expect(unsupported).toEqual([]);
      const { model: _m, messages: _s, input: _i, contents: _c, ...wanted } = wishes[to];
      expect(body).toMatchObject(wanted);
    },
  );

  it('[model:odds] is none where nothing is asked', () => {
    expect(asksForOdds({ logprobs: false, top_logprobs: 0, include: [], generationConfig: {} })).toBe(false);
  });
});
