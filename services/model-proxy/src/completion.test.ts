import { describe, expect, it } from '@jest/globals';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { CompletionService } from '@sallyport/proto/models/v1/models_pb';
import { completionService } from './completion.ts';
import { gateOf, modelOf, providerOf, somebody } from './turn/testing.ts';

describe('calls of models for other services', () => {
  it('[mcp:sampling-apart] what tool servers have asked takes no place of readings, nor all places of another tenant', async () => {
    let [sent, begun, refused] = [0, 0, 0];
    const { gate } = gateOf({
      catalog: { find: () => modelOf([providerOf()]) },
      access: {
        accessOf: () => {
          begun++;
          return new Promise(() => undefined);
        },
      },
    });
    const service = await inProcess(CompletionService, completionService(gate), { caller: 'mcp-broker' });
    const gone = new AbortController();
    /** How many of these calls begin; none of them ends. */
    const beginning = async (tenant: string, sources: string[], times: number) => {
      const before = begun;
      for (let time = 0; time < times; time++) {
        sent++;
        service.client
          .complete(
            { principal: somebody({ tenant }), model: 'm', content: 'x', sources },
            { timeoutMs: 30_000, signal: gone.signal },
          )
          .catch(() => refused++);
      }
      while (begun + refused < sent) await new Promise((resolve) => setTimeout(resolve, 5));
      return begun - before;
    };
    const evil = ['tool:evil/x'];
    expect(await beginning('hostile', evil, 70)).toBe(16);
    expect(await beginning('acme', ['tool:work/ask'], 1)).toBe(1);
    for (const tenant of ['second', 'third', 'fourth']) await beginning(tenant, evil, 20);
    expect(await beginning('acme', ['tool:work/ask'], 1)).toBe(0);
    expect(await beginning('acme', [], 1)).toBe(1);
    gone.abort();
    await service.close();
  });
});
