import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { testConsole } from '../testing/console.ts';

const CANARY = 'sk-canary-0123456789';
const at = { kind: 'ModelProvider', resource: 'openai' };
let suite: Awaited<ReturnType<typeof testConsole>>;
beforeAll(async () => {
  suite = await testConsole();
});
beforeEach(() => {
  suite.calls.length = 0;
  suite.committed.length = 0;
});
afterAll(() => suite.close());

const put = (who: string, body: object) => suite.ask(who, 'PUT', '/credentials', { ...at, value: CANARY, ...body });

describe('credentials of people', () => {
  it('[console:credential-write-only] go in and never come out: not in answers, records or logs', async () => {
    const { status, body } = await put('bot', {});
    expect(status).toBe(200);
    expect(body).toMatchObject({ owner: 'user', name: 'alice', reference: 'user:alice/openai#1' });
    const owner = { kind: 'user', name: 'alice' };
    expect(suite.calls).toMatchObject([{ method: 'putOwned', request: { owner, value: CANARY, by: 'key:bot' } }]);
    const { body: list } = await suite.ask('bot', 'GET', '/credentials');
    expect(suite.committed.map(({ detailJson }) => JSON.parse(detailJson).phase)).toEqual(['intent', 'outcome']);
    for (const told of [body, list, suite.committed.map(({ detailJson }) => detailJson), suite.lines]) {
      expect(JSON.stringify(told)).not.toContain('canary');
    }
  });

  it.each<[string, string, object, number]>([
    ['a Member their own', 'bot', { name: 'alice' }, 200],
    ['a Member another’s', 'bot', { name: 'dave' }, 403],
    ['a Member a team’s that they are in', 'bot', { owner: 'team', name: 'sales' }, 403],
    ['the owner of a team its', 'lead', { owner: 'team', name: 'sales' }, 200],
    ['a Member the organisation’s', 'bot', { owner: 'organisation' }, 403],
    ['an Admin the organisation’s', 'admin', { owner: 'organisation' }, 200],
    ['an Admin a team’s', 'admin', { owner: 'team', name: 'sales' }, 200],
    ['a key of nobody “their own”', 'member', {}, 400],
    ['an organisation with a name', 'admin', { owner: 'organisation', name: 'x' }, 400],
  ])('[console:credential-owner] lets %s', async (_name, who, body, expected) => {
    expect((await put(who, body)).status).toBe(expected);
    const query = new URLSearchParams({ ...at, ...(body as Record<string, string>) });
    const removed = await suite.ask(who, 'DELETE', `/credentials?${query}`);
    expect(removed.status).toBe(expected === 200 ? 204 : expected);
  });

  it('[console:credential-owner] shows a Member their own and those of teams that they own, others all', async () => {
    for (const who of ['bot', 'lead', 'member', 'auditor']) await suite.ask(who, 'GET', '/credentials');
    const owners = suite.calls.map(({ request }) => (request as { owners: unknown }).owners);
    expect(owners).toEqual([
      [{ kind: 'user', name: 'alice' }],
      [
        { kind: 'user', name: 'lea' },
        { kind: 'team', name: 'sales' },
      ],
      [],
    ]);
  });

  it('tell the caller what they would use', async () => {
    const { body } = await suite.ask('bot', 'GET', '/credentials/accessible');
    expect(body.items).toMatchObject([
      { resource: 'openai', reference: 'user:alice/openai#1', owner: 'user', name: 'alice' },
      { resource: 'desk', reference: null, owner: null, order: ['User', 'Team'] },
    ]);
    expect(suite.calls).toMatchObject([{ request: { principal: { tenant: 'acme', id: 'key:bot' } } }]);
  });
});
