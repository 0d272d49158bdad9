import Anthropic from '@anthropic-ai/sdk';
import { beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI, { APIError, NotFoundError } from 'openai';
import type {
  Response,
  ResponseCreateParamsNonStreaming,
  ResponseInputItem,
} from 'openai/resources/responses/responses';
import type { WireRequest } from '../fakes/provider.ts';
import { FAKE_REASONING } from '../fakes/responses-wire.ts';
import { httpClient } from '../support/http-client.ts';
import { resultsIn } from '../support/model-fronts.ts';
import { note, refusal, server, typesOf } from '../support/responses-items.ts';
import { eventually } from '../support/suite.ts';
import { bodies, call, calling, DONE, desk, provider, rounds, runOf, suite, withDesk } from '../support/turn-desk.ts';

withDesk({ gemini: true, responses: true });

let openai: OpenAI;
let stranger: OpenAI;
beforeAll(() => {
  openai = new OpenAI({ baseURL: `${suite.endpoint}/v1`, apiKey: suite.key, maxRetries: 0 });
  stranger = new OpenAI({ baseURL: `${suite.endpoint}/v1`, apiKey: suite.adminKey, maxRetries: 0 });
});

const asked = async (body: ResponseCreateParamsNonStreaming) => {
  const { data, response } = await openai.responses.create(body).withResponse();
  return { data, trajectory: response.headers.get('sallyport-trajectory') ?? '' };
};

describe.each(['actor', 'actor-r', 'actor-a', 'actor-g'])('the Responses API and %s', (model) => {
  it('[responses:front] answers whole and streamed, with usage', async () => {
    rounds({ text: 'Grüße from here.' });
    const whole = await openai.responses.create({ model, input: 'Hello', instructions: 'Be brief.' });
    expect(whole).toMatchObject({
      object: 'response',
      status: 'completed',
      output_text: 'Grüße from here.',
      store: true,
    });
    expect(whole.id).toMatch(/^resp_[0-9a-f]{32}$/);
    expect(whole.instructions).toBe('Be brief.');
    expect(whole.usage?.output_tokens).toBeGreaterThan(0);
    const stream = openai.responses.stream({ model, input: 'Hello' });
    let deltas = '';
    stream.on('response.output_text.delta', ({ delta }) => {
      deltas += delta;
    });
    const final = await stream.finalResponse();
    expect([deltas, final.output_text, final.status]).toEqual(['Grüße from here.', 'Grüße from here.', 'completed']);
    expect(final.usage?.input_tokens).toBeGreaterThan(0);
    expect((await openai.responses.retrieve(final.id)).output_text).toBe('Grüße from here.');
  });

  it('[responses:tools] calls functions of the client and takes their results, in one run', async () => {
    rounds({ text: 'Two notes.', ...calling(call('note', { n: 1 }), call('note', { n: 2 })) }, DONE);
    const input: ResponseInputItem[] = [{ role: 'user', content: 'Take notes.' }];
    const first = await asked({ model, input, tools: [note] });
    const calls = first.data.output.filter((item) => item.type === 'function_call');
    expect(calls.map(({ name, arguments: written }) => [name, JSON.parse(written)])).toEqual([
      ['note', { n: 1 }],
      ['note', { n: 2 }],
    ]);
    const results = calls.map(({ call_id }) => ({ type: 'function_call_output' as const, call_id, output: 'noted' }));
    // As those do who keep the conversation themselves.
    input.push(...(first.data.output as ResponseInputItem[]), ...results);
    const second = await asked({ model, input, tools: [note], store: false });
    expect(second.data.output_text).toBe('All done.');
    expect(second.trajectory).toBe(first.trajectory);
    const third = await asked({ model, input: results, tools: [note], previous_response_id: first.data.id });
    expect(third.data.output_text).toBe('All done.');
    expect(third.trajectory).toBe(first.trajectory);
    const run = await runOf(first.trajectory, ({ records }) => records.length === 5);
    expect(run.untrusted).toBe(false);
  });

  it('[responses:mcp] shows the calls that the gateway runs, and knows them when they come back', async () => {
    rounds({ text: 'I look.', ...calling(call('desk__lookup', { city: 'Oslo' })) }, { text: 'It is 7 degrees.' });
    const tools = [server({ require_approval: 'never', allowed_tools: ['lookup'] })];
    const stream = openai.responses.stream({ model, input: 'How cold is Oslo?', tools });
    const first = await stream.finalResponse();
    // Gemini signs its calls, as others their reasoning.
    expect(typesOf(first).filter((type) => type !== 'reasoning')).toEqual([
      'mcp_list_tools',
      'message',
      'mcp_call',
      'message',
    ]);
    expect(first.output[0]).toMatchObject({ server_label: 'desk', tools: [{ name: 'lookup' }] });
    const made = first.output.find(({ type }) => type === 'mcp_call');
    expect(made).toMatchObject({ name: 'lookup', server_label: 'desk', status: 'completed', error: null });
    expect(first.output_text).toBe('I look.It is 7 degrees.');
    const seen = rounds(DONE);
    const second = await asked({ model, input: 'Thanks', tools, previous_response_id: first.id });
    expect(typesOf(second.data)).toEqual(['message']);
    expect(JSON.stringify(seen[0]?.json)).toContain('degrees');
    const run = await runOf(second.trajectory, ({ records }) => records.length === 5);
    expect(run.untrusted).toBe(false);
  });
});

describe('state', () => {
  it('[responses:state] is gone on from, retrieved, listed and deleted by who made it alone', async () => {
    const seen = rounds({ text: 'Noted: 42.' }, { text: 'It was 42.' });
    const first = await asked({ model: 'actor-r', input: 'Remember 42.', metadata: { topic: 'numbers' } });
    const { id } = first.data;
    const second = await asked({ model: 'actor-a', input: 'What was it?', previous_response_id: id });
    expect(second.data).toMatchObject({ output_text: 'It was 42.', previous_response_id: id });
    expect(second.trajectory).toBe(first.trajectory);
    expect(JSON.stringify(seen[1]?.json)).toMatch(/Remember 42.*Noted: 42.*What was it/);
    expect(await openai.responses.retrieve(id)).toMatchObject({ id, metadata: { topic: 'numbers' } });
    const listed: string[] = [];
    for await (const item of openai.responses.inputItems.list(second.data.id, { order: 'asc', limit: 2 })) {
      listed.push('content' in item ? JSON.stringify(item.content) : item.type);
    }
    expect(listed.map((one) => /Remember|Noted|What/.exec(one)?.[0])).toEqual(['Remember', 'Noted', 'What']);

    await expect(stranger.responses.retrieve(id)).rejects.toThrow(NotFoundError);
    await expect(stranger.responses.delete(id)).rejects.toThrow(NotFoundError);
    await expect(stranger.responses.inputItems.list(id)).rejects.toThrow(NotFoundError);
    const foreign = { model: 'actor', input: 'And?', previous_response_id: id };
    expect(await refusal(stranger.responses.create(foreign))).toEqual([404, 'not_found', 'previous_response_id']);

    await openai.responses.delete(id);
    await expect(openai.responses.retrieve(id)).rejects.toThrow(NotFoundError);
    // What goes on from a part that is gone would go on from less than the client believes.
    const broken = { model: 'actor', input: 'And?', previous_response_id: second.data.id };
    expect(await refusal(openai.responses.create(broken))).toEqual([404, 'not_found', 'previous_response_id']);
  });

  it('[responses:stateless] keeps nothing where the client says so', async () => {
    rounds({ text: 'Hi.' });
    const { id, store } = (await openai.responses.create({
      model: 'actor-r',
      input: 'Hi',
      store: false,
    })) as Response & {
      store: boolean;
    };
    expect(store).toBe(false);
    await expect(openai.responses.retrieve(id)).rejects.toThrow(NotFoundError);
  });

  it('[responses:references] finds items by their ids, for who was given them', async () => {
    rounds(calling(call('note', { n: 1 })), DONE);
    const first = await openai.responses.create({ model: 'actor-r', input: 'Take a note.', tools: [note] });
    const item = first.output.find((one) => one.type === 'function_call');
    const result = { type: 'function_call_output' as const, call_id: item?.call_id ?? '', output: 'noted' };
    const input = [
      { role: 'user' as const, content: 'Take a note.' },
      { type: 'item_reference' as const, id: item?.id ?? '' },
      result,
    ];
    expect((await openai.responses.create({ model: 'actor-r', input, tools: [note] })).output_text).toBe('All done.');
    expect(await refusal(stranger.responses.create({ model: 'actor', input, tools: [note] }))).toEqual([
      404,
      'not_found',
      'input[1].id',
    ]);
  });

  it('[responses:conversations] holds what was said, and is as private', async () => {
    const seen = rounds({ text: 'Noted: 42.' }, { text: 'It was 42.' });
    const conversation = await openai.conversations.create({
      metadata: { topic: 'numbers' },
      items: [{ role: 'user', content: 'My number is 42.' }],
    });
    const { id } = conversation;
    expect(conversation).toMatchObject({ object: 'conversation', metadata: { topic: 'numbers' } });
    const first = await asked({ model: 'actor', input: 'Remember it.', conversation: id });
    expect(first.data.conversation).toEqual({ id });
    const second = await asked({ model: 'actor-a', input: 'What was it?', conversation: { id } });
    expect(second.trajectory).toBe(first.trajectory);
    expect(JSON.stringify(seen[1]?.json)).toMatch(/My number is 42.*Remember it.*Noted.*What was it/);
    const items: string[] = [];
    for await (const item of openai.conversations.items.list(id, { order: 'asc', limit: 2 })) items.push(item.id ?? '');
    expect(new Set(items).size).toBe(5);
    const [oldest = ''] = items;
    expect(await openai.conversations.items.retrieve(oldest, { conversation_id: id })).toMatchObject({ role: 'user' });
    await openai.conversations.items.delete(oldest, { conversation_id: id });
    expect((await openai.conversations.update(id, { metadata: { topic: 'x' } })).metadata).toEqual({ topic: 'x' });

    await expect(stranger.conversations.retrieve(id)).rejects.toThrow(NotFoundError);
    await expect(stranger.conversations.items.list(id)).rejects.toThrow(NotFoundError);
    await expect(stranger.responses.create({ model: 'actor', input: 'Hi', conversation: id })).rejects.toThrow(
      NotFoundError,
    );
    await openai.conversations.delete(id);
    await expect(openai.conversations.retrieve(id)).rejects.toThrow(NotFoundError);
  });

  it('[responses:replay] is read as a stream again, from any event on', async () => {
    rounds({ text: 'Once more.' });
    const { id } = await openai.responses.create({ model: 'actor', input: 'Hi' });
    const all: number[] = [];
    for await (const event of await openai.responses.retrieve(id, { stream: true })) all.push(event.sequence_number);
    const rest: string[] = [];
    for await (const event of await openai.responses.retrieve(id, { stream: true, starting_after: 4 }))
      rest.push(event.type);
    expect(all).toEqual(all.map((_, index) => index));
    expect(rest).toHaveLength(all.length - 5);
    expect(rest.at(-1)).toBe('response.completed');
  });
});

describe('a response that is made in the background', () => {
  const ask = { model: 'actor-r', input: 'Think about it.', background: true };
  const over = (id: string) =>
    eventually(
      () => openai.responses.retrieve(id),
      ({ status }) => status !== 'queued' && status !== 'in_progress',
      15_000,
    );

  it('[responses:background] is begun at once, made while nobody waits, and told as a stream', async () => {
    rounds({ text: 'I thought.', delayMs: 300 });
    const begun = await openai.responses.create(ask);
    expect(begun).toMatchObject({ status: 'queued', background: true, output: [] });
    expect(await over(begun.id)).toMatchObject({ status: 'completed', output_text: 'I thought.', background: true });
    const types: string[] = [];
    for await (const event of await openai.responses.create({ ...ask, stream: true })) types.push(event.type);
    expect([types[0], types.at(-1)]).toEqual(['response.created', 'response.completed']);
    const next = await openai.responses.create({ model: 'actor', input: 'And?', previous_response_id: begun.id });
    expect(next.status).toBe('completed');
  });

  it('[responses:background] is cancelled by who began it, and told where it failed', async () => {
    rounds({ text: 'Too late.', delayMs: 2_500 });
    const { id } = await openai.responses.create(ask);
    await expect(stranger.responses.cancel(id)).rejects.toThrow(NotFoundError);
    expect(await openai.responses.cancel(id)).toMatchObject({ id, status: 'cancelled', output: [] });
    await eventually(
      async () => provider.requests.at(-1),
      (last) => last?.aborted === true,
    );
    expect((await openai.responses.retrieve(id)).status).toBe('cancelled');
    rounds({ text: 'Too slow.', delayMs: 5_000 });
    const slow = await openai.responses.create(ask);
    expect(await over(slow.id)).toMatchObject({ status: 'failed', error: { code: 'upstream_timeout' } });
    rounds(DONE);
    const foreground = await openai.responses.create({ model: 'actor', input: 'Hi' });
    expect(await refusal(openai.responses.cancel(foreground.id))).toEqual([400, 'invalid_request', null]);
  });
});

describe('calls of tools of type mcp', () => {
  const question = (response: Response) => {
    const item = response.output.find((one) => one.type === 'mcp_approval_request');
    expect(item).toMatchObject({ server_label: 'desk', name: 'lookup', arguments: '{"city":"Oslo"}' });
    return item?.id ?? '';
  };
  const answer = (approval_request_id: string, approve: boolean) => [
    { type: 'mcp_approval_response' as const, approval_request_id, approve },
  ];

  it.each([
    [true, 'actor-r'],
    [false, 'actor-r'],
    // Gemini signs its calls: the proof comes back with the call that a person was asked about.
    [true, 'actor-g'],
    [false, 'actor-g'],
  ])('[responses:approval] wait for the client where it does not say otherwise: %s, of %s', async (approve, model) => {
    const seen = rounds(calling(call('desk__lookup', { city: 'Oslo' })), ({ wire, json }) => ({
      text: resultsIn({ wire, json } as WireRequest).join(),
    }));
    const tools = [server()];
    const first = await asked({ model, input: 'How cold is Oslo?', tools });
    const id = question(first.data);
    expect(desk.calls).toEqual([]);
    const rest = { model, tools, input: answer(id, approve) };
    const second = await asked({ ...rest, previous_response_id: first.data.id });
    expect(second.trajectory).toBe(first.trajectory);
    expect(desk.calls).toHaveLength(approve ? 1 : 0);
    const types = typesOf(second.data).filter((type) => type !== 'reasoning');
    expect(types).toEqual(approve ? ['mcp_call', 'message'] : ['message']);
    if (approve) expect(second.data.output[0]).toMatchObject({ approval_request_id: id, status: 'completed' });
    expect(second.data.output_text).toContain(approve ? 'degrees' : 'did not approve');
    expect(seen).toHaveLength(2);
    // Once it was answered it is over, and nothing of it taints the run.
    rounds(DONE);
    const third = await asked({ model, tools, input: 'Thanks', previous_response_id: second.data.id });
    expect(third.data.output_text).toBe('All done.');
    expect(desk.calls).toHaveLength(approve ? 1 : 0);
    expect((await runOf(first.trajectory, ({ records }) => records.length >= (approve ? 6 : 5))).untrusted).toBe(false);
  });

  it('[responses:ask] wait for the people that a rule asks, whatever the client says', async () => {
    rounds(calling(call('desk__order', { item: 'tea' })), DONE);
    const tools = [server({ require_approval: 'never' })];
    const { data, response } = await openai.responses
      .create({ model: 'actor', input: 'Order tea.', tools })
      .withResponse();
    const approval = response.headers.get('sallyport-approval') ?? '';
    const item = data.output.find((one) => one.type === 'mcp_approval_request');
    expect([desk.calls, item?.name, approval === '']).toEqual([[], 'order', false]);
    const approver = httpClient(suite.endpoint, suite.adminKey);
    const said = await approver.send('POST', `/admin/v1/approvals/${approval}`, { decision: 'approve' });
    expect(said.status).toBe(200);
    const rest = { model: 'actor', tools, input: answer(item?.id ?? '', true) };
    const second = await openai.responses.create({ ...rest, previous_response_id: data.id });
    expect(typesOf(second)).toEqual(['mcp_call', 'message']);
    expect(desk.calls).toEqual([{ name: 'order', arguments: { item: 'tea' } }]);
  });

  it('[responses:approval] are made for a client that keeps the conversation itself, and not by an answer to nothing', async () => {
    rounds(calling(call('desk__lookup', { city: 'Oslo' })), DONE);
    const input: ResponseInputItem[] = [{ role: 'user', content: 'How cold is Oslo?' }];
    const tools = [server({ require_approval: { never: { tool_names: ['page'] } } })];
    const first = await asked({ model: 'actor', input, tools, store: false });
    const id = question(first.data);
    input.push(...(first.data.output as ResponseInputItem[]), ...answer(id, true));
    const second = await asked({ model: 'actor', input, tools, store: false });
    expect(typesOf(second.data)).toEqual(['mcp_call', 'message']);
    expect(second.trajectory).toBe(first.trajectory);
    expect(await refusal(openai.responses.create({ model: 'actor', input: answer('mcpr_1', true), tools }))).toEqual([
      400,
      'invalid_request',
      'input[0].approval_request_id',
    ]);
  });
});

describe('a provider of the Responses API behind the other fronts', () => {
  it('[responses:provider] answers the OpenAI chat and the Anthropic SDK, and keeps nothing', async () => {
    rounds({ text: 'Hello.' });
    const chat = await openai.chat.completions.create({
      model: 'actor-r',
      messages: [{ role: 'user', content: 'Hi' }],
    });
    expect(chat.choices[0]?.message.content).toBe('Hello.');
    let text = '';
    const messages = [{ role: 'user' as const, content: 'Hi' }];
    for await (const chunk of await openai.chat.completions.create({ model: 'actor-r', messages, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? '';
    }
    expect(text).toBe('Hello.');
    const anthropic = new Anthropic({ baseURL: `${suite.endpoint}/anthropic`, apiKey: suite.key, maxRetries: 0 });
    const said = await anthropic.messages.create({ model: 'actor-r', max_tokens: 50, messages });
    expect(said.content).toMatchObject([{ type: 'text', text: 'Hello.' }]);
    expect(bodies('actor').match(/"store":false/g)).toHaveLength(3);
  });

  it('[responses:reasoning] gets its encrypted reasoning back under its own id, and nobody else gets it', async () => {
    const seen = rounds(calling(call('note', { n: 1 })), DONE);
    const ask = {
      tools: [note],
      include: ['reasoning.encrypted_content' as const],
      reasoning: { effort: 'low' as const },
    };
    const first = await openai.responses.create({ model: 'actor-r', input: 'Take a note.', ...ask });
    expect(first.output[0]).toMatchObject({ type: 'reasoning', encrypted_content: FAKE_REASONING.encrypted });
    const item = first.output.find((one) => one.type === 'function_call');
    const input = [{ type: 'function_call_output' as const, call_id: item?.call_id ?? '', output: 'noted' }];
    const next = { input, previous_response_id: first.id };
    await openai.responses.create({ model: 'actor-r', ...next, ...ask });
    expect(JSON.stringify(seen[1]?.json)).toContain(FAKE_REASONING.encrypted);
    await openai.responses.create({ model: 'actor-a', ...next, tools: [note] });
    expect(JSON.stringify(seen[2]?.json)).not.toContain(FAKE_REASONING.encrypted);
  });
});

describe('faults', () => {
  it.each<[object, number, string, string | null]>([
    [{ model: 'nobody', input: 'Hi' }, 404, 'model_not_found', 'model'],
    [{ model: 'actor' }, 400, 'invalid_request', 'input'],
    [{ model: 'actor', input: [{ role: 'root', content: 'Hi' }] }, 400, 'invalid_request', 'input[0].role'],
    [{ model: 'actor', input: 'Hi', background: true, store: false }, 400, 'unsupported', 'background'],
    [{ model: 'actor', input: 'Hi', prompt: { id: 'pmpt_1' } }, 404, 'not_found', 'prompt.id'],
    [{ model: 'actor', input: 'Hi', previous_response_id: 'resp_1' }, 404, 'not_found', 'previous_response_id'],
    [{ model: 'actor', input: 'Hi', previous_response_id: 'resp_\u0000' }, 400, 'invalid_request', null],
    [
      { model: 'actor', input: 'Hi', conversation: 'conv_1', previous_response_id: 'resp_1' },
      400,
      'invalid_request',
      'previous_response_id',
    ],
  ])('[responses:errors] are told in the form of OpenAI: %j', async (body, status, code, param) => {
    rounds(DONE);
    expect(await refusal(openai.responses.create(body as ResponseCreateParamsNonStreaming))).toEqual([
      status,
      code,
      param,
    ]);
  });

  it('[responses:errors] end a stream as an event', async () => {
    const stream = await openai.responses
      .create({ model: 'late-r', input: 'Hi', stream: true })
      .catch((error) => error);
    expect(stream).toBeInstanceOf(APIError);
  });
});
