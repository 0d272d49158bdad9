import { describe, expect, it } from '@jest/globals';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { CompletionService } from '@sallyport/proto/models/v1/models_pb';
import { completionService } from './completion.ts';
import { gateOf, modelOf, providerOf, somebody } from './turn/testing.ts';

describe('calls of models for other services', () => {
  it('[mcp:sampling-apart] what tool servers have asked takes no place of readings, nor all places of another tenant', async () => {
    const { gate } = gateOf({
      catalog: { find: () => modelOf([providerOf()]) },
      access: { accessOf: () => new Promise(() => undefined) },
    });
    const service = await inProcess(CompletionService, completionService(gate), { caller: 'mcp-broker' });
    const gone = new AbortController();
    const ask = async (tenant: string, sources: string[]) => {
      const request = { principal: somebody({ tenant }), model: 'm', content: 'x', sources };
      const refused = service.client
        .complete(request, { timeoutMs: 10_000, signal: gone.signal })
        .then(() => 'answered')
        .catch((error: unknown) => String((error as { code?: string }).code));
      return await Promise.race([refused, new Promise<'begun'>((resolve) => setTimeout(resolve, 200, 'begun'))]);
    };
    const of = async (tenant: string, sources: string[], times: number) => {
      const all = await Promise.all(Array.from({ length: times }, () => ask(tenant, sources)));
      return all.filter((one) => one === 'unavailable').length;
    };
    try {
      expect(await of('hostile', ['tool:evil/x'], 70)).toBe(54);
      expect(await ask('acme', ['tool:work/ask'])).toBe('begun');
      await of('second', ['tool:evil/x'], 70);
      await of('third', ['tool:evil/x'], 70);
      expect(await ask('acme', [])).toBe('begun');
    } finally {
      gone.abort();
      await service.close();
    }
  });
});
