import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { Record_Kind, RecordSchema } from '@sallyport/proto/audit/v1/audit_pb';
import { openDesk } from '../operations/testing.ts';
import { generationOf } from './generation.ts';

const BEGAN_MS = 1_790_000_000_000;
const call = (fields: MessageInitShape<typeof RecordSchema> = {}) =>
  create(RecordSchema, {
    kind: Record_Kind.MODEL_CALL,
    endpoint: 'chat.completions',
    model: 'm',
    provider: 'first',
    startedAtMs: BEGAN_MS + 10,
    durationMs: 100.4,
    inputTokens: 7,
    outputTokens: 3,
    cacheReadTokens: 2,
    reasoningTokens: 1,
    costNanoUsd: 1_500_000,
    finishReason: 'stop_sequence',
    outcome: 'ok',
    attemptsJson: '[]',
    ...fields,
  });

/** A desk whose audit answers one question after another. */
async function deskOf(...answers: readonly (readonly ReturnType<typeof call>[] | Error)[]) {
  const asked: object[] = [];
  const listModelCalls = async (question: object) => {
    asked.push(question);
    const answer = answers[Math.min(asked.length, answers.length) - 1] ?? [];
    if (answer instanceof Error) throw answer;
    return { records: answer };
  };
  const desk = await openDesk({
    models: [],
    endpoints: ['generation'],
    ports: { clients: { turns: { listModelCalls } } },
  });
  const get = async (query: string, headers: Record<string, string> = { authorization: 'Bearer good' }) => {
    const answer = await fetch(`${desk.url}/v1/generation${query}`, { headers });
    return { status: answer.status, body: (await answer.json()) as { data?: object; error?: object } };
  };
  return { ...desk, asked, get };
}

describe('a generation', () => {
  it('[audit:generation] is what the records of its turn say, summed up, and null where none does', () => {
    const detailJson = JSON.stringify({ saved: { by: 'prompt', nanoUsd: 500, tokens: 2 } });
    const attemptsJson = JSON.stringify([{ provider: 'first' }, { provider: 'second', via: 'other' }]);
    const second = { startedAtMs: BEGAN_MS + 500, provider: 'second', stream: true, finishReason: 'length' };
    const whole = generationOf('t', BEGAN_MS, [call(), call({ ...second, detailJson, attemptsJson })]);
    expect(whole).toMatchObject({
      id: 't',
      created_at: '2026-09-21T14:13:20.000Z',
      model: 'other',
      provider_name: 'second',
      streamed: true,
      cancelled: false,
      finish_reason: 'length',
      tokens_prompt: 14,
      tokens_completion: 6,
      native_tokens_prompt: 14,
      native_tokens_completion: 6,
      native_tokens_cached: 4,
      native_tokens_reasoning: 2,
      total_cost: 0.003,
      usage: 0.003,
      cache_discount: 5e-7,
      latency: 600,
      generation_time: 201,
      upstream_id: null,
      native_finish_reason: null,
    });
    expect(generationOf('t', BEGAN_MS, [call()])).toMatchObject({
      model: 'm',
      finish_reason: 'stop',
      cache_discount: null,
    });
    // What was guessed is no count of the provider's, what has no price no cost, and what never came no reason to stop.
    const cut = { usageEstimated: true, costNanoUsd: -1, finishReason: '', provider: '', outcome: 'cancelled' };
    expect(generationOf('t', BEGAN_MS, [call(), call({ ...cut, attemptsJson: 'no JSON' })])).toMatchObject({
      model: 'm',
      provider_name: null,
      cancelled: true,
      finish_reason: null,
      tokens_prompt: 14,
      native_tokens_prompt: null,
      native_tokens_cached: null,
      total_cost: null,
      usage: null,
    });
  });

  it('[audit:generation] is asked of audit for the principal alone, and copies of its request are left out', async () => {
    const { get, asked, close } = await deskOf([call(), call({ endpoint: 'shadow' })]);
    const turn = uuidv7();
    const { status, body } = await get(`?id=${turn.toUpperCase()}`);
    expect([status, body.data]).toEqual([200, expect.objectContaining({ id: turn, tokens_prompt: 7 })]);
    expect(asked).toEqual([{ tenant: 'acme', turn, principalId: 'key:k1' }]);
    await close();
  });

  it('[audit:generation] is waited for while its record may be under way, and no longer', async () => {
    const young = await deskOf([], [call()]);
    expect((await young.get(`?id=${uuidv7()}`)).status).toBe(200);
    await young.close();
    const { get, asked, close } = await deskOf([]);
    const old = uuidv7().replace(/^.{8}/, '01900000');
    const missing = await get(`?id=${old}`);
    expect([missing.status, asked.length]).toEqual([404, 1]);
    expect(await get(`?id=${uuidv7()}`)).toEqual(missing);
    expect(asked).toHaveLength(3);
    // What can be no turn is not asked for.
    for (const id of ['chatcmpl-1', '%27', '..']) expect(await get(`?id=${id}`)).toEqual(missing);
    expect(asked).toHaveLength(3);
    await close();
  });

  it('[audit:generation] is told to nobody without a key, or whose key may not ask, and not while audit is away', async () => {
    const { get, asked, close } = await deskOf(new GatewayError('unavailable', 'audit is away'));
    expect((await get(`?id=${uuidv7()}`, {})).status).toBe(401);
    for (const query of ['', '?id=', '?id=a&id=b']) {
      expect(await get(query)).toMatchObject({ status: 400, body: { error: { param: 'id' } } });
    }
    expect(asked).toEqual([]);
    expect((await get(`?id=${uuidv7()}`)).status).toBe(503);
    await close();
    const narrow = await openDesk({ models: [], endpoints: ['chat.completions'] });
    const answer = await fetch(`${narrow.url}/v1/generation?id=${uuidv7()}`, {
      headers: { authorization: 'Bearer good' },
    });
    expect(answer.status).toBe(403);
    await narrow.close();
  });
});
