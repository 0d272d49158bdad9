import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import {
  ACCESS_TTL_MS,
  bringPage,
  callsIn,
  client,
  NOTES,
  newGuest,
  provider,
  RAW,
  type Run,
  recordsSoFar,
  requestsTo,
  runOf,
  sendNote,
  sentTo,
  suite,
  tools,
  untilText,
  usable,
  withFaultHouse,
} from '../support/fault-house.ts';
import { type HttpAnswer, httpClient } from '../support/http-client.ts';
import { asSuperuser, frozen, pidOf, pidsOf, postgresFrozen } from '../support/processes.ts';
import { admin, eventually } from '../support/suite.ts';

withFaultHouse();

describe('audit away', () => {
  it('[fault:audit-killed] model calls go on; each is recorded once in the end, those answered just before too', async () => {
    const before = await Promise.all(Array.from({ length: 5 }, () => client.chat('echo')));
    await suite.kill('audit');
    const during = [];
    for (let i = 0; i < 5; i++) during.push(await client.chat('echo'));
    expect([...before, ...during].map(({ status }) => status)).toEqual(Array(10).fill(200));
    await suite.restart('audit');
    for (const { trajectory } of [...before, ...during]) {
      const { records } = await runOf(trajectory);
      expect(records.map(({ kind, outcome }) => [kind, outcome])).toEqual([['model_call', 'ok']]);
    }
    // What was spooled and what was sent before may come twice to audit, and counts once.
    await pause(700);
    for (const { trajectory } of [...before, ...during]) expect((await runOf(trajectory)).records).toHaveLength(1);
  }, 30_000);

  it('[fault:audit-hangs] model calls do not wait for it', async () => {
    const calls: HttpAnswer[] = [];
    await frozen([pidOf(suite, 'audit')], async () => {
      const since = Date.now();
      for (let i = 0; i < 5; i++) calls.push(await client.chat('echo'));
      expect(Date.now() - since).toBeLessThan(1_000);
      // Longer than a batch waits for its answer: it is spooled, and later comes to audit twice.
      await pause(2_000);
    });
    expect(calls.map(({ status }) => status)).toEqual(Array(5).fill(200));
    for (const { trajectory } of calls) expect((await runOf(trajectory)).records).toHaveLength(1);
  }, 30_000);

  it('[fault:audit-spool] tool calls go on while their intents fit into the spool, and are refused when it is full', async () => {
    await suite.kill('audit');
    const small = await sendNote('sender');
    expect(callsIn(small)).toHaveLength(1);
    const large = await sendNote('sender-huge');
    expect(callsIn(large)).toHaveLength(1);
    const refused = await sendNote('sender-huge');
    expect([refused.status, refused.code]).toEqual([503, 'audit_unavailable']);
    expect(refused.text).not.toContain('xxx');
    expect((await client.chat('echo')).status).toBe(200);
    await suite.restart('audit');
    for (const { trajectory } of [small, large]) {
      const { records } = await runOf(trajectory, (run) => run.records.length > 1);
      expect(records.map(({ kind }) => kind).sort()).toEqual(['model_call', 'tool_intent']);
    }
    const again = await eventually(
      () => sendNote('sender-huge'),
      ({ status }) => status === 200,
    );
    expect(callsIn(again)).toHaveLength(1);
  }, 30_000);
});

describe('policy away', () => {
  it('[fault:policy-killed] tool calls are refused, model calls without tools go on for a while; all is well when it is back', async () => {
    const others = pidsOf(suite, 'policy');
    const guest = await newGuest();
    await suite.kill('policy');
    const killedAt = Date.now();
    expect((await guest.chat('echo')).status).toBe(200);
    provider.clear();
    const call = await sendNote('sender', guest);
    expect([call.status, call.code]).toEqual([503, 'unavailable']);
    expect(requestsTo('sender')).toEqual([]);
    // A conversation that goes on without tools counts as untrusted, and is answered.
    const history = [
      { role: 'user', content: 'hello' },
      { role: 'assistant', content: 'hello yourself' },
      { role: 'user', content: 'and again' },
    ];
    expect((await guest.chat('echo', { messages: history })).status).toBe(200);

    const denied = await eventually(
      () => guest.chat('echo'),
      ({ status }) => status !== 200,
    );
    expect([denied.status, denied.code]).toEqual([503, 'unavailable']);
    expect(Date.now() - killedAt).toBeLessThan(ACCESS_TTL_MS + 3_000);

    await suite.restart('policy');
    await usable();
    expect(callsIn(await sendNote('sender'))).toHaveLength(1);
    expect(pidsOf(suite, 'policy')).toEqual(others);
  }, 30_000);
});

describe('parts that hang', () => {
  it('[fault:policy-hangs] model calls without tools do not wait for it, tool calls are refused in bounded time', async () => {
    const guest = await newGuest();
    await frozen([pidOf(suite, 'policy')], async () => {
      const since = Date.now();
      expect((await guest.chat('echo')).status).toBe(200);
      expect(Date.now() - since).toBeLessThan(1_000);
      const call = await sendNote('sender', guest);
      expect([503, 504]).toContain(call.status);
      expect(Date.now() - since).toBeLessThan(4_000);
    });
    await eventually(
      () => sendNote('sender', guest),
      (answer) => callsIn(answer).length === 1,
    );
  }, 30_000);

  it('[fault:identity-hangs] who is known is served within the time of one question, who is not gets 503', async () => {
    const guest = await newGuest();
    await frozen([pidOf(suite, 'identity')], async () => {
      // From a second of silence on, what is cached is not used without asking.
      await pause(1_200);
      const since = Date.now();
      const stranger = httpClient(suite.endpoint, 'sp-nobody-has-ever-seen-this-key-0001').chat('echo');
      expect((await guest.chat('echo')).status).toBe(200);
      expect((await stranger).status).toBe(503);
      expect(Date.now() - since).toBeLessThan(4_000);
    });
    await usable();
  }, 30_000);
});

describe('identity and vault away', () => {
  it('[fault:identity-vault-killed] what is cached serves for ten seconds, then 503 and never 401', async () => {
    await usable();
    await Promise.all([suite.kill('identity'), suite.kill('vault')]);
    const since = Date.now();
    const stranger = await httpClient(suite.endpoint, 'sp-nobody-has-ever-seen-this-key-0000').chat('echo');
    expect([stranger.status, stranger.code]).toEqual([503, 'unavailable']);

    const refused = await eventually(
      () => client.chat('echo'),
      ({ status }) => status !== 200,
      20_000,
    );
    expect([refused.status, refused.code]).toEqual([503, 'unavailable']);
    expect(Date.now() - since).toBeGreaterThan(5_000);
    expect(Date.now() - since).toBeLessThan(13_000);
    await pause(Math.max(0, since + 12_500 - Date.now()));
    const unknown = await client.chat('echo');
    expect([unknown.status, unknown.text]).toEqual([503, expect.stringContaining('The credential cannot be checked')]);

    await suite.restart('identity');
    const noLease = await eventually(
      () => client.chat('echo'),
      ({ text }) => !text.includes('The credential cannot be checked'),
    );
    expect([noLease.status, noLease.text]).toEqual([503, expect.stringContaining('Credentials cannot be had')]);
    await suite.restart('vault');
    await usable();
  }, 45_000);
});

describe('operator away', () => {
  it('[fault:operator-killed] the last snapshot serves, also a service that starts from it, without side effects', async () => {
    await suite.kill('operator');
    expect((await client.chat('echo')).status).toBe(200);
    expect(callsIn(await sendNote('sender'))).toHaveLength(1);
    await suite.restart('model-proxy');
    await usable();
    expect(callsIn(await sendNote('sender'))).toHaveLength(1);
    await suite.restart('policy');
    await usable();
    // It starts from what is on disk, and cannot know what was taken back since.
    const refused = await sendNote('sender');
    expect([refused.status, callsIn(refused)]).toEqual([200, []]);
    const { records } = await runOf(refused.trajectory, (run) => run.records.length > 3);
    const rules = records.filter(({ kind }) => kind === 'tool_refusal').map(({ rule }) => rule);
    expect(new Set(rules)).toEqual(new Set(['builtin/not-caught-up']));
    await suite.restart('operator');
    await eventually(
      () => sendNote('sender'),
      (answer) => callsIn(answer).length === 1,
    );
  }, 45_000);
});

describe('model-proxy away', () => {
  it('[fault:proxy-killed] a client of an open stream sees that it broke; the next replica serves', async () => {
    provider.clear();
    const answer = await untilText(client.chat, 'stream', 'piece-2', () => suite.kill('model-proxy'));
    expect(answer.broken).toBeDefined();
    expect(answer.text).not.toContain('[DONE]');
    await eventually(async () => sentTo('stream')[0]?.aborted, Boolean);
    expect([502, 503]).toContain((await client.chat('echo')).status);
    await suite.restart('model-proxy');
    await usable();
    const run = await recordsSoFar(answer.trajectory);
    expect(run.filter(({ outcome }) => outcome === 'ok')).toEqual([]);
  }, 30_000);

  it('[fault:proxy-drain] told to stop it ends open streams in peace and records them', async () => {
    let restarted: Promise<void> = Promise.resolve();
    const answer = await untilText(client.chat, 'stream', 'piece-2', () => {
      restarted = suite.restart('model-proxy');
    });
    expect(answer.broken).toBeUndefined();
    expect(answer.text).toContain('piece-14');
    expect(answer.text).toContain('[DONE]');
    await restarted;
    await usable();
    const { records } = await runOf(answer.trajectory);
    expect(records).toMatchObject([{ kind: 'model_call', outcome: 'ok', stream: true }]);
  }, 30_000);
});

describe('a process that dies while a tool runs', () => {
  it('[fault:broker-killed] the call is made once, what became of it is not guessed, and models without tools go on', async () => {
    tools.calls.length = 0;
    const asked = client.chat('writer', NOTES);
    await eventually(
      async () => tools.calls.length,
      (calls) => calls > 0,
    );
    await suite.kill('mcp-broker');
    const answer = await asked;
    expect(answer.text).not.toContain('written');
    expect((await client.chat('echo')).status).toBe(200);
    const without = await client.chat('writer', NOTES);
    expect([without.status, without.code]).toEqual([503, 'unavailable']);
    const { records } = await runOf(answer.trajectory, (run) =>
      run.records.some(({ kind }) => kind === 'tool_outcome'),
    );
    expect(records.filter(({ kind }) => kind === 'tool_intent')).toHaveLength(1);
    expect(records.find(({ kind }) => kind === 'tool_outcome')?.outcome).toBe('error');
    await suite.restart('mcp-broker');
    expect(tools.calls).toHaveLength(1);
    const again = await eventually(
      () => client.chat('writer', NOTES),
      ({ status }) => status === 200,
    );
    expect(again.text).toContain('written');
  }, 30_000);

  it('[fault:proxy-killed-tool] the intent stands there with outcome unknown, and nothing is done twice', async () => {
    tools.calls.length = 0;
    const asked = client.chat('writer', NOTES);
    await eventually(
      async () => tools.calls.length,
      (calls) => calls > 0,
    );
    await suite.kill('model-proxy');
    expect((await asked).status).toBeGreaterThanOrEqual(500);
    await suite.restart('model-proxy');
    await usable();
    const newest = () => admin<{ items: { id: string; toolCalls: number }[] }>(suite, 'trajectories');
    const listed = await eventually(newest, ({ items }) => items.some(({ toolCalls }) => toolCalls > 0));
    const id = listed.items.find(({ toolCalls }) => toolCalls > 0)?.id ?? '';
    const isUnknown = (run: Run) => run.records.some(({ outcome }) => outcome === 'unknown');
    const { records } = await runOf(id, isUnknown);
    expect(records.at(-1)).toMatchObject({ kind: 'tool_intent', outcome: 'unknown' });
    expect(tools.calls).toHaveLength(1);
  }, 30_000);
});

describe('a client that leaves', () => {
  it.each(['chat', 'messages'] as const)(
    '[fault:client-gone] the request upstream is aborted and the call is recorded with its usage (%s)',
    async (dialect) => {
      provider.clear();
      const leaving = new AbortController();
      const answer = await untilText(client[dialect], 'stream', 'piece-2', () => leaving.abort(), leaving.signal);
      expect(answer.broken).toBeDefined();
      await eventually(async () => sentTo('stream')[0]?.aborted, Boolean);
      const { records } = await runOf(answer.trajectory);
      expect(records).toMatchObject([{ kind: 'model_call', outcome: 'cancelled', errorCode: 'cancelled' }]);
      expect(records[0]?.inputTokens).toBeGreaterThan(0);
      expect(records[0]?.outputTokens).toBeGreaterThan(0);
      expect(records[0]?.costNanoUsd).toBeGreaterThan(0);
    },
  );
});

describe('quarantine away', () => {
  it('[fault:quarantine-killed] a result that must be read in quarantine is withheld, never shown', async () => {
    provider.clear();
    expect((await bringPage()).status).toBe(200);
    expect(requestsTo('reader').join()).toContain(RAW);
    expect(requestsTo('echo').join()).toContain('news');
    expect(requestsTo('echo').join()).not.toContain('canary-7f3a');

    await suite.kill('quarantine');
    provider.clear();
    const answer = await bringPage('another page');
    expect(answer.status).toBe(200);
    expect(requestsTo('reader')).toEqual([]);
    expect(requestsTo('echo').join()).toContain('quarantine_unavailable');
    expect(requestsTo('echo').join()).not.toContain('canary-7f3a');
    const { records } = await runOf(answer.trajectory, (run) => run.records.length > 1);
    expect(records).toContainEqual(expect.objectContaining({ kind: 'tool_outcome', outcome: 'refused' }));

    // The same of a tool that the gateway runs itself: in the model's loop and at /mcp.
    provider.clear();
    const looked = await client.chat('looker', NOTES);
    expect(looked.text).toContain('quarantine_unavailable');
    const direct = await client.send('POST', '/mcp', {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'notes__read_raw', arguments: {} },
    });
    expect([direct.status, direct.text]).toEqual([200, expect.stringContaining('quarantine_unavailable')]);
    for (const text of [looked.text, direct.text, ...requestsTo('looker')]) expect(text).not.toContain('canary-7f3a');

    await suite.restart('quarantine');
    await eventually(
      async () => {
        provider.clear();
        await bringPage('a third page');
        return requestsTo('echo').join();
      },
      (text) => text.includes('news'),
    );
  }, 30_000);
});

describe('Postgres away', () => {
  it('[fault:postgres-hangs] model calls go on, their records come later, and all recover without a restart', async () => {
    await usable();
    const before = pidsOf(suite);
    const calls: HttpAnswer[] = [];
    await postgresFrozen(suite, async () => {
      for (let i = 0; i < 5; i++) {
        const since = Date.now();
        calls.push(await client.chat('echo'));
        expect(Date.now() - since).toBeLessThan(1_000);
      }
      await pause(2_000);
      const asked = client.get(`/admin/v1/trajectories/${calls[0]?.trajectory}`);
      expect(await Promise.race([asked.then(({ status }) => status), pause(500, 'nothing')])).not.toBe(200);
      void asked.catch(() => undefined);
    });
    expect(calls.map(({ status }) => status)).toEqual(Array(5).fill(200));
    for (const { trajectory } of calls) {
      const { records } = await runOf(trajectory, (run) => run.records.length > 0, 10_000);
      expect(records).toHaveLength(1);
    }
    expect(callsIn(await sendNote('sender'))).toHaveLength(1);
    expect(pidsOf(suite)).toEqual(before);
  }, 45_000);

  it('[fault:postgres-connections] every connection cut at once: nothing is lost and nothing has to be restarted', async () => {
    const before = pidsOf(suite);
    const calls = await Promise.all(Array.from({ length: 5 }, () => client.chat('echo')));
    await asSuperuser(suite, (database) =>
      database.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename like 'sallyport_%'`),
    );
    calls.push(await client.chat('echo'));
    expect(calls.map(({ status }) => status)).toEqual(Array(6).fill(200));
    for (const { trajectory } of calls) expect((await runOf(trajectory)).records).toHaveLength(1);
    await eventually(
      () => sendNote('sender'),
      (answer) => callsIn(answer).length === 1,
    );
    expect(pidsOf(suite)).toEqual(before);
  }, 30_000);
});
