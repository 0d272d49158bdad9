import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { blocks } from '@sallyport/chassis/config';
import { createLogger } from '@sallyport/chassis/log';
import { type Client, rpcChannel, rpcClient } from '@sallyport/chassis/rpc/client';
import { codecOf } from '@sallyport/chassis/rpc/codec/codec';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { certificateFiles } from '@sallyport/cli/dev/certificates';
import { startSuite } from '@sallyport/cli/dev/suite';
import {
  QueryService,
  Record_Kind,
  RecordSchema,
  RecordService,
  TurnService,
} from '@sallyport/proto/audit/v1/audit_pb';
import { keyFile, type Replica, type ServiceReplicas, serviceReplicas } from '../support/service-replicas.ts';

const timeoutMs = 5_000;
const SECRET = 'sk-canary-0123456789abcdef';
let clock = Date.now() - 3_600_000;

/** A record of tenant `acme`; each one begins a millisecond after the last. */
function record(fields: object = {}) {
  clock += 1;
  return {
    id: uuidv7(),
    kind: Record_Kind.MODEL_CALL,
    tenant: 'acme',
    trajectory: uuidv7(),
    turn: uuidv7(),
    step: 1,
    startedAtMs: clock,
    principalId: 'key:k1',
    keyId: 'k1',
    user: 'ann',
    outcome: 'ok',
    labelTrusted: true,
    ...fields,
  };
}

const encode = codecOf(RecordSchema).encode;

describe('audit on Postgres', () => {
  let suite: ServiceReplicas;
  let one: Replica;
  let two: Replica;
  let records: Client<typeof RecordService>;
  let queries: Client<typeof QueryService>;
  const commit = (...list: ReturnType<typeof record>[]) => records.commit({ records: list.map(encode) }, { timeoutMs });
  const get = (id: string, more: object = {}) => queries.getTrajectory({ tenant: 'acme', id, ...more }, { timeoutMs });
  const usage = async (question: object) =>
    (await queries.usage({ tenant: 'acme', fromMs: 0, toMs: Date.now(), ...question }, { timeoutMs })).rows;

  beforeAll(async () => {
    suite = await serviceReplicas('audit');
    const config = { sealKeysFile: suite.file('seal.json', keyFile('s1')), unknownAfter: '1m' };
    [one, two] = await Promise.all([suite.replica(config), suite.replica(config)]);
    records = one.client(RecordService, 'model-proxy');
    queries = two.client(QueryService, 'console');
  }, 90_000);
  afterAll(() => suite?.close(), 30_000);

  it('[audit:idempotent] keeps a record once, however often and wherever it is sent', async () => {
    const again = record();
    const other = two.client(RecordService, 'mcp-broker');
    await Promise.all([commit(again, again), other.commit({ records: [encode(again)] }, { timeoutMs }), commit(again)]);
    expect((await get(again.trajectory)).records).toHaveLength(1);
  });

  it('[audit:one-view] totals of a run are those of the records shown with it, while more come in', async () => {
    const trajectory = uuidv7();
    await commit(record({ trajectory, costNanoUsd: 1 }));
    let writing = true;
    const writer = (async () => {
      for (let step = 2; writing; step++) await commit(record({ trajectory, step, costNanoUsd: 1 }));
    })();
    for (let look = 0; look < 40; look++) {
      const run = await get(trajectory);
      expect(run.trajectory?.costNanoUsd).toBe(run.records.length);
    }
    writing = false;
    await writer;
  });

  it('acknowledges the batches of a stream in order, once committed', async () => {
    const trajectory = uuidv7();
    const stream = records.append({ timeoutMs });
    for (const batch of [1, 2, 3]) {
      await stream.send({
        batch,
        records: [encode(record({ trajectory, step: batch * 2 - 1 })), encode(record({ trajectory, step: batch * 2 }))],
      });
    }
    stream.end();
    const acknowledged: number[] = [];
    for await (const { batch } of stream.messages) acknowledged.push(batch);
    expect(acknowledged).toEqual([1, 2, 3]);
    expect((await get(trajectory)).records.map(({ step }) => step)).toEqual(
      [1, 1, 1].flatMap((_, at) => [at * 2 + 1, at * 2 + 2]),
    );
  });

  it('gives every field back as it came, unknown JSON too', async () => {
    const full = record({
      kind: Record_Kind.TOOL_REFUSAL,
      teams: ['a', 'b'],
      tags: ['t'],
      feature: 'search',
      promptVersion: 'v3',
      labelTrusted: false,
      labelSources: ['tool:mailbox/read_mail'],
      decisionInputsJson: '{"arguments":{"to":"x@example.com"}}',
      reason: 'because \u0000 of this',
      costNanoUsd: 12_345_678_901_234,
    });
    await commit(full);
    expect((await get(full.trajectory)).records[0]).toMatchObject(full);
  });

  it('writes in each row what its record says, whether or not those of one commit say the same', async () => {
    const tenant = 'columns';
    const likes = { teams: ['a', 'b,"c'], customer: 'shop', inputTokens: 7, kind: Record_Kind.TOOL_OUTCOME };
    const differ = [
      record({ tenant, ...likes, costNanoUsd: 5 }),
      record({ tenant, teams: [], customer: 'other', step: 2, labelTrusted: false, costNanoUsd: -1 }),
      record({ tenant, inputTokens: 9, errorCode: 'no\u0000ne' }),
    ];
    const same = [record({ tenant, ...likes }), record({ tenant, ...likes })];
    await commit(...differ);
    await commit(...same);
    const { rows } = await suite.asRole(
      tenant,
      `select kind, step, teams, customer, input_tokens::int as tokens, error_code, label_trusted, cost_nano_usd::int as cost
         from records order by id`,
    );
    const like = {
      kind: 3,
      step: 1,
      teams: ['a', 'b,"c'],
      customer: 'shop',
      tokens: 7,
      error_code: '',
      label_trusted: true,
    };
    const plain = { ...like, kind: 1, teams: [], customer: '', tokens: 0 };
    expect(rows).toEqual([
      { ...like, cost: 5 },
      { ...plain, customer: 'other', step: 2, label_trusted: false, cost: null },
      { ...plain, tokens: 9, error_code: 'none', cost: 0 },
      { ...like, cost: 0 },
      { ...like, cost: 0 },
    ]);
  });

  it('[audit:inputs-sealed] seals decision inputs, so that the table does not tell them', async () => {
    const sealed = record({ tenant: 'sealed', decisionInputsJson: '{"arguments":{"note":"marmalade-canary"}}' });
    await commit(sealed);
    const { rows } = await suite.asRole(
      'sealed',
      `select encode(body, 'escape') || encode(sealed_inputs, 'escape') as bytes from records`,
    );
    expect(rows[0]?.bytes).not.toContain('marmalade');
    const { records: shown } = await queries.getTrajectory({ tenant: 'sealed', id: sealed.trajectory }, { timeoutMs });
    expect(shown[0]?.decisionInputsJson).toContain('marmalade-canary');
  });

  it('[audit:secrets-redacted] keeps no credential that somebody put into a record', async () => {
    const leaky = record({
      tenant: 'leaky',
      reason: `used ${SECRET}`,
      decisionInputsJson: JSON.stringify({ key: SECRET }),
    });
    await commit(leaky);
    const { records: shown } = await queries.getTrajectory({ tenant: 'leaky', id: leaky.trajectory }, { timeoutMs });
    expect(JSON.stringify(shown)).not.toContain(SECRET);
    expect(JSON.parse(shown[0]?.decisionInputsJson ?? '')).toEqual({ key: '[redacted]' });
  });

  it('[audit:insert-only] lets the role of the service change and delete nothing', async () => {
    await commit(record());
    for (const sql of ['update records set reason = 1', 'delete from records', 'truncate records']) {
      await expect(suite.asRole('acme', sql.replace('reason = 1', "outcome = 'ok'"))).rejects.toThrow(
        'permission denied',
      );
    }
  });

  it('[audit:tenants] shows one tenant nothing of another', async () => {
    const theirs = record({ tenant: 'other' });
    await commit(theirs);
    await expect(get(theirs.trajectory)).rejects.toMatchObject({ code: 'not_found' });
    const { trajectories } = await queries.listTrajectories({ tenant: 'acme', pageSize: 200 }, { timeoutMs });
    expect(trajectories.map(({ id }) => id)).not.toContain(theirs.trajectory);
    expect((await suite.asRole('acme', `select 1 from records where tenant = 'other'`)).rows).toEqual([]);
    await expect(queries.usage({ tenant: '*' }, { timeoutMs })).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('[audit:principals] shows runs and use of the principals that are named only', async () => {
    const mine = ['key:mine', 'key:mine-too'];
    const own = mine.map((principalId) => record({ principalId, user: 'a', model: 'of-principals' }));
    // What a client asserts of a user opens nothing.
    const foreign = record({ principalId: 'key:theirs', user: 'a', model: 'of-principals' });
    await commit(...own, foreign);
    await expect(get(foreign.trajectory, { principalIds: mine })).rejects.toMatchObject({ code: 'not_found' });
    for (const one of own) expect((await get(one.trajectory, { principalIds: mine })).records).toHaveLength(1);
    const listed = async (more: object) =>
      (await queries.listTrajectories({ tenant: 'acme', principalIds: mine, ...more }, { timeoutMs })).trajectories
        .map(({ id }) => id)
        .sort();
    expect(await listed({})).toEqual(own.map(({ trajectory }) => trajectory).sort());
    expect(await listed({ principalId: 'key:theirs' })).toEqual([]);
    expect(await listed({ principalId: 'key:mine' })).toEqual([own[0]?.trajectory]);
    const filters = { model: 'of-principals' };
    expect((await usage({ filters, principalIds: mine }))[0]).toMatchObject({ requests: 2 });
    expect((await usage({ filters }))[0]).toMatchObject({ requests: 3 });
  });

  it('[audit:model-calls] finds the calls of a turn by its id, of one principal and tenant, and of no other turn', async () => {
    const calls = one.client(TurnService, 'model-proxy');
    const of = async (turn: string, more: object = {}) => {
      const asked = { tenant: 'acme', principalId: 'key:k1', turn, ...more };
      return (await calls.listModelCalls(asked, { timeoutMs })).records.map(({ step }) => step);
    };
    const [turn, trajectory] = [uuidv7(), uuidv7()];
    const at = (afterMs: number) => ({ turn, trajectory, startedAtMs: Date.now() + afterMs });
    const tool = { kind: Record_Kind.TOOL_OUTCOME, step: 2 };
    await commit(
      // Of the same run, before and after.
      record({ trajectory, startedAtMs: Date.now() - 60_000 }),
      record({ ...at(20), turn: uuidv7() }),
      record({ ...at(5), ...tool }),
      // The last call of a long turn begins after the time in which the first is looked for.
      record({ ...at(200_000), step: 4 }),
      record({ ...at(10), step: 3, decisionInputsJson: '{"a":1}' }),
    );
    expect(await of(turn)).toEqual([3, 4]);
    const nothing = [uuidv7(), 'chatcmpl-1', '', '%', 'ffffffff-ffff-7fff-bfff-ffffffffffff'];
    for (const id of nothing) expect(await of(id)).toEqual([]);
    expect(await of(turn, { principalId: 'key:k2' })).toEqual([]);
    expect(await of(turn, { tenant: 'other' })).toEqual([]);
    for (const amiss of [{ principalId: '' }, { tenant: '' }, { tenant: '*' }]) {
      await expect(of(turn, amiss)).rejects.toMatchObject({ code: 'invalid_request' });
    }
  });

  it('[audit:entered] counts a run as untrusted by what models were asked with, and results in quarantine apart', async () => {
    const trajectory = uuidv7();
    const read = { kind: Record_Kind.TOOL_OUTCOME, trajectory, labelTrusted: false, enforced: 'quarantine' };
    await commit(record({ trajectory }), record(read), record({ trajectory, step: 3 }));
    expect((await get(trajectory)).trajectory).toMatchObject({ untrusted: false, quarantinedResults: 1 });
    await commit(record({ trajectory, step: 4, labelTrusted: false }));
    expect((await get(trajectory)).trajectory).toMatchObject({ untrusted: true, quarantinedResults: 1 });
  });

  it('lists runs newest first, page by page, each once', async () => {
    const runs = Array.from({ length: 7 }, () => record({ tenant: 'pages' }));
    await commit(...runs, ...runs.map(({ trajectory }) => record({ tenant: 'pages', trajectory, step: 2 })));
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await queries.listTrajectories({ tenant: 'pages', pageSize: 3, pageToken }, { timeoutMs });
      expect(page.trajectories.every(({ steps }) => steps === 2 || steps === 1)).toBe(true);
      seen.push(...page.trajectories.map(({ id }) => id));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen).toEqual(
      runs
        .map(({ trajectory }) => trajectory)
        .sort()
        .reverse(),
    );
  });

  it('[audit:unknown-outcome] says unknown of an intent whose outcome never came', async () => {
    const trajectory = uuidv7();
    const turn = uuidv7();
    const intent = (step: number) => record({ trajectory, turn, step, kind: Record_Kind.TOOL_INTENT });
    const answered = intent(1);
    const lost = intent(2);
    const outcome = record({ trajectory, turn, step: 1, kind: Record_Kind.TOOL_OUTCOME, intentId: answered.id });
    await commit(answered, lost, outcome);
    const run = await get(trajectory);
    expect(run.records.map(({ id, outcome: said }) => [id, said])).toEqual([
      [answered.id, 'ok'],
      [outcome.id, 'ok'],
      [lost.id, 'unknown'],
    ]);
    expect(run.trajectory).toMatchObject({ steps: 2, toolCalls: 2, modelCalls: 0 });
  });

  it('[audit:usage-exact] adds up use to the nano-dollar, by any group, and counts what has no price apart', async () => {
    const spend = (customer: string, costNanoUsd: number, more: object = {}) =>
      record({ tenant: 'spend', customer, model: 'm', inputTokens: 3, outputTokens: 2, costNanoUsd, ...more });
    await commit(
      ...Array.from({ length: 300 }, () => spend('x', 33_333_333)),
      spend('x', 1, { outcome: 'error', teams: ['t1', 't2'] }),
      spend('y', -1),
      record({ tenant: 'spend', customer: 'y', kind: Record_Kind.ADMISSION_REFUSAL, outcome: 'refused' }),
    );
    const rows = await usage({ tenant: 'spend', groupBy: ['customer'] });
    expect(rows).toMatchObject([
      {
        group: { customer: 'x' },
        requests: 301,
        errors: 1,
        inputTokens: 903,
        costNanoUsd: 300 * 33_333_333 + 1,
        unpriced: 0,
      },
      { group: { customer: 'y' }, requests: 2, errors: 1, inputTokens: 3, costNanoUsd: 0, unpriced: 1 },
    ]);
    const teams = await usage({ tenant: 'spend', groupBy: ['team'], filters: { customer: 'x' } });
    expect(teams.map(({ group, requests }) => [group.team, requests])).toEqual([
      ['', 300],
      ['t1', 1],
      ['t2', 1],
    ]);
    const odd = ['a "b", \\{c}', 'null', 'é 語'];
    await commit(record({ tenant: 'odd', teams: odd, customer: 'cafe\u0000 \ud83d' }));
    const oddTeams = await usage({ tenant: 'odd', groupBy: ['team', 'customer'] });
    expect(oddTeams.map(({ group }) => group.team).sort()).toEqual([...odd].sort());
    expect(oddTeams[0]?.group.customer).toBe('cafe \ufffd');
    const [day] = await usage({ tenant: 'spend', groupBy: ['day'] });
    expect(day?.group.day).toMatch(/^\d{4}-\d\d-\d\d$/);
    await expect(usage({ groupBy: ['body'] })).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('[audit:callers] takes records and questions only from those who have business with it', async () => {
    const stranger = one.client(RecordService, 'demo').commit({ records: [encode(record())] }, { timeoutMs });
    await expect(stranger).rejects.toMatchObject({ code: 'permission_denied' });
    const curious = one.client(QueryService, 'model-proxy').usage({ tenant: 'acme' }, { timeoutMs });
    await expect(curious).rejects.toMatchObject({ code: 'permission_denied' });
    const asked = { tenant: 'acme', turn: uuidv7(), principalId: 'key:k1' };
    const broker = one.client(TurnService, 'mcp-broker').listModelCalls(asked, { timeoutMs });
    await expect(broker).rejects.toMatchObject({ code: 'permission_denied' });
  });
});

describe('audit under mTLS', () => {
  it('[audit:acknowledged-survives] keeps what it acknowledged when it is killed right after', async () => {
    const data = mkdtempSync(join(tmpdir(), 'sallyport-audit-'));
    const resources = mkdtempSync(join(tmpdir(), 'sallyport-audit-resources-'));
    const suite = await startSuite({ data, resources, services: ['audit'] });
    const log = createLogger({ service: 'test', level: 'error' });
    const certificates = join(data, 'certificates');
    const channelAs = (self: string) =>
      rpcChannel({
        target: `ipv4:127.0.0.1:${suite.ports.audit?.grpc}`,
        tls: blocks.tls.parse(certificateFiles(certificates, self)),
        self,
        peer: 'audit',
        log,
      });
    const [proxy, console] = [channelAs('model-proxy'), channelAs('console')];
    try {
      const written = Array.from({ length: 20 }, () => record());
      const trajectory = uuidv7();
      for (const one of written) one.trajectory = trajectory;
      await rpcClient(RecordService, proxy).commit({ records: written.map(encode) }, { timeoutMs });
      await suite.kill('audit');
      await suite.restart('audit');
      const queries = rpcClient(QueryService, console);
      const run = await queries.getTrajectory({ tenant: 'acme', id: trajectory }, { timeoutMs: 15_000, wait: true });
      expect(run.records).toHaveLength(20);
    } finally {
      proxy.close();
      console.close();
      await suite.stop();
      for (const dir of [data, resources]) rmSync(dir, { recursive: true, force: true });
    }
  }, 120_000);
});
