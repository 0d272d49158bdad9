import { afterEach, describe, expect, it } from '@jest/globals';
import type { WatchResponse } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { endSuites, eventually, head, model, provider, secret, suite } from './testing/folder-suite.ts';

afterEach(endSuites);

describe('the operator over a folder', () => {
  it('makes a provider with its Secret, a model and a key ready', async () => {
    const key = `${head('VirtualKey', 'demo')}spec: {targetSecret: {name: demo-key, key: key}, role: Admin}\n`;
    const { peers, source, reason } = await suite({
      'all.yaml': [secret, provider(), model('smart'), key].join('---\n'),
    });
    await eventually(() => reason('ModelProvider', 'openai', 'Ready'), 'True Ready');
    await eventually(() => reason('Model', 'smart', 'Ready'), 'True Ready');
    await eventually(() => reason('VirtualKey', 'demo', 'Ready'), 'True Ready');
    expect(Object.fromEntries(peers.secrets)).toEqual({ 'default/openai/key': 'sk-secret-value' });
    expect([...peers.grants.values()]).toEqual(['https://a.example:443']);
    expect((await source.secret('default', 'demo-key'))?.data.get('key')).toBe('sp_generated_1_value');
    expect(source.get('VirtualKey', 'default', 'demo')?.status).toMatchObject({ prefix: 'sp_' });
    expect(source.get('Model', 'default', 'smart')?.status).toMatchObject({ liveTargets: 1, observedGeneration: 1 });
    expect(JSON.stringify(source.list('ModelProvider'))).not.toContain('sk-secret');
  });

  it('streams full sets, then deltas and heartbeats', async () => {
    const { write, remove, snapshots } = await suite({ 'a.yaml': model('a') });
    const end = new AbortController();
    const messages: WatchResponse[] = [];
    const watching = (async () => {
      const stream = snapshots.client.watch(
        { kinds: ['Model', 'Limit'] },
        { timeoutMs: Number.POSITIVE_INFINITY, signal: end.signal },
      );
      for await (const message of stream) messages.push(message);
    })().catch(() => undefined);
    const of = (kind: string) => messages.filter((message) => message.kind === kind);
    await eventually(() => of('Model').length === 1 && of('Limit').length === 1, true);
    expect(of('Model')[0]).toMatchObject({ full: true, upserts: [{ tenant: 'default', name: 'a' }] });
    expect(JSON.parse(of('Model')[0]?.upserts[0]?.specJson ?? '')).toMatchObject({
      publicName: 'a',
      retry: { attempts: 1 },
    });
    expect(of('Limit')[0]).toMatchObject({ full: true, upserts: [] });
    await write('b.yaml', model('b'));
    await eventually(() => of('Model').length, 2);
    expect(of('Model')[1]).toMatchObject({ full: false, upserts: [{ name: 'b' }], removals: [] });
    await remove('a.yaml');
    await eventually(() => of('Model').length, 3);
    expect(of('Model')[2]).toMatchObject({ full: false, upserts: [], removals: [{ name: 'a' }] });
    await eventually(() => of('').length > 1, true);
    end.abort();
    await watching;
  });

  it('merges what services report into the status, and only what each may speak of', async () => {
    const server = `${head('ToolServer', 'mail')}spec: {remote: {url: "https://m.example"}}\n`;
    const { source, snapshots, reason } = await suite({ 'all.yaml': [secret, provider(), server].join('---\n') });
    await eventually(() => reason('ToolServer', 'mail', 'Ready'), 'Unknown NotObserved');
    const digest = `sha256:${'0'.repeat(64)}`;
    const of = (kind: 'ToolServer' | 'ModelProvider', name: string) => ({
      kind,
      tenant: 'default',
      name,
      uid: source.get(kind, 'default', name)?.uid ?? '',
      generation: 1,
    });
    const seen = (type: string, status: string, why: string) => ({ type, status, reason: why, message: '' });
    await snapshots.client.report(
      {
        reporter: 'broker-1',
        observations: [
          {
            ...of('ToolServer', 'mail'),
            conditions: [
              seen('Reachable', 'True', 'Connected'),
              seen('DefinitionDrift', 'False', 'Pinned'),
              seen('Accepted', 'False', 'Evil'),
            ],
            statusJson: JSON.stringify({
              tools: [{ name: 'send', class: 'Egress', digest }],
              grantedOrigin: 'https://evil.example',
            }),
          },
          { ...of('ModelProvider', 'openai'), conditions: [seen('Reachable', 'False', 'Evil')] },
        ],
      },
      { timeoutMs: 10_000 },
    );
    await eventually(() => reason('ToolServer', 'mail', 'Ready'), 'True Ready');
    expect(source.get('ToolServer', 'default', 'mail')?.status).toMatchObject({
      tools: [{ name: 'send', class: 'Egress', digest }],
    });
    expect(source.get('ToolServer', 'default', 'mail')?.status.grantedOrigin).toBeUndefined();
    expect(reason('ToolServer', 'mail', 'Accepted')).toBe('True Accepted');
    await eventually(() => reason('ModelProvider', 'openai', 'Reachable'), 'Unknown NotObserved');
  });

  it('shows what the broker sees of each pick of a Toolset', async () => {
    const set = `${head('Toolset', 'desk')}spec: {tools: [{server: mail, tool: send}]}\n`;
    const { source, snapshots, reason } = await suite({ 'set.yaml': set });
    await eventually(() => source.get('Toolset', 'default', 'desk')?.status.observedGeneration, 1);
    const { uid = '' } = source.get('Toolset', 'default', 'desk') ?? {};
    const conditions = [{ type: 'ResolvedRefs', status: 'False', reason: 'PickOffersNothing', message: 'send' }];
    const seen = { kind: 'Toolset', tenant: 'default', name: 'desk', uid, generation: 1, conditions };
    const statusJson = JSON.stringify({ toolCount: 3, definitionTokens: 120 });
    await snapshots.client.report({ reporter: 'b', observations: [{ ...seen, statusJson }] }, { timeoutMs: 10_000 });
    await eventually(() => source.get('Toolset', 'default', 'desk')?.status.toolCount, 3);
    expect(source.get('Toolset', 'default', 'desk')?.status.definitionTokens).toBe(120);
    expect(reason('Toolset', 'desk', 'Ready')).toMatch(/^False/);
  });

  it('shows what rules in Observe would have done, as policy and nobody else counts it', async () => {
    const rule = '{name: r, action: Deny, reason: No.}';
    const spec = `spec: {tools: [{server: mail, tool: "*"}], mode: Observe, calls: [${rule}]}`;
    const { source, snapshots, policy, reason } = await suite({ 'p.yaml': `${head('ToolPolicy', 'mail')}${spec}\n` });
    await eventually(() => reason('ToolPolicy', 'mail', 'Accepted'), 'True Accepted');
    const { uid = '' } = source.get('ToolPolicy', 'default', 'mail') ?? {};
    const counted = (count: number, rest: object = {}) => ({
      reporter: 'policy-1',
      observations: [
        {
          kind: 'ToolPolicy',
          tenant: 'default',
          name: 'mail',
          uid,
          conditions: [{ type: 'Ready', status: 'True', reason: 'Evil', message: '' }],
          statusJson: JSON.stringify({ observed: [{ rule: 'r', count, principals: 2 }], ...rest }),
        },
      ],
    });
    const shown = () => JSON.stringify(source.get('ToolPolicy', 'default', 'mail')?.status.observed);
    await snapshots.client.report(counted(9), { timeoutMs: 10_000 });
    await policy.client.report(counted(7, { grantedOrigin: 'x' }), { timeoutMs: 10_000 });
    await eventually(shown, '[{"rule":"r","count":7,"principals":2}]');
    expect(reason('ToolPolicy', 'mail', 'Ready')).not.toBe('True Evil');
    await policy.client.report(counted(8), { timeoutMs: 10_000 });
    await eventually(shown, '[{"rule":"r","count":8,"principals":2}]');
  });

  it('lists resources with their status for the admin API', async () => {
    const { resources, reason } = await suite({ 'all.yaml': [secret, provider(), model('smart')].join('---\n') });
    await eventually(() => reason('Model', 'smart', 'Ready'), 'True Ready');
    const all = await resources.client.list({ tenant: 'default' }, { timeoutMs: 10_000 });
    expect(all.resources.map(({ kind, name }) => `${kind}/${name}`)).toEqual(['ModelProvider/openai', 'Model/smart']);
    expect(JSON.parse(all.resources[1]?.statusJson ?? '')).toMatchObject({ liveTargets: 1 });
    expect((await resources.client.list({ tenant: 'other' }, { timeoutMs: 10_000 })).resources).toEqual([]);
    await expect(resources.client.list({}, { timeoutMs: 10_000 })).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(
      resources.client.list({ tenant: 'default', kind: 'Modle' }, { timeoutMs: 10_000 }),
    ).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
});
