import { describe, expect, it } from '@jest/globals';
import { modelProvider } from '@sallyport/custom-resources/model-provider';
import type { SnapshotItem } from '@sallyport/peers/snapshot';
import { followCatalog } from '../catalog.ts';
import { listedNames } from './discovery.ts';

const item = (kind: string, name: string, spec: object, tenant = 'acme'): SnapshotItem => ({
  kind,
  tenant,
  name,
  uid: `${tenant}-${name}`,
  spec,
  contentHash: '',
  createdAtMs: 5,
  generation: 1,
});
const provider = (name: string, discovery: object | undefined, tenant = 'acme') =>
  item(
    'ModelProvider',
    name,
    modelProvider.spec.parse({ type: 'openai', ...(discovery ? { discovery } : {}) }),
    tenant,
  );

function catalogOf(providers: SnapshotItem[], models: SnapshotItem[] = []) {
  let changed: (kind: string) => void = () => undefined;
  const held: Record<string, SnapshotItem[]> = { ModelProvider: providers, Model: models };
  const catalog = followCatalog({
    items: (kind) => held[kind] ?? [],
    onChange: (listener) => {
      changed = listener;
      return () => undefined;
    },
  });
  return {
    catalog,
    learn: (name: string, listed: string[], tenant = 'acme') => {
      const found = catalog.providers().find((one) => one.name === name && one.tenant === tenant);
      if (found) catalog.learn(found, listed);
    },
    put: (kind: string, items: SnapshotItem[]) => {
      held[kind] = items;
      changed(kind);
    },
    names: () => catalog.discovered('acme').map(({ publicName }) => publicName),
  };
}

describe('models that no Model declares', () => {
  it('[providers:discovery] are those that the provider lists and its resource lets in', () => {
    const { learn, names } = catalogOf([
      provider('o', { include: ['gpt-*'], exclude: ['*-audio*'] }),
      provider('off', { mode: 'Disabled', models: ['m1'] }),
      provider('closed', undefined),
    ]);
    expect(names()).toEqual(['off:m1']);
    for (const name of ['o', 'off', 'closed']) learn(name, ['gpt-5', 'gpt-4o-audio-preview', 'tts-1']);
    expect(names()).toEqual(['o:gpt-5', 'off:m1']);
  });

  it('[providers:discovery] are found by provider and name, and by the bare name at the first provider', () => {
    const { catalog, learn } = catalogOf([provider('b', {}), provider('a', {})]);
    learn('a', ['gpt-5']);
    learn('b', ['gpt-5', 'x/y:free']);
    const found = catalog.find('acme', 'gpt-5');
    expect(found).toMatchObject({ publicName: 'a:gpt-5', targets: [{ model: 'gpt-5', provider: { name: 'a' } }] });
    expect(catalog.find('acme', 'b:gpt-5')).toMatchObject({ publicName: 'b:gpt-5', targets: [{ model: 'gpt-5' }] });
    expect(catalog.find('acme', 'b:x/y:free')?.targets[0]).toMatchObject({ model: 'x/y:free' });
    expect(catalog.find('acme', 'x/y:free')?.publicName).toBe('b:x/y:free');
    expect(catalog.find('acme', 'gpt-5')).toBe(found);
    expect(catalog.find('acme', 'c:gpt-5') ?? catalog.find('acme', 'nothing')).toBeUndefined();
  });

  it('[providers:discovery] never stand before a Model of that name, and are of one tenant', () => {
    const own = item('Model', 'mine', { publicName: 'gpt-5', targets: [{ provider: 'a', model: 'z', priority: 0 }] });
    const { catalog, learn, put } = catalogOf([provider('a', {}), provider('a', {}, 'other')], [own]);
    learn('a', ['gpt-5']);
    expect(catalog.find('acme', 'gpt-5')?.name).toBe('mine');
    expect(catalog.find('other', 'a:gpt-5')).toBeUndefined();
    put('Model', []);
    expect(catalog.find('acme', 'gpt-5')?.publicName).toBe('a:gpt-5');
    put('ModelProvider', [provider('a', undefined)]);
    expect(catalog.find('acme', 'gpt-5')).toBeUndefined();
  });

  it.each([
    [{ data: [{ id: 'b' }, { id: 'a' }, { id: 'a' }, {}, { id: 'has blank' }] }, ['a', 'b']],
    [{ models: [{ name: 'models/gemini-2.5-pro' }] }, ['gemini-2.5-pro']],
    [[{ id: 'openai/gpt-4.1', name: 'OpenAI GPT-4.1' }], ['openai/gpt-4.1']],
    [{ result: [{ id: 'f0-1', name: '@cf/meta/llama' }] }, ['@cf/meta/llama']],
    [{ endpoints: [{ name: 'databricks-claude' }] }, ['databricks-claude']],
    [{ error: 'no' }, undefined],
    ['text', undefined],
  ])('[providers:discovery] reads the list %j as %j', (body, names) => {
    expect(listedNames(body)).toEqual(names);
  });
});
