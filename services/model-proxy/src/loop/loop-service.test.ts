import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import type { CallContext } from '@sallyport/chassis/rpc/server';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { readAccess } from '@sallyport/peers/access';
import { wireLabel } from '@sallyport/peers/decision-wire';
import { LoopService, RunRequestSchema } from '@sallyport/proto/models/v1/models_pb';
import { AccessGrant_ClientTools, ResolveAccessResponseSchema } from '@sallyport/proto/policy/v1/access_pb';
import { TRUSTED, untrusted } from '@sallyport/turn';
import { gateOf, modelOf, providerOf, somebody } from '../turn/testing.ts';
import { heardTurn } from './heard-turn.ts';
import { loopService } from './loop-service.ts';

const authority = { systemAuthored: true, userTyped: true };

async function run(
  over: Partial<{ model: string; previous: string; context: ReturnType<typeof wireLabel> }>,
  models: readonly string[] = ['*'],
) {
  const grants = [
    {
      policy: 'all',
      models: [...models],
      tools: ['*'],
      endpoints: ['*'],
      clientTools: AccessGrant_ClientTools.DECIDE,
    },
  ];
  const seen: { authority: unknown; claimed: string }[] = [];
  const { gate, records } = gateOf({
    responses: { chain: async () => undefined, keep: async () => undefined },
    catalog: { find: (_tenant: string, name: string) => (name === 'm' ? modelOf([providerOf()]) : undefined) },
    access: { accessOf: async () => readAccess(create(ResolveAccessResponseSchema, { grants })) },
    clients: {
      trajectories: {
        join: async ({ principal, claimed }: { principal: ReturnType<typeof somebody>; claimed: string }) => {
          seen.push({ authority: principal.instructionAuthority, claimed });
          throw new GatewayError('conflict', 'far enough');
        },
      },
    },
  });
  const service = await inProcess(LoopService, loopService(gate), { caller: 'mcp-broker' });
  const principal = somebody({ instructionAuthority: authority });
  const request = { principal, trajectory: '01a00000-0000-7000-8000-0000000000ff', model: 'm', said: ['x'], ...over };
  let fault: unknown;
  try {
    for await (const _ of service.client.run({ context: wireLabel(TRUSTED), ...request }, { timeoutMs: 5_000 }));
  } catch (error) {
    fault = error;
  }
  await service.close();
  return { fault: fault as { code?: string; message?: string }, seen, records };
}

describe('the turn of an agent', () => {
  it('[a2a:turn-loop-model] is refused to who may not use its model, and where that is not there, in the same words', async () => {
    const denied = await run({}, ['other']);
    const none = await run({ model: 'none' });
    expect([denied.fault.code, denied.fault.message]).toEqual(['not_found', none.fault.message]);
    expect(denied.seen).toEqual([]);
    expect(denied.records.map(({ outcome, endpoint }) => [outcome, endpoint])).toEqual([['refused', 'agent']]);
  });

  it('[a2a:turn-loop-typed] goes on from the run it is told, and nobody typed what is said in it', async () => {
    const { seen } = await run({ context: wireLabel(untrusted('tool:x/y')) });
    expect(seen).toEqual([
      {
        authority: expect.objectContaining({ systemAuthored: true, userTyped: false }),
        claimed: '01a00000-0000-7000-8000-0000000000ff',
      },
    ]);
  });

  it('[a2a:turn-loop-bound] is refused to a tenant that has half of the room, and to no other', async () => {
    const hangs = new Promise<never>(() => undefined);
    const accessOf = (principal: { tenant: string }) => {
      if (principal.tenant === 'greedy') return hangs;
      throw new GatewayError('conflict', 'far enough');
    };
    const { gate } = gateOf({ responses: {}, access: { accessOf } });
    const { run: begin } = loopService(gate);
    const of = (tenant: string) => {
      const request = create(RunRequestSchema, { principal: somebody({ tenant }), model: 'm', said: ['x'] });
      return begin(request, { depth: 1, signal: new AbortController().signal } as CallContext)
        [Symbol.asyncIterator]()
        .next();
    };
    for (let at = 0; at < 128; at++) void of('greedy');
    await expect(of('greedy')).rejects.toMatchObject({ code: 'unavailable' });
    await expect(of('acme')).rejects.toThrow('far enough');
  });

  it('[a2a:turn-loop-previous] goes on from no response but the principal’s own', async () => {
    expect((await run({ previous: 'resp_other' })).fault.code).toBe('not_found');
  });
});

describe('what is heard of a turn', () => {
  it('[a2a:turn-loop-stream] is the text of all messages, apart, and the response at the end, however frames are cut', async () => {
    const heard = heardTurn();
    const frame = (type: string, more: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
    const response = { id: 'resp_1', store: true, status: 'completed', output: [] };
    const all = [
      frame('response.output_text.delta', { item_id: 'a', delta: 'One ü' }),
      frame('response.output_text.delta', { item_id: 'a', delta: '.' }),
      frame('response.output_text.delta', { item_id: 'b', delta: 'Two' }),
      frame('response.completed', { response }),
    ].join('');
    const bytes = Buffer.from(all);
    for (let at = 0; at < bytes.length; at += 7) void heard.answer.frames(bytes.subarray(at, at + 7));
    heard.close();
    let text = '';
    for await (const piece of heard.texts()) text += piece;
    expect([text, heard.response()]).toEqual(['One ü.\n\nTwo', response]);
  });
});
