import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateText, type LanguageModel, Output, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import { type FakeProvider, startFakeProvider, type WireRequest } from '../fakes/provider.ts';
import { shareGlobalDispatcher } from '../support/global-dispatcher.ts';
import { MODEL_PLANE } from '../support/planes.ts';
import { openHouse, PROVIDER_KEY, suiteWith, type TestSuite } from '../support/suite.ts';

// A model of the line that checks signatures is known by its name.
const TOOLS = 'gemini-3-weather';
const JSON_MODEL = 'weather-json';

let provider: FakeProvider;
let suite: TestSuite;

shareGlobalDispatcher();
// It warns of each model whose name it does not know.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

beforeAll(async () => {
  provider = await startFakeProvider({ key: PROVIDER_KEY });
  provider.script(TOOLS, (request) =>
    hasResult(request)
      ? { text: 'It is sunny.' }
      : {
          text: 'Let me see.',
          toolCalls: [
            { name: 'weather', arguments: { city: 'Kraków' } },
            { name: 'weather', arguments: { city: 'Łódź' } },
          ],
        },
  );
  provider.script(JSON_MODEL, { text: '{"city":"Kraków","degrees":21}' });
  suite = await suiteWith(openHouse(provider, ['echo', TOOLS, JSON_MODEL], { gemini: true }), {
    services: MODEL_PLANE,
  });
}, 120_000);

afterAll(async () => {
  await suite?.end();
  await provider?.close();
}, 30_000);

const hasResult = ({ json }: WireRequest) =>
  /"functionResponse"|"tool_result"|"role":"tool"/.test(JSON.stringify(json));

/** Each front as the SDK's own package for it speaks. */
const fronts: readonly [string, (name: string) => LanguageModel][] = [
  ['@ai-sdk/openai', (name) => createOpenAI({ baseURL: `${suite.endpoint}/v1`, apiKey: suite.key }).chat(name)],
  [
    '@ai-sdk/openai with responses',
    (name) => createOpenAI({ baseURL: `${suite.endpoint}/v1`, apiKey: suite.key }).responses(name),
  ],
  [
    '@ai-sdk/anthropic',
    (name) => createAnthropic({ baseURL: `${suite.endpoint}/anthropic/v1`, apiKey: suite.key })(name),
  ],
  [
    '@ai-sdk/google',
    (name) => createGoogleGenerativeAI({ baseURL: `${suite.endpoint}/gemini/v1beta`, apiKey: suite.key })(name),
  ],
];
const targets = ['', '-a', '-g'];
const cases = fronts.flatMap(([name, model]) =>
  targets.map((suffix): [string, string, typeof model] => [name, suffix, model]),
);

describe.each(cases)('%s and models%s', (_name, suffix, modelOf) => {
  it('[fragments:vercel-ai] are told a text, whole and streamed, with usage and the reason to stop', async () => {
    const model = modelOf(`echo${suffix}`);
    const whole = await generateText({ model, system: 'Be brief.', prompt: 'hello fox', maxRetries: 0 });
    expect(whole.text).toContain('hello fox');
    expect([whole.finishReason, (whole.usage.outputTokens ?? 0) > 0]).toEqual(['stop', true]);
    const streamed = streamText({ model, prompt: 'hello fox', maxRetries: 0 });
    let text = '';
    for await (const delta of streamed.textStream) text += delta;
    expect(text).toContain('hello fox');
    expect([await streamed.finishReason, ((await streamed.usage).outputTokens ?? 0) > 0]).toEqual(['stop', true]);
  });

  it.each([false, true])('[fragments:vercel-ai] run tools to the end, two at once (stream: %s)', async (stream) => {
    const asked: string[] = [];
    const weather = tool({
      description: 'Weather of a city.',
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => {
        asked.push(city);
        return { sky: 'clear' };
      },
    });
    const call = {
      model: modelOf(`${TOOLS}${suffix}`),
      prompt: 'What is the weather?',
      tools: { weather },
      maxRetries: 0,
    };
    const stopWhen = stepCountIs(3);
    const text = stream
      ? await lastText(streamText({ ...call, stopWhen }))
      : (await generateText({ ...call, stopWhen })).text;
    expect(text).toBe('It is sunny.');
    expect(asked.sort()).toEqual(['Kraków', 'Łódź']);
  });

  it('[fragments:vercel-ai] are given an object of a schema', async () => {
    const schema = z.object({ city: z.string(), degrees: z.number() });
    const { output } = await generateText({
      model: modelOf(`${JSON_MODEL}${suffix}`),
      prompt: 'Weather?',
      output: Output.object({ schema }),
      maxRetries: 0,
    });
    expect(output).toEqual({ city: 'Kraków', degrees: 21 });
    expect(JSON.stringify(provider.requests.at(-1)?.json)).toContain('degrees');
  });
});

/** The text of the last step; throws what broke a step. */
async function lastText(result: {
  readonly fullStream: AsyncIterable<{ type: string; error?: unknown }>;
  readonly text: PromiseLike<string>;
}) {
  for await (const part of result.fullStream) if (part.type === 'error') throw part.error;
  return await result.text;
}
