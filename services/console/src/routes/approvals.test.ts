import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
import { ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { testConsole } from '../testing/console.ts';

let suite: Awaited<ReturnType<typeof testConsole>>;
beforeAll(async () => {
  suite = await testConsole();
});
beforeEach(() => {
  suite.approvals.clear();
  suite.calls.length = 0;
  suite.committed.length = 0;
  suite.state.auditDown = false;
});
afterAll(() => suite.close());

const NAMED = { approverUsers: ['carol'], approverTeams: ['board'] };
const YES = { decision: 'approve' };
const NO = { decision: 'reject' };
const inDays = (days: number) => new Date(Date.now() + days * 24 * 3600 * 1000).toISOString();

describe('the list of approvals', () => {
  it('[console:approvals-array] is an array with all that a decision needs', async () => {
    suite.approvals.put({ id: 'a1', context: { trusted: false, sources: ['mail/search'], public: true } });
    const { status, body } = await suite.ask('admin', 'GET', '/approvals?state=pending');
    expect(status).toBe(200);
    expect(body).toEqual([
      expect.objectContaining({
        id: 'a1',
        trajectory: 'run-1',
        tool: 'mail__send',
        toolClass: 'egress',
        arguments: { body: 'Hello', to: 'bob@example.com' },
        values: [
          { path: '/body', value: 'Hello', origin: 'composed', asked: false },
          {
            path: '/to',
            value: 'bob@example.com',
            origin: 'result',
            from: 'mail/search',
            fromPath: '/items/0/from',
            asked: true,
          },
        ],
        reason: 'Mail goes only to addresses that somebody vouches for.',
        rule: 'mail/known-recipients',
        state: 'pending',
        untrusted: true,
        requester: { id: 'key:bot', name: 'bot', user: 'alice', teams: ['sales'], client: null },
      }),
    ]);
    expect(Date.parse(body[0].expiresAt)).toBeGreaterThan(Date.now());
  });

  it('[console:approvals-array] names a function of a client by its own name', async () => {
    suite.approvals.put({ id: 'a1', tool: { kind: ToolRef_Kind.CLIENT, owner: 'app', name: 'pay', digest: 'd' } });
    expect((await suite.ask('admin', 'GET', '/approvals/a1')).body.tool).toBe('pay');
  });

  it('[console:exact-numbers] tells a number that no double holds with all its digits', async () => {
    const values = [{ pointer: '/id', valueJson: '9007199254740993', origin: 'composed', asked: true }];
    suite.approvals.put({ id: 'a1', argumentsJson: '{"id":9007199254740993}', values });
    const headers = { authorization: 'Bearer admin' };
    const text = await (await fetch(`${suite.url}/admin/v1/approvals/a1`, { headers })).text();
    expect(text).toContain('"arguments":{"id":9007199254740993}');
    expect(text).toContain('"value":9007199254740993');
  });

  it('is filtered by state, and leads to its next page by a link', async () => {
    for (let n = 0; n < 3; n++) suite.approvals.put({ id: `p${n}` });
    suite.approvals.put({ id: 'done', state: ApprovalState.USED });
    const first = await suite.ask('admin', 'GET', '/approvals?state=pending&pageSize=2');
    expect(first.body.map(({ id }: { id: string }) => id)).toEqual(['p0', 'p1']);
    const [, next] = /^<(approvals\?[^>]+)>; rel="next"$/.exec(first.headers.get('link') ?? '') ?? [];
    const second = await suite.ask('admin', 'GET', `/${next}`);
    expect(second.body.map(({ id }: { id: string }) => id)).toEqual(['p2']);
    expect(second.headers.get('link')).toBeNull();
    expect((await suite.ask('admin', 'GET', '/approvals?state=used')).body).toHaveLength(1);
    expect((await suite.ask('admin', 'GET', '/approvals')).body).toHaveLength(4);
    expect((await suite.ask('admin', 'GET', '/approvals?state=open')).status).toBe(400);
  });
});

describe('who sees and decides', () => {
  // approver: user carol of team legal; second: dave of team legal; bot asked for the call.
  it.each([
    ['named user', NAMED, { admin: [200, 403], auditor: [200, 403], approver: [200, 200], second: [404, 404] }],
    ['named team', { approverTeams: ['legal'] }, { admin: [200, 403], approver: [200, 200], second: [200, 200] }],
    ['nobody named', {}, { admin: [200, 200], auditor: [200, 403], approver: [404, 404], stranger: [404, 404] }],
    ['the asking key', { approverUsers: ['alice'] }, { bot: [200, 403], stranger: [404, 404] }],
    ['another tenant', NAMED, { foreign: [404, 404] }],
  ])('[console:approvals-roles] with %s the table of roles holds', async (_name, named, table) => {
    for (const [who, [seen, decided]] of Object.entries<number[]>(table)) {
      suite.approvals.put({ id: 'a1', ...named });
      const get = await suite.ask(who, 'GET', '/approvals/a1');
      const listed = (await suite.ask(who, 'GET', '/approvals')).body as { id: string }[];
      const post = await suite.ask(who, 'POST', '/approvals/a1', YES);
      expect([who, get.status, listed.length, post.status]).toEqual([who, seen, seen === 200 ? 1 : 0, decided]);
    }
  });

  it('[console:approvals-tenant] answers of an approval of another tenant as of one that is not there', async () => {
    suite.approvals.put({ id: 'a1' });
    for (const [method, body] of [['GET'], ['POST', YES]] as const) {
      const foreign = await suite.ask('foreign', method, '/approvals/a1', body);
      expect(foreign.status).toBe(404);
      expect(foreign.body).toEqual((await suite.ask('foreign', method, '/approvals/none', body)).body);
    }
    expect(suite.approvals.asked.filter(({ method }) => method === 'decideApproval')).toEqual([]);
    expect(suite.committed).toEqual([]);
  });

  it('[console:approvals-own-key] lets the key that asked reject, never approve, not even by breaking the glass', async () => {
    suite.approvals.put({ id: 'a1', requester: { tenant: 'acme', id: 'key:admin', keyId: 'admin' } });
    expect((await suite.ask('admin', 'POST', '/approvals/a1', YES)).status).toBe(403);
    const glass = { ...YES, breakGlass: true, note: 'now' };
    expect((await suite.ask('admin', 'POST', '/approvals/a1', glass)).status).toBe(403);
    expect((await suite.ask('admin', 'POST', '/approvals/a1', NO)).body.state).toBe('rejected');
  });
});

describe('a decision', () => {
  it('gives the approval after it, and is recorded before and after', async () => {
    suite.approvals.put({ id: 'a1', ...NAMED });
    const { status, body } = await suite.ask('approver', 'POST', '/approvals/a1', { ...YES, note: 'as agreed' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      state: 'approved',
      words: [{ user: 'carol', decision: 'approve', note: 'as agreed', breakGlass: false }],
    });
    expect(suite.committed.map(({ outcome }) => outcome)).toEqual(['unknown', 'ok']);
    expect(JSON.parse(suite.committed[1]?.detailJson ?? '')).toMatchObject({
      action: 'approvals.approve',
      target: { kind: 'approval', id: 'a1' },
      change: { note: 'as agreed', breakGlass: false },
    });
  });

  it('[console:no-audit-no-change] is not taken when it cannot be recorded', async () => {
    suite.approvals.put({ id: 'a1' });
    suite.state.auditDown = true;
    expect((await suite.ask('admin', 'POST', '/approvals/a1', YES)).status).toBe(503);
    suite.state.auditDown = false;
    expect((await suite.ask('admin', 'GET', '/approvals/a1')).body.state).toBe('pending');
  });

  it('[console:approvals-conflict] of a second person, or another one of the first, is a conflict', async () => {
    suite.approvals.put({ id: 'a1', approverTeams: ['legal'] });
    expect((await suite.ask('approver', 'POST', '/approvals/a1', YES)).status).toBe(200);
    for (const [who, word] of [
      ['second', YES],
      ['second', NO],
      ['approver', NO],
      ['approver', { ...YES, endorse: ['/to'], endorseUntil: inDays(1) }],
    ] as const) {
      const { status, body } = await suite.ask(who, 'POST', '/approvals/a1', word);
      expect([who, status, body.code]).toEqual([who, 409, 'conflict']);
    }
    expect((await suite.ask('admin', 'GET', '/approvals/a1')).body).toMatchObject({ state: 'approved' });
  });

  it('[console:approvals-repeat] said again by the same person changes nothing and is no error', async () => {
    const word = { ...YES, endorse: ['/to'], endorseUntil: inDays(30) };
    suite.approvals.put({ id: 'a1' });
    const first = await suite.ask('admin', 'POST', '/approvals/a1', word);
    const again = await suite.ask('admin', 'POST', '/approvals/a1', word);
    expect([first.status, again.status]).toEqual([200, 200]);
    expect(again.body).toEqual(first.body);
    expect(again.body.words).toHaveLength(1);
    expect(suite.approvals.endorsements.size).toBe(1);
  });

  it('of two at once counts once', async () => {
    suite.approvals.put({ id: 'a1', approverTeams: ['legal'] });
    const answers = await Promise.all([
      suite.ask('approver', 'POST', '/approvals/a1', YES),
      suite.ask('second', 'POST', '/approvals/a1', NO),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  });

  it('waits for as many people as it needs, and one person counts once', async () => {
    suite.approvals.put({ id: 'a1', approverTeams: ['legal'], needed: 2 });
    expect((await suite.ask('approver', 'POST', '/approvals/a1', YES)).body.state).toBe('pending');
    expect((await suite.ask('approver', 'POST', '/approvals/a1', YES)).body.state).toBe('pending');
    expect((await suite.ask('second', 'POST', '/approvals/a1', YES)).body.state).toBe('approved');
  });

  it('[console:approvals-conflict] after the end of an approval is a conflict', async () => {
    suite.approvals.put({ id: 'a1', expiresAtMs: Date.now() - 1 });
    expect((await suite.ask('admin', 'POST', '/approvals/a1', YES)).status).toBe(409);
  });

  it('[console:break-glass] is for Admins, with a note, and shown as such', async () => {
    suite.approvals.put({ id: 'a1', ...NAMED });
    const glass = { ...YES, breakGlass: true, note: 'the house burns' };
    expect((await suite.ask('approver', 'POST', '/approvals/a1', glass)).status).toBe(403);
    expect((await suite.ask('admin', 'POST', '/approvals/a1', { ...glass, note: ' ' })).status).toBe(400);
    const { body } = await suite.ask('admin', 'POST', '/approvals/a1', glass);
    expect(body).toMatchObject({ state: 'approved', words: [{ breakGlass: true, note: 'the house burns' }] });
    expect(suite.committed.at(-1)?.detailJson).toContain('"breakGlass":true');
  });

  it.each([
    ['no decision', {}],
    ['a decision that is none', { decision: 'maybe' }],
    ['an unknown field', { ...YES, tenant: 'globex' }],
    ['an endorsement for more than 90 days', { ...YES, endorse: ['/to'], endorseUntil: inDays(90.01) }],
    ['an endorsement that has ended', { ...YES, endorse: ['/to'], endorseUntil: inDays(-1) }],
    ['an end without values', { ...YES, endorseUntil: inDays(1) }],
    ['a rejection that endorses', { ...NO, endorse: ['/to'] }],
    ['a path that is no pointer', { ...YES, endorse: ['to'] }],
    ['a value that is not there', { ...YES, endorse: ['/cc'], endorseUntil: inDays(1) }],
  ])('[console:approvals-endorse] is refused with %s', async (_name, body) => {
    suite.approvals.put({ id: 'a1' });
    expect((await suite.ask('admin', 'POST', '/approvals/a1', body)).status).toBe(400);
  });
});

describe('endorsements', () => {
  const endorse = async () => {
    suite.approvals.put({ id: 'a1' });
    const word = { ...YES, endorse: ['/to'], endorseUntil: inDays(30) };
    expect((await suite.ask('admin', 'POST', '/approvals/a1', word)).status).toBe(200);
  };

  it('[console:endorsements] are listed in full: value, tool, argument, for whom, by whom, until when', async () => {
    await endorse();
    const { body } = await suite.ask('auditor', 'GET', '/endorsements');
    expect(body).toMatchObject({
      items: [
        {
          user: 'alice',
          tool: 'mail__send',
          argument: '/to',
          value: 'bob@example.com',
          trajectory: null,
          endorsedBy: 'key:admin',
          approval: 'a1',
        },
      ],
      nextPageToken: null,
    });
  });

  it('[console:endorsements] are shown to and taken back by the user whose they are, by Admins, and nobody else', async () => {
    await endorse();
    for (const [who, count] of Object.entries({ bot: 1, stranger: 0, foreign: 0, admin: 1 })) {
      expect([who, (await suite.ask(who, 'GET', '/endorsements')).body.items.length]).toEqual([who, count]);
    }
    expect((await suite.ask('stranger', 'GET', '/endorsements?user=alice')).body.items).toEqual([]);
    for (const [who, status, left] of [
      ['auditor', 403, 1],
      ['stranger', 204, 1],
      ['foreign', 204, 1],
      ['bot', 204, 0],
    ] as const) {
      const answer = await suite.ask(who, 'DELETE', '/endorsements/e1');
      expect([who, answer.status, suite.approvals.endorsements.size]).toEqual([who, status, left]);
    }
    expect((await suite.ask('admin', 'GET', '/endorsements')).body.items).toEqual([]);
    expect(suite.committed.at(-1)?.detailJson).toContain('endorsements.revoke');
  });
});
