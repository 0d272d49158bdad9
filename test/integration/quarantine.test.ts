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
    const config = {
      peers: { 'model-proxy': `ipv4:127.0.0.1:${models.port()}` },
      sealKeysFile: suite.file('keys.json', keyFile('q1')),
    };
    [one, two] = await Promise.all([suite.replica(config), suite.replica(config)]);
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
    for (const table of ['extractions', 'presentations', 'handles']) {
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
});
