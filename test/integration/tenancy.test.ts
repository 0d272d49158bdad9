import { describe, expect, it } from '@jest/globals';
import { readRoutes } from '@sallyport/cli/dev/routes';
import { findSecret } from '../fakes/provider.ts';
import { type HttpAnswer, httpClient } from '../support/http-client.ts';
import { eventually, type ResourceInit } from '../support/suite.ts';
import { ADMIN_CASES, items } from '../support/tenancy-admin.ts';
import {
  type Condition,
  FUNCTION,
  type Key,
  type Page,
  providerKey,
  recordsOf,
  rpc,
  sides,
  suite,
  toolKey,
  toolNames,
  withTwoTenants,
} from '../support/two-tenants.ts';

withTwoTenants();

const directions = [
  ['red', 'blue'],
  ['blue', 'red'],
] as const;

describe.each(directions)('what %s can see and use of %s', (ownName, otherName) => {
  const own = () => sides[ownName];
  const other = () => sides[otherName];

  it('[tenancy:models] only its own models are listed, found and called, by names that both have too', async () => {
    for (const path of ['/v1/models', '/anthropic/v1/models']) {
      const { data } = (await own().agent.get(path)).json<{ data: { id: string }[] }>();
      expect(data.map(({ id }) => id).sort()).toEqual(['chat', 'echo', 'looks', `${ownName}-only`].sort());
    }
    const foreign = await own().agent.get(`/v1/models/${otherName}-only`);
    const absent = await own().agent.get('/v1/models/none-such');
    expect([foreign.status, foreign.text]).toEqual([404, absent.text]);
    for (const [ask, code] of [
      [own().agent.chat, 'model_not_found'],
      [own().agent.messages, 'not_found'],
    ] as const) {
      const refused = await ask(`${otherName}-only`);
      expect([refused.status, refused.code]).toEqual([404, code]);
    }
    const counted = await own().agent.send('POST', '/v1/messages/count_tokens', {
      model: `${otherName}-only`,
      messages: [{ role: 'user', content: 'hi' }],
    });
    expect(counted.status).toBe(404);
  });

  it('[tenancy:providers] a call goes to its own provider with its own credential, whatever the names', async () => {
    other().provider.clear();
    const answer = await own().agent.chat('chat');
    expect(answer.text).toContain(`${ownName} speaking`);
    expect(other().provider.requests).toEqual([]);
    expect(own().provider.requests.at(-1)?.headers.authorization).toBe(`Bearer ${providerKey(ownName)}`);
  });

  it('[tenancy:operations] what is no chat, and what is passed through, is of its own models and providers', async () => {
    other().provider.clear();
    for (const path of ['/v1/embeddings', '/v2/rerank']) {
      const ask = (model: string) =>
        own().agent.send('POST', path, { model, input: 'x', query: 'x', documents: ['x'] });
      const [foreign, absent] = [await ask(`${otherName}-only`), await ask('none-such')];
      expect([foreign.status, foreign.code, absent.status]).toEqual([404, 'model_not_found', 404]);
    }
    const through = await own().agent.get('/passthrough/main/models');
    expect(through.status).toBe(200);
    expect(own().provider.requests.at(-1)?.headers.authorization).toBe(`Bearer ${providerKey(ownName)}`);
    expect(other().provider.requests).toEqual([]);
  });

  it('[responses:sealed] responses and conversations are those of its own, whatever their ids', async () => {
    const [mine, theirs] = [own().agent, other().agent];
    const idOf = ({ text }: HttpAnswer) => (JSON.parse(text) as { id: string }).id;
    const response = idOf(await theirs.send('POST', '/v1/responses', { model: 'chat', input: 'hi' }));
    const conversation = idOf(await theirs.send('POST', '/v1/conversations', {}));
    const paths = [
      `/v1/responses/${response}`,
      `/v1/responses/${response}/input_items`,
      `/v1/conversations/${conversation}`,
    ];
    for (const path of [...paths, `/v1/conversations/${conversation}/items`]) {
      expect((await theirs.get(path)).status).toBe(200);
      expect((await mine.get(path)).status).toBe(404);
    }
    for (const state of [{ previous_response_id: response }, { conversation }]) {
      const refused = await mine.send('POST', '/v1/responses', { model: 'chat', input: 'hi', ...state });
      expect([refused.status, refused.code]).toEqual([404, 'not_found']);
    }
    expect((await mine.send('DELETE', `/v1/responses/${response}`, undefined)).status).toBe(404);
    expect((await mine.send('DELETE', `/v1/conversations/${conversation}`, undefined)).status).toBe(404);
  });

  it('[tenancy:tools] tools of type mcp are those of its own tool servers', async () => {
    other().tools.calls.length = 0;
    own().provider.script('looks', ({ json }) => {
      const done = (json.messages as { role: string }[]).some(({ role }) => role === 'tool');
      return done
        ? { text: 'done' }
        : { toolCalls: [{ id: `call_${Math.random()}`, name: 'notes__read_note', arguments: {} }] };
    });
    const answer = await own().agent.chat('looks', { tools: [{ type: 'mcp', server_label: 'notes' }] });
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('done')]);
    expect(own().tools.calls.map(({ name }) => name)).toContain('read_note');
    expect(own().provider.requests.at(-1)?.body).toContain(`a note of ${ownName}`);
    expect(other().tools.calls).toEqual([]);
    const foreign = await own().agent.chat('looks', { tools: [{ type: 'mcp', server_label: `${otherName}-notes` }] });
    expect([foreign.status, foreign.code]).toEqual([404, 'not_found']);
    expect(other().tools.calls).toEqual([]);
  });

  it('[tenancy:mcp] /mcp lists and calls its own tools only; a session or run of the other is as if absent', async () => {
    other().tools.calls.length = 0;
    expect(toolNames(await rpc(own().agent, 'tools/list'))).toEqual(
      ['notes__read_note', 'notes__write_note', `${ownName}-notes__read_note`].sort(),
    );
    const read = await rpc(own().agent, 'tools/call', { name: 'notes__read_note', arguments: {} });
    expect(read.text).toContain(`a note of ${ownName}`);
    const foreign = await rpc(own().agent, 'tools/call', { name: `${otherName}-notes__read_note`, arguments: {} });
    const absent = await rpc(own().agent, 'tools/call', { name: 'none-such__read_note', arguments: {} });
    expect(foreign.text.replace(`${otherName}-notes`, 'none-such')).toBe(absent.text);
    expect(other().tools.calls).toEqual([]);

    const session = await rpc(other().agent, 'initialize', {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'x', version: '1' },
    });
    const id = session.headers.get('mcp-session-id') ?? '';
    expect(id).not.toBe('');
    expect((await rpc(other().agent, 'tools/list', {}, { 'mcp-session-id': id })).status).toBe(200);
    expect((await rpc(own().agent, 'tools/list', {}, { 'mcp-session-id': id })).status).toBe(404);

    const theirs = await rpc(other().agent, 'tools/call', { name: 'notes__read_note', arguments: {} });
    const named = { 'sallyport-trajectory': theirs.trajectory };
    const claimed = await rpc(own().agent, 'tools/call', { name: 'notes__read_note', arguments: {} }, named);
    expect(claimed.trajectory).not.toBe(theirs.trajectory);
    await recordsOf(own(), claimed.trajectory, ({ detail }) => detail?.foreignTrajectory === theirs.trajectory);
  });

  it('[tenancy:policies] rules of the one are no rules of the other', async () => {
    // A key that has read nothing yet: what a run reads stands against what it writes.
    const wrote = await rpc(own().writer, 'tools/call', { name: 'notes__write_note', arguments: {} });
    // Only red has a ToolPolicy that denies it.
    if (ownName === 'red') expect(wrote.text).toContain('policy_denied');
    else expect(wrote.text).toContain('written');
  });

  it('[tenancy:limits] what one spends is not spent by the other', async () => {
    for (const expected of [200, 200, 429]) expect((await own().limited.chat('echo')).status).toBe(expected);
    expect((await other().agent.chat('echo')).status).toBe(200);
  });

  it('[tenancy:trajectory-header] a run of the other counts as absent, and that it was named is recorded', async () => {
    const theirs = await other().agent.chat('echo');
    const before = await recordsOf(other(), theirs.trajectory);
    const claimed = await own().agent.chat('echo', {}, { headers: { 'sallyport-trajectory': theirs.trajectory } });
    expect(claimed.status).toBe(200);
    expect(claimed.trajectory).not.toBe(theirs.trajectory);
    const [record] = await recordsOf(own(), claimed.trajectory);
    expect(record?.detail?.foreignTrajectory).toBe(theirs.trajectory);
    expect(await recordsOf(other(), theirs.trajectory)).toEqual(before);
    const again = await other().agent.chat('echo', {}, { headers: { 'sallyport-trajectory': theirs.trajectory } });
    expect(again.trajectory).toBe(theirs.trajectory);
  });

  it('[tenancy:key-in-tenant] the run of another key of the same tenant is foreign too, and no Member reads it', async () => {
    const theirs = await own().writer.chat('echo');
    await recordsOf(own(), theirs.trajectory);
    const claimed = await own().agent.chat('echo', {}, { headers: { 'sallyport-trajectory': theirs.trajectory } });
    expect(claimed.trajectory).not.toBe(theirs.trajectory);
    await recordsOf(own(), claimed.trajectory, ({ detail }) => detail?.foreignTrajectory === theirs.trajectory);
    expect((await own().agent.get(`/admin/v1/trajectories/${theirs.trajectory}`)).status).toBe(404);
    const listed = await items<{ id: string }>(own().agent, 'trajectories?pageSize=200');
    expect(listed.map(({ id }) => id)).toContain(claimed.trajectory);
    expect(listed.map(({ id }) => id)).not.toContain(theirs.trajectory);
    // A Member sees the keys of their own person, and no resource.
    const keys = await items<Key & { owner: string }>(own().agent, 'keys?pageSize=200');
    expect(new Set(keys.map(({ owner }) => owner))).toEqual(new Set(['dana']));
    expect(keys.map(({ name }) => name)).not.toContain('writer');
    expect((await own().agent.get('/admin/v1/resources')).status).toBe(403);
  });

  it('[tenancy:history] neither tool-call ids nor words of a run of the other lead to it; they are untrusted here', async () => {
    const id = `call_${ownName}_${otherName}`;
    other().provider.script('looks', { text: `Words of ${id}.`, toolCalls: [{ id, name: 'look_up', arguments: {} }] });
    const theirs = await other().agent.chat('looks', { tools: [FUNCTION] });
    expect(theirs.status).toBe(200);
    const { message } = theirs.json<{ choices: [{ message: object }] }>().choices[0];
    const history = [
      { role: 'user', content: 'hello fox' },
      message,
      { role: 'tool', tool_call_id: id, content: 'a result' },
    ];
    const words = [history[0], { role: 'assistant', content: `Words of ${id}.` }, { role: 'user', content: 'go on' }];
    for (const messages of [history, words]) {
      const tools = messages === history ? { tools: [FUNCTION] } : {};
      const mine = await own().agent.chat('echo', { messages, ...tools });
      expect([mine.status, mine.text]).toEqual([200, expect.any(String)]);
      expect(mine.trajectory).not.toBe(theirs.trajectory);
      for (const { label } of await recordsOf(own(), mine.trajectory)) expect(label.trusted).toBe(false);
    }
    const joined = await other().agent.chat('echo', { messages: history, tools: [FUNCTION] });
    expect(joined.trajectory).toBe(theirs.trajectory);
  });

  it.each(Object.keys(ADMIN_CASES))('[tenancy:admin-api] %s', async (operation) => {
    await ADMIN_CASES[operation]?.(own(), other());
  });
});

describe('over all of them', () => {
  it('[tenancy:enumerated] every route of the admin API and every path of the front has a case here', async () => {
    const document = (await sides.red.admin.get('/admin/v1/openapi.json')).json<{ paths: Record<string, object> }>();
    const operations = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method} ${path}`),
    );
    expect(operations.length).toBeGreaterThan(5);
    expect(operations.sort()).toEqual(Object.keys(ADMIN_CASES).sort());
    expect(
      readRoutes()
        .map(({ path }) => path)
        .sort(),
    ).toEqual([
      '/.well-known/oauth-authorization-server',
      '/.well-known/oauth-protected-resource',
      '/.well-known/openid-configuration',
      '/a2a',
      '/admin/v1',
      '/anthropic/v1',
      '/approve',
      '/gemini/v1',
      '/gemini/v1beta',
      '/mcp',
      '/me',
      '/oauth',
      '/passthrough',
      '/scim/v2',
      '/v1',
      '/v2/rerank',
    ]);
  });

  it('[tenancy:secrets] no credential and no key of one ever reached what belongs to the other', () => {
    for (const [ownName, otherName] of directions) {
      const { provider, tools } = sides[ownName];
      const foreign = [providerKey(otherName), toolKey(otherName), sides[otherName].agentSecret];
      const requests = [...provider.requests, ...tools.requests];
      expect(requests.length).toBeGreaterThan(0);
      for (const secret of [...foreign, sides[ownName].agentSecret]) {
        expect(requests.flatMap((request) => findSecret(request, secret))).toEqual([]);
      }
    }
  });

  it('[tenancy:one-secret] of two tenants that choose the same secret for a key the first keeps it, the other has none', async () => {
    const shared = 'chosen-by-two-tenants-0123456789';
    const chosen = (namespace: string): ResourceInit[] => [
      { kind: 'Secret', name: 'chosen', namespace, stringData: { key: shared } },
      { kind: 'VirtualKey', name: 'chosen', namespace, spec: { secretRef: { name: 'chosen', key: 'key' } } },
    ];
    const client = httpClient(suite.endpoint, shared);
    suite.apply('chosen', chosen('red'));
    const speaksRed = ({ status, text }: HttpAnswer) => status === 200 && text.includes('red speaking');
    await eventually(() => client.chat('chat'), speaksRed);
    suite.apply('chosen-too', chosen('blue'));
    const isReady = async () => {
      const answer = await sides.blue.admin.get('/admin/v1/resources?kind=VirtualKey');
      const { items: keys } = answer.json<Page<{ name: string; status: { conditions?: Condition[] } }>>();
      const conditions = keys.find(({ name }) => name === 'chosen')?.status.conditions;
      return conditions?.find(({ type }) => type === 'Ready');
    };
    const condition = await eventually(isReady, (ready) => ready !== undefined);
    expect(condition?.status).not.toBe('True');
    expect(condition?.message).not.toContain('red');
    expect(speaksRed(await client.chat('chat'))).toBe(true);
    suite.remove('chosen');
    suite.remove('chosen-too');
  });
});
