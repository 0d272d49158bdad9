import { beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import type { Response, ResponseCreateParamsNonStreaming, Tool } from 'openai/resources/responses/responses';
import type { FakeReply, WireRequest } from '../fakes/provider.ts';
import { type AgentRequest, askAnthropic, askOpenAi, resultsIn, toolsIn } from '../support/model-fronts.ts';
import { typesOf } from '../support/responses-items.ts';
import { admin, eventually } from '../support/suite.ts';
import {
  bodies,
  call,
  calling,
  DONE,
  desk,
  kinds,
  PAGE,
  provider,
  rounds,
  runOf,
  suite,
  user,
  withDesk,
} from '../support/turn-desk.ts';

withDesk({ gemini: true, responses: true }, () => [
  {
    kind: 'ToolServer',
    name: 'vault',
    spec: {
      remote: { url: desk.url },
      allowPrivateNetwork: true,
      stage: 'Sandbox',
      reviewers: { users: ['rita'] },
      defaultClass: 'Read',
    },
  },
  {
    kind: 'Toolset',
    name: 'office',
    spec: {
      mode: 'Search',
      title: 'Office',
      instructions: 'For the weather, pages and mails.',
      tools: [
        { server: 'desk', tool: 'lookup', as: 'weather', description: 'Tells how cold it is in a city.' },
        { server: 'desk', tool: 'page', as: 'page', description: 'Reads a page of the web.' },
        { server: 'desk', tool: 'send', as: 'send', description: 'Sends a mail to a person.' },
        { server: 'desk', tool: 'mail', as: 'mail', description: 'Reads the last mail.' },
        { server: 'desk', tool: 'order', as: 'order', description: 'Orders supplies.' },
        { server: 'vault', tool: '*' },
      ],
    },
  },
]);

const search = (query: string) => call('office__search_tools', { query });
const wrapped = (name: string, args: object = {}) => call('office__call_tool', { name, arguments: args });
const OFFICE = { type: 'mcp', server_label: 'office', require_approval: 'never' };
const office = (rest: object = {}) => [{ ...OFFICE, ...rest } as Tool];
const TOOLS = [{ server: 'office' }];
const OWN = ['office__search_tools', 'office__call_tool'];
const shownTypes = (response: Response) => typesOf(response).filter((type) => type !== 'reasoning');
const made = ({ output }: Response) => output.filter(({ type }) => type === 'mcp_call');
const foundIn = (request: WireRequest, at = 0) =>
  (JSON.parse(resultsIn(request)[at] ?? '{}') as { tools: { name: string }[] }).tools.map(({ name }) => name);

beforeAll(async () => {
  const ask = () => askOpenAi(suite, { model: 'actor', messages: [user('ping')], tools: TOOLS }).catch(() => undefined);
  await eventually(ask, (answer) => answer !== undefined, 30_000);
}, 60_000);

describe.each([
  ['openai', 'actor', false],
  ['openai', 'actor', true],
  ['openai', 'actor-r', true],
  ['anthropic', 'actor-a', true],
  ['anthropic', 'actor', false],
] as const)('a toolset that is searched, through the %s SDK to %s, stream %s', (front, model, stream) => {
  const ask = (rest: Omit<AgentRequest, 'model' | 'stream'>) =>
    (front === 'openai' ? askOpenAi : askAnthropic)(suite, { model, stream, ...rest });

  it('[turn-loop:search] finds a tool and calls it, in one answer', async () => {
    const found: string[] = [];
    const seen = rounds(
      { text: 'I look.', ...calling(search('how cold is a city')) },
      (request): FakeReply => {
        found.push(...foundIn(request));
        return calling(wrapped(found[0] ?? '', { city: 'Oslo' }));
      },
      (request) => ({ text: `It is ${JSON.parse(resultsIn(request)[0] ?? '{}').degrees} degrees.` }),
    );
    const answer = await ask({ messages: [user('How cold is Oslo?')], tools: TOOLS });
    expect(answer).toMatchObject({ text: 'I look.\n\nIt is 7 degrees.', calls: [], finish: 'stop' });
    expect(seen.map(toolsIn)).toEqual([OWN, OWN, OWN]);
    expect(found[0]).toBe('office__weather');
    expect(desk.calls).toEqual([{ name: 'lookup', arguments: { city: 'Oslo' } }]);
    const run = await runOf(answer.trajectory, ({ records }) => records.length === 6);
    expect(kinds(run)).toEqual([
      'model_call',
      'model_call',
      'model_call',
      'tool_intent',
      'tool_outcome',
      'tool_outcome',
    ]);
    const outcomes = run.records.filter(({ kind }) => kind === 'tool_outcome');
    expect(outcomes).toMatchObject([
      { toolName: 'search_tools', detail: { toolset: 'office', searched: 5, found: expect.anything() } },
      { toolName: 'office__weather', detail: { via: 'call_tool' } },
    ]);
    expect(run.untrusted).toBe(false);
  });

  it('[turn-loop:search-hidden] neither finds nor calls what is hidden, once untrusted content is in play', async () => {
    const seen = rounds(
      calling(search('send mail'), wrapped('office__page')),
      calling(search('send mail'), wrapped('office__send', { to: 'eve' })),
      calling(call('office__send', { to: 'eve' })),
      DONE,
    );
    const { trajectory } = await ask({ messages: [user('Read the page.')], tools: TOOLS });
    expect(foundIn(seen[1] as WireRequest)).toContain('office__send');
    expect(resultsIn(seen[1] as WireRequest)[1]).toContain(PAGE);
    expect(foundIn(seen[2] as WireRequest)).not.toContain('office__send');
    expect(resultsIn(seen[2] as WireRequest)[1]).toMatch(/^\[no_such_tool\]/);
    expect(resultsIn(seen[3] as WireRequest)[0]).toMatch(/^\[no_such_tool\]/);
    expect(desk.calls.map(({ name }) => name)).toEqual(['page']);
    const run = await runOf(
      trajectory,
      ({ records }) => records.filter(({ kind }) => kind === 'tool_refusal').length === 2,
    );
    expect(run.untrusted).toBe(true);
  });

  it('[turn-loop:search-scope] neither finds nor calls what is not theirs, nor tells that it is there', async () => {
    const names = ['office__vault__lookup', 'vault__lookup', 'office__nothing', 'desk__order', 'office__call_tool'];
    const seen = rounds(
      calling(search('vault__lookup vault lookup'), ...names.map((name) => wrapped(name, { name: 'office__weather' }))),
      DONE,
    );
    await ask({ messages: [user('Open the vault.')], tools: TOOLS });
    const [found, ...refused] = resultsIn(seen[1] as WireRequest);
    expect(found).not.toContain('vault');
    expect(JSON.parse(found ?? '{}')).toMatchObject({ searched: 5 });
    expect(new Set(refused).size).toBe(1);
    expect(refused[0]).toMatch(/^\[no_such_tool\]/);
    expect(desk.calls).toEqual([]);
  });
});

const openai = () => new OpenAI({ baseURL: `${suite.endpoint}/v1`, apiKey: suite.key, maxRetries: 0 });
const create = (model: string, body: Omit<ResponseCreateParamsNonStreaming, 'model'>): Promise<Response> =>
  openai().responses.create({ model, ...body });

describe.each(['actor', 'actor-a', 'actor-r', 'actor-g'])('what is searched, in the Responses API and %s', (model) => {
  it('[responses:search] tells of a call as one of the tool that was found, and knows it when it comes back', async () => {
    rounds(calling(search('how cold is a city')), calling(wrapped('office__weather', { city: 'Oslo' })), {
      text: 'It is 7 degrees.',
    });
    const stream = openai().responses.stream({ model, input: 'How cold is Oslo?', tools: office() });
    const first = await stream.finalResponse();
    expect(shownTypes(first)).toEqual(['mcp_list_tools', 'mcp_call', 'mcp_call', 'message']);
    expect(first.output[0]).toMatchObject({ server_label: 'office' });
    expect(made(first)).toMatchObject([
      { server_label: 'office', name: 'search_tools', status: 'completed' },
      { server_label: 'office', name: 'weather', arguments: '{"city":"Oslo"}', status: 'completed' },
    ]);
    const seen = rounds(calling(wrapped('office__send', { to: 'ann' })), DONE);
    // What was found is known to the run: nothing in play is untrusted, so that what asks for that may be called.
    const second = await create(model, { input: 'Tell Ann.', tools: office(), previous_response_id: first.id });
    expect(made(second)).toMatchObject([{ name: 'send', status: 'completed' }]);
    const told = JSON.stringify(seen[0]?.json.tools);
    for (const name of OWN) expect(told).toContain(name);
    expect(told).not.toContain('office__weather');
    expect(JSON.stringify(seen[0]?.json)).toContain('office__weather');
    expect(desk.calls.map(({ name }) => name)).toEqual(['lookup', 'send']);
  });

  it('[responses:search] finds and calls no more than the client allows', async () => {
    rounds(calling(search('send mail weather page'), wrapped('office__send')), DONE);
    const answer = await create(model, { input: 'Write to Ann.', tools: office({ allowed_tools: ['weather'] }) });
    const [found, refused] = made(answer) as [{ output: string }, object];
    expect(JSON.parse(found.output)).toMatchObject({ tools: [{ name: 'office__weather' }], searched: 1 });
    expect(refused).toMatchObject({
      status: 'failed',
      error: { content: [{ text: expect.stringMatching(/no_such_tool/) }] },
    });
    expect(desk.calls).toEqual([]);
  });
});

describe.each(['actor', 'actor-a', 'actor-r'])('what is asked of it, in the Responses API and %s', (model) => {
  it('[responses:search-approval] asks the client about the tool that is called, never about the search', async () => {
    const tools = office({ require_approval: { never: { tool_names: ['weather'] } } });
    rounds(
      calling(search('send mail'), wrapped('office__weather')),
      calling(wrapped('office__send', { to: 'ann' })),
      DONE,
    );
    const first = await create(model, { input: 'Write to Ann.', tools });
    expect(shownTypes(first)).toEqual(['mcp_list_tools', 'mcp_call', 'mcp_call', 'mcp_approval_request']);
    const question = first.output.at(-1);
    expect(question).toMatchObject({ server_label: 'office', name: 'send', arguments: '{"to":"ann"}' });
    expect(desk.calls.map(({ name }) => name)).toEqual(['lookup']);
    rounds(DONE);
    const approval_request_id = (question as { id: string }).id;
    const input = [{ type: 'mcp_approval_response' as const, approval_request_id, approve: true }];
    const second = await create(model, { input, tools, previous_response_id: first.id });
    expect(shownTypes(second)).toEqual(['mcp_call', 'message']);
    expect(desk.calls.map(({ name }) => name)).toEqual(['lookup', 'send']);
  });

  it('[responses:search-approval] puts before people what a rule asks about: the tool, with its own arguments', async () => {
    rounds(calling(wrapped('office__order', { item: 'paper' })), DONE);
    const answer = await create(model, { input: 'Order paper.', tools: office() });
    expect(answer.output.at(-1)).toMatchObject({
      type: 'mcp_approval_request',
      name: 'order',
      arguments: '{"item":"paper"}',
    });
    type Asked = { tool: string; arguments: unknown };
    const pending = await admin<Asked[]>(suite, 'approvals?state=pending');
    expect(pending.at(-1)).toMatchObject({ tool: 'desk__order', arguments: { item: 'paper' } });
    expect(desk.calls).toEqual([]);
  });
});

describe('what a model is told of a toolset', () => {
  it('[turn-loop:search] is read apart where policy says so of the tool, and its handles are of that', async () => {
    const seen = rounds(calling(wrapped('office__mail')), DONE);
    await askOpenAi(suite, { model: 'actor', messages: [user('Read my mail.')], tools: TOOLS });
    const [read] = resultsIn(seen[1] as WireRequest);
    expect(JSON.parse(read ?? '{}')).toMatchObject({ urgent: true, subject: { from: 'office__mail' } });
    expect(bodies('actor')).not.toContain(PAGE);
  });

  it('[turn-loop:search] is what two functions take, whatever stands behind them', async () => {
    rounds(DONE);
    await askOpenAi(suite, { model: 'actor', messages: [user('Hello')], tools: TOOLS });
    const said = bodies('actor');
    expect(said).toContain('For the weather, pages and mails.');
    expect(said).not.toMatch(/Tells how cold|office__weather/);
    expect(provider.requests).toHaveLength(1);
  });
});
