import { describe, expect, it } from '@jest/globals';
import { model as modelKind } from '@sallyport/custom-resources/model';
import type { Model } from '../catalog.ts';
import { modelOf, providerOf } from '../turn/testing.ts';
import { describeModel } from './describe.ts';

const modelWith = (targets: { type: string; model: string; fields?: object }[], spec: object = {}): Model => {
  const parsed = modelKind.spec.parse({
    ...spec,
    targets: targets.map(({ model, fields }, index) => ({ provider: `p${index}`, model, ...fields })),
  });
  return {
    ...modelOf([]),
    publicName: 'fast',
    spec: parsed,
    targets: targets.map(({ type, model }, index) => {
      const target = parsed.targets[index];
      return { provider: providerOf(type, `p${index}`), model, ...(target ? { spec: target } : {}) };
    }),
  };
};

describe('what a list of models says', () => {
  it('[providers:models] tells what some target can do, and what the first one costs, as strings for a token', () => {
    const described = describeModel(
      modelWith(
        [
          { type: 'openai', model: 'gpt-4o-mini' },
          { type: 'anthropic', model: 'claude-sonnet-5' },
        ],
        { maxOutputTokens: 4_000 },
      ),
      Date.parse('2026-06-01T00:00:00Z'),
    );
    expect(described).toMatchObject({
      name: 'fast',
      context_length: 1_000_000,
      architecture: { input_modalities: ['file', 'image', 'text'], output_modalities: ['text'] },
      pricing: { prompt: '0.00000015', completion: '0.0000006', input_cache_read: '0.000000075' },
      top_provider: { context_length: 1_000_000, max_completion_tokens: 4_000 },
    });
    expect(described.supported_parameters).toEqual(expect.arrayContaining(['max_tokens', 'reasoning', 'tools']));
    expect(described.retrieves).toBeUndefined();
  });

  it('[providers:models] takes prices and abilities from the Model where it says them, and is silent on the unknown', () => {
    const price = { inputPerMillionTokens: '2', outputPerMillionTokens: '999999' };
    const dated = [{ effectiveFrom: '2026-01-01T00:00:00Z', price: { ...price, inputPerMillionTokens: '3' } }];
    const own = modelWith([{ type: 'vllm', model: 'own' }], { price, prices: dated });
    expect(describeModel(own, Date.parse('2025-12-31T00:00:00Z')).pricing).toEqual({
      prompt: '0.000002',
      completion: '0.999999',
    });
    expect(describeModel(own, Date.parse('2026-01-01T00:00:00Z')).pricing?.prompt).toBe('0.000003');
    expect(describeModel(modelWith([{ type: 'openai-compatible', model: 'own' }]))).toEqual({ name: 'fast' });
    expect(describeModel(modelOf([]))).toEqual({ name: 'm' });
  });

  it('[providers:models] marks a model that retrieves by itself', () => {
    expect(describeModel(modelWith([{ type: 'openrouter', model: 'openai/gpt-5:online' }])).retrieves).toBe(true);
  });
});
