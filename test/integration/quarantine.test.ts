import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import { type RpcServer, rpcServer } from '@sallyport/chassis/rpc/server';
import { type CompleteRequest, CompletionService } from '@sallyport/proto/models/v1/models_pb';
import { Principal_Kind } from '@sallyport/proto/principal/v1/principal_pb';
import { QuarantineService } from '@sallyport/proto/quarantine/v1/quarantine_pb';
import { keyFile, type Replica, type ServiceReplicas, serviceReplicas } from '../support/service-replicas.ts';

const timeoutMs = 5000;
const CANARY = 'canary.value@example.com';
const principal = (fields: { tenant?: string; id?: string; user?: string } = {}) => ({
  tenant: 'acme',
  kind: Principal_Kind.KEY,
  id: 'key:k1',
  user: 'ann',
  ...fields,
});
const question = {
  model: 'reader',
  instruction: 'Who wrote?',
  fields: [
    { name: 'sender', type: 'String' },
    { name: 'urgent', type: 'Boolean' },
  ],
};

describe('quarantine on Postgres', () => {
  let suite: ServiceReplicas;
  let models: RpcServer;
  let one: Replica;
  let two: Replica;
  let client: Client<typeof QuarantineService>;
  let replicaConfig: Record<string, unknown>;
  let answer = '';
  let asked: { request: CompleteRequest; depth: number }[] = [];

  beforeAll(async () => {
    models = rpcServer({
      listen: { host: '127.0.0.1', port: 0 },
      tls: undefined,
      log: createLogger({ service: 'test', level: 'error' }),
      callers: { 'sallyport.models.v1.CompletionService': ['quarantine'] },
    }).add(CompletionService, {
      async complete(request, context) {
        asked.push({ request, depth: context.depth });
        return { text: answer, inputTokens: 3, outputTokens: 2, costNanoUsd: 5, model: 'm' };
      },
    });
    [suite] = await Promise.all([serviceReplicas('quarantine'), models.start()]);
    replicaConfig = {
      peers: { 'model-proxy': `ipv4:127.0.0.1:${models.port()}` },
      sealKeysFile: suite.file('keys.json', keyFile('q1')),
    };
    [one, two] = await Promise.all([suite.replica(replicaConfig), suite.replica(replicaConfig)]);
    client = one.client(QuarantineService, 'model-proxy');
  }, 90_000);
  afterAll(async () => {
    await suite?.close();
    await models?.stop(Date.now() + 1000);
  }, 30_000);
  beforeEach(() => {
    asked = [];
    answer = JSON.stringify({ sender: CANARY, urgent: true });
  });

  const extract = (fields: Record<string, unknown> = {}, from = client) =>
    from.extract(
      { principal: principal(), trajectory: 't1', tool: 'mail__read', question, content: 'a mail', ...fields },
      { timeoutMs },
    );
  const resolve = (handles: string[], who = principal(), trajectory = 't1') =>
    two.client(QuarantineService, 'mcp-broker').resolveHandles({ principal: who, trajectory, handles }, { timeoutMs });

  it('reads by a model one call deeper, keeps the answer, and resolves its handles on another replica', async () => {
    const first = await extract();
    expect(asked).toMatchObject([{ depth: 1, request: { model: 'reader', content: 'a mail', trajectory: 't1' } }]);
    expect(JSON.parse(first.answerJson)).toMatchObject({ urgent: true, sender: { $handle: first.handles[0] } });
    expect(first.answerJson).not.toContain(CANARY);
    expect((await resolve(first.handles)).values).toMatchObject([
      { handle: first.handles[0], valueJson: JSON.stringify(CANARY), from: 'mail__read', path: '/sender' },
    ]);
    answer = JSON.stringify({ sender: 'other', urgent: false });
    const again = await extract({}, two.client(QuarantineService, 'model-proxy'));
    expect(again).toMatchObject({ answerJson: first.answerJson, reused: true, costNanoUsd: 0 });
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['tenant', principal({ tenant: 'globex' }), 't1'],
    ['principal', principal({ id: 'key:k2' }), 't1'],
    ['run', principal(), 't2'],
  ])('[quarantine:handle-binding] handles are nothing to another %s', async (_, who, trajectory) => {
    const { handles } = await extract();
    expect((await resolve(handles, who, trajectory)).values).toEqual([]);
  });

  it('denies what does not fit, without a word of it', async () => {
    answer = JSON.stringify({ sender: CANARY, urgent: true, note: CANARY });
    const refused = await extract({ content: 'another mail' }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'policy_denied' });
    expect(JSON.stringify(refused) + String(refused)).not.toContain(CANARY);
    expect(asked).toHaveLength(2);
  });

  it('the same content read twice at once on two replicas has one answer', async () => {
    const content = 'a third mail';
    const [a, b] = await Promise.all([
      extract({ content }),
      extract({ content }, two.client(QuarantineService, 'model-proxy')),
    ]);
    expect(a.answerJson).toBe(b.answerJson);
  });

  it('[quarantine:sealed] values stand in the database sealed only, in the log never', async () => {
    for (const table of ['extractions', 'presentations']) {
      const { rows } = await suite.asRole('*', `select t::text as row from ${table} t`);
      expect(rows.length).toBeGreaterThan(0);
      for (const { row } of rows) {
        expect(row).not.toContain(CANARY);
        expect(row).not.toContain(Buffer.from(CANARY, 'utf8').toString('hex'));
      }
      expect((await suite.asRole('globex', `select 1 from ${table}`)).rowCount).toBe(0);
      expect((await suite.asRole(undefined, `select 1 from ${table}`)).rowCount).toBe(0);
    }
    expect(one.output() + two.output()).not.toContain(CANARY);
  });

  it('[quarantine:callers] answers the two proxies only', async () => {
    const foreign = one.client(QuarantineService, 'console');
    await expect(extract({}, foreign)).rejects.toMatchObject({ code: 'permission_denied' });
  });

  describe('structured results', () => {
    const schema = {
      type: 'object',
      properties: {
        rows: { type: 'array', items: { properties: { text: { type: 'string' }, n: { type: 'integer' } } } },
      },
      required: ['rows'],
    };
    const rowsOf = (count: number, word = CANARY) =>
      JSON.stringify({ rows: Array.from({ length: count }, (_, n) => ({ text: `${word} ${n}`, n })) });
    const masked = (fields: Record<string, unknown> = {}, from = client) =>
      extract(
        {
          trajectory: 'masked',
          question: undefined,
          content: '',
          structuredJson: rowsOf(3),
          outputSchemaJson: JSON.stringify(schema),
          presentation: { structured: true, fields: [], bits: 0 },
          ...fields,
        },
        from,
      );

    it('[quarantine:few-rows] five hundred handles are one row, and those of several results come back in one query', async () => {
      const before = await suite.asRole('acme', 'select count(*)::int as n from presentations');
      const [many, few] = [
        await masked({ structuredJson: rowsOf(500), presentation: { structured: true, bits: 65_536 } }),
        await masked({ structuredJson: rowsOf(3), tool: 'mail__few' }),
      ];
      const after = await suite.asRole('acme', 'select count(*)::int as n from presentations');
      expect(after.rows[0].n - before.rows[0].n).toBe(2);
      expect(many.handles).toHaveLength(500);
      expect(many.answerJson).not.toContain(CANARY);
      const { values } = await resolve([many.handles[499] as string, few.handles[0] as string], principal(), 'masked');
      expect(values).toHaveLength(2);
      expect(values).toContainEqual(
        expect.objectContaining({
          valueJson: JSON.stringify(`${CANARY} 499`),
          from: 'mail__read',
          path: '/rows/499/text',
        }),
      );
      expect(values).toContainEqual(
        expect.objectContaining({ valueJson: JSON.stringify(`${CANARY} 0`), from: 'mail__few' }),
      );
    });

    it.each([
      ['tenant', principal({ tenant: 'globex' }), 'masked'],
      ['principal', principal({ id: 'key:k2' }), 'masked'],
      ['run', principal(), 'other'],
    ])(
      '[quarantine:handle-binding] handles of a masked result are nothing to another %s',
      async (_, who, trajectory) => {
        const { handles } = await masked();
        expect((await resolve([...handles, 'h_', `h_${'_'.repeat(64)}`], who, trajectory)).values).toEqual([]);
        const named = { argumentsJson: JSON.stringify({ text: handles[0] }), principal: who, trajectory };
        expect((await masked(named)).answerJson).not.toContain(handles[0]);
        const own = await masked({ ...named, principal: principal(), trajectory: 'masked' });
        expect((await resolve(own.handles, principal(), 'masked')).values).toHaveLength(own.handles.length);
      },
    );

    it('[quarantine:durable] survives the end of the process that showed it', async () => {
      const first = await suite.replica(replicaConfig);
      const shown = await masked({ tool: 'mail__durable' }, first.client(QuarantineService, 'model-proxy'));
      await first.stop();
      const again = await masked({ tool: 'mail__durable' }, two.client(QuarantineService, 'model-proxy'));
      expect(again).toMatchObject({ answerJson: shown.answerJson, reused: true, bits: shown.bits, rung: 'structured' });
      expect((await resolve(shown.handles, principal(), 'masked')).values).toHaveLength(3);
    });

    it('[quarantine:bit-budget] readings at once on two replicas tell no more than one run may', async () => {
      const small = await suite.replica({ ...replicaConfig, limits: { bitsPerTrajectory: 300 } });
      const other = await suite.replica({ ...replicaConfig, limits: { bitsPerTrajectory: 300 } });
      const clients = [small, other].map((replica) => replica.client(QuarantineService, 'model-proxy'));
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          masked({ trajectory: 'crowd', tool: `mail__t${n}` }, clients[n % 2] as typeof client).then(
            ({ bits, rung }) => ({ bits, rung }),
            (error: { code: string }) => ({ bits: 0, rung: error.code }),
          ),
        ),
      );
      const { rows } = await suite.asRole(
        'acme',
        `select sum(bits) as bits from presentations where trajectory = 'crowd'`,
      );
      expect(rows[0].bits).toBeLessThanOrEqual(300);
      expect(rows[0].bits).toBeCloseTo(
        outcomes.reduce((sum, { bits }) => sum + bits, 0),
        5,
      );
      expect(outcomes.map(({ rung }) => rung)).toEqual(expect.arrayContaining(['structured', 'policy_denied']));
    });

    it('[quarantine:ladder] stands alone where no model can read', async () => {
      answer = 'nonsense';
      const shown = await masked({ question: { ...question, fallbackModels: ['second'] }, content: 'unreadable' });
      expect(shown).toMatchObject({ rung: 'structured', model: '', inputTokens: 12 });
      expect(asked.map(({ request }) => request.model)).toEqual(['reader', 'reader', 'second', 'second']);
    });

    it('tells what is trusted, and refuses what says nothing', async () => {
      const fields = [{ path: '/rows/*/text', type: 'String', trusted: true }];
      const shown = await masked({ structuredJson: rowsOf(1, 'word'), presentation: { structured: true, fields } });
      expect(shown.trusted).toMatchObject([{ path: '/rows/0/text', valueJson: '"word 0"' }]);
      expect(shown.answerJson).toBe(rowsOf(1, 'word'));
      await expect(masked({ presentation: undefined })).rejects.toMatchObject({ code: 'invalid_request' });
      const wrong = { structured: true, fields: [{ path: 'rows', type: 'String' }] };
      await expect(masked({ presentation: wrong })).rejects.toMatchObject({ code: 'invalid_request' });
    });
  });
});
