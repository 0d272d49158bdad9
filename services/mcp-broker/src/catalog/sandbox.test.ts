import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FakeToolServer, startFakeToolServer } from '../../../../test/fakes/tool-server.ts';
import { KEYS, startBroker, type TestBroker, untilTrue } from '../testing/broker.ts';

let server: FakeToolServer;
let broker: TestBroker;
const reviewers = { users: ['alice@acme.example'], teams: [], clients: [], keys: [] };

beforeAll(async () => {
  const run = () => ({ content: [{ type: 'text' as const, text: 'done' }] });
  server = await startFakeToolServer({ tools: [{ name: 'pay', description: 'Pays.', run }] });
  broker = await startBroker();
  broker.state.reviews = { 'key:alice': ['bank'] };
  await broker.servers({ bank: { remote: { url: server.url }, stage: 'Sandbox', reviewers } });
  await broker.toolsets({ till: { tools: [{ server: 'bank', tool: 'pay', as: 'pay' }] } });
}, 30_000);
afterAll(async () => {
  await broker?.close();
  await server?.close();
});

async function ask(path: string, key: string, method: string, params: object = {}) {
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    'mcp-protocol-version': '2025-11-25',
  };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const answer = await fetch(broker.url + path, { method: 'POST', headers, body });
  return [answer.status, await answer.json()] as const;
}
const names = async (path: string, key: string) => {
  const [, { result }] = (await ask(path, key, 'tools/list')) as [number, { result?: { tools: { name: string }[] } }];
  return result?.tools.map(({ name }) => name);
};

describe('a tool server in stage Sandbox', () => {
  it('[catalog:sandbox] is there for its reviewers, and for nobody else in any way', async () => {
    expect(await names('/mcp', KEYS.alice)).toEqual(['bank__pay']);
    expect(await names('/mcp/till', KEYS.alice)).toEqual(['pay']);
    const called = await ask('/mcp', KEYS.alice, 'tools/call', { name: 'bank__pay', arguments: {} });
    expect(called[1]).toMatchObject({ result: { isError: false } });

    expect(await names('/mcp', KEYS.bob)).toEqual([]);
    expect(await ask('/mcp/till', KEYS.bob, 'tools/list')).toEqual(await ask('/mcp/nothing', KEYS.bob, 'tools/list'));
    const theirs = await ask('/mcp', KEYS.bob, 'tools/call', { name: 'bank__pay', arguments: {} });
    expect(theirs[1]).toMatchObject({ error: { message: 'Unknown tool: bank__pay' } });
    const ref = { principal: broker.principal({ id: 'key:bob' }), servers: ['bank'] };
    expect(await broker.tools.listTools(ref, { timeoutMs: 2_000 })).toMatchObject({ tools: [], unavailable: [] });
    expect(server.calls).toHaveLength(1);
  });

  it('[catalog:sandbox] tells what to pin, and once Live offers what its reviewers pinned', async () => {
    const tools = () =>
      JSON.parse(broker.observations.get('bank')?.statusJson ?? '{}').tools as {
        digest?: string;
        heldDigest?: string;
      }[];
    await untilTrue(() => broker.observations.get('bank')?.statusJson?.includes('digest') === true);
    const digest = tools()[0]?.digest as string;
    const live = { remote: { url: server.url }, stage: 'Live', reviewers };
    await broker.servers({ bank: live });
    expect(await names('/mcp', KEYS.bob)).toEqual([]);
    await untilTrue(() => tools()[0]?.heldDigest === digest);
    expect(broker.observations.get('bank')?.conditions).toContainEqual(
      expect.objectContaining({ type: 'DefinitionDrift', status: 'True', reason: 'NotReviewed' }),
    );
    await broker.servers({ bank: { ...live, tools: [{ name: 'pay', class: 'Sensitive', enabled: true, digest }] } });
    expect(await names('/mcp', KEYS.bob)).toEqual(['bank__pay']);
    // Changed meanwhile, it waits for them again.
    const run = () => ({ content: [{ type: 'text' as const, text: 'other' }] });
    server.setTool({ name: 'pay', description: 'Pays somebody else.', run });
    await broker.relist();
    expect(await names('/mcp', KEYS.bob)).toEqual([]);
  });
});
