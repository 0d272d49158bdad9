import { describe, expect, it } from '@jest/globals';
import { modelProvider } from '@sallyport/custom-resources/model-provider';
import { until } from '@sallyport/peers/testing';
import type { Provider } from './catalog.ts';
import { probeProviders } from './probe.ts';
import { gateOf, providerOf } from './turn/testing.ts';

interface Reported {
  observations: { name: string; conditions: { type: string; status: string }[]; statusJson: string }[];
}

const providerWith = (fields: object): Provider => ({
  ...providerOf('openai', 'o'),
  spec: modelProvider.spec.parse({ type: 'openai', ...fields }),
});

/** Probes one provider that answers so, until it was reported. */
async function probed(
  provider: Provider,
  answer: { status: number; body: string; headers?: Readonly<Record<string, string>> },
): Promise<{ reported: Reported; learnt: unknown[]; asked: string[] }> {
  const reports: Reported[] = [];
  const learnt: unknown[] = [];
  const asked: string[] = [];
  const { gate } = gateOf({
    catalog: { providers: () => [provider], learn: (_of: Provider, names: unknown) => learnt.push(names) },
    snapshot: { onChange: () => () => undefined },
    upstream: {
      request: async (_provider: Provider, call: { path: string }) => {
        asked.push(call.path);
        const { status, headers = {} } = answer;
        return { status, headers, text: async () => answer.body, discard: async () => undefined };
      },
    },
  });
  const operator = {
    report: async (request: unknown) => {
      reports.push(request as Reported);
      return {} as never;
    },
  };
  const probe = probeProviders(gate, operator, 'r');
  await probe.start?.();
  await until('a report', () => reports.length > 0);
  await probe.stop?.(Date.now() + 1_000);
  const [reported] = reports;
  if (!reported) throw new Error('nothing was reported');
  return { reported, learnt, asked };
}

describe('a probe of a provider', () => {
  const body = JSON.stringify({ data: [{ id: 'gpt-5' }, { id: 'tts-1' }] });

  it('[providers:probe] learns its models where they are to be discovered, and reports those that are let in', async () => {
    const { reported, learnt, asked } = await probed(providerWith({ discovery: { include: ['gpt-*'] } }), {
      status: 200,
      body,
    });
    expect(asked).toEqual(['/models']);
    expect(learnt).toEqual([['gpt-5', 'tts-1']]);
    expect(JSON.parse(reported.observations[0]?.statusJson ?? '')).toEqual({ models: ['gpt-5'], modelCount: 1 });
  });

  it('[providers:probe] reads no list where nothing is to be discovered', async () => {
    const { reported, learnt } = await probed(providerWith({}), { status: 200, body });
    expect(learnt).toEqual([]);
    expect(reported.observations).toMatchObject([
      {
        statusJson: '',
        conditions: [
          { type: 'Reachable', status: 'True' },
          { type: 'CredentialsValid', status: 'True' },
        ],
      },
    ]);
  });

  it.each([
    [404, 'no such page'],
    [200, '<html>'],
    [200, '{"error":"no"}'],
  ])(
    '[providers:probe] takes no list from an answer %i %s, and reports the provider as reachable',
    async (status, text) => {
      const { reported, learnt } = await probed(providerWith({ discovery: {} }), { status, body: text });
      expect(learnt).toEqual([]);
      expect(reported.observations).toMatchObject([
        { statusJson: '', conditions: [{ type: 'Reachable', status: 'True' }, {}] },
      ]);
    },
  );

  it.each([
    [403, 'UnrecognizedClientException:http://internal.amazon.com/', 'False'],
    [403, 'AccessDeniedException', 'True'],
    [200, '', 'True'],
  ])('[clouds:probed] of Bedrock with status %i and %j finds its keys valid: %s', async (status, type, valid) => {
    const spec = modelProvider.spec.parse({ type: 'bedrock', aws: { region: 'eu-central-1' } });
    const headers = type === '' ? {} : { 'x-amzn-errortype': type };
    const { reported, asked } = await probed({ ...providerOf('bedrock', 'b'), spec }, { status, body: '{}', headers });
    expect(asked).toEqual(['/async-invoke?maxResults=1']);
    expect(reported.observations[0]?.conditions).toMatchObject([
      { type: 'Reachable', status: 'True' },
      { type: 'CredentialsValid', status: valid },
    ]);
  });
});
