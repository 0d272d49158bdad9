import { describe, expect, it } from '@jest/globals';
import { type Called, openDesk } from '../operations/testing.ts';
import { modelOf, providerOf } from '../turn/testing.ts';

const named = (name: string, type: string) => ({ ...modelOf([providerOf(type, name)]), publicName: name, uid: name });
const said = (content: string) => ({
  body: JSON.stringify({
    id: 'c',
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  }),
});
const ASKS: Readonly<Record<string, object>> = {
  '/v1/chat/completions': { messages: [{ role: 'user', content: 'hi' }] },
  '/v1/messages': { max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] },
  '/v1/responses': { input: 'hi', store: false },
};

describe.each(Object.keys(ASKS))('a wish in the body of %s', (path) => {
  it('[routing:openrouter] has other models tried, and is sent to nobody', async () => {
    const desk = await openDesk({ models: [named('one', 'openai-compatible'), named('two', 'openai-compatible')] });
    desk.script(({ provider }: Called) => (provider === 'one' ? { status: 500, body: '{}' } : said('From two.')));
    const answer = await desk.post(path, {
      ...ASKS[path],
      model: 'one',
      fallbacks: ['two'],
      provider: { sort: 'price' },
    });
    expect([answer.status, answer.headers.get('sallyport-provider')]).toEqual([200, 'two']);
    expect(await answer.text()).toContain('From two.');
    for (const { text } of desk.calls) expect(text).not.toMatch(/fallbacks|sort/);
    await desk.close();
  });

  it('[routing:asked-fallbacks] has models tried for what failed, and is sent to nobody', async () => {
    const desk = await openDesk({
      models: ['one', 'long', 'lax'].map((name) => named(name, 'openai-compatible')),
      modelGlobs: ['one', 'long'],
    });
    const failing = (message: string, code: string) => ({
      status: 400,
      body: JSON.stringify({ error: { message, code, type: 'invalid_request_error' } }),
    });
    const lists = { context_window_fallbacks: [{ one: ['long'] }], content_policy_fallbacks: ['lax', 'nobody'] };
    const ask = () => desk.post(path, { ...ASKS[path], model: 'one', ...lists });
    desk.script(({ provider }) =>
      provider === 'one' ? failing('Too long.', 'context_length_exceeded') : said(`From ${provider}.`),
    );
    expect(await (await ask()).text()).toContain('From long.');
    // One that the caller may not use is as one that is not there, and the failure is told in the caller's dialect.
    desk.calls.length = 0;
    desk.script(() => failing('CANARY', 'content_filter'));
    const refused = await ask();
    expect([refused.status, desk.calls.map(({ provider }) => provider)]).toEqual([400, ['one']]);
    expect(await refused.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
    for (const { text } of desk.calls) expect(text).not.toContain('fallbacks');
    await desk.close();
  });

  it('[routing:openrouter] is met or refused: nothing is kept where the client says so, a demand nobody knows is none', async () => {
    const desk = await openDesk({ models: [named('one', 'openrouter')] });
    desk.script(() => said('Hi.'));
    const ask = (provider: object) => desk.post(path, { ...ASKS[path], model: 'one', provider });
    expect((await ask({ data_collection: 'deny' })).status).not.toBe(200);
    expect((await ask({ quantizations: ['fp8'] })).status).toBe(400);
    expect(desk.calls).toEqual([]);
    // OpenRouter itself is told.
    expect((await ask({ sort: 'latency' })).status).toBe(200);
    expect(JSON.parse(desk.calls[0]?.text ?? '{}')).toMatchObject({ provider: { sort: 'latency' } });
    await desk.close();
  });
});
