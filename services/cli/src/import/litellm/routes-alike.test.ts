import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { type ModelSpec, orderedTargets, parseResource, parseSecret, parseYaml } from '@sallyport/custom-resources';
import fc from 'fast-check';
import { lintFiles } from '../../lint.ts';
import { filesOf } from '../manifest.ts';
import { importLiteLlm } from './import-config.ts';
import { fallbacksAfter, levelsOf, type RouterConfig } from './testing-semantics.ts';

const thirty = parseYaml(readFileSync(new URL('./fixtures/thirty-models.yaml', import.meta.url), 'utf8'))[0]
  ?.value as RouterConfig;

const sourcesOf = (config: unknown) =>
  [...filesOf(importLiteLlm(config).manifests)].map(([path, text]) => ({ path, text }));

/** The resources as everything behind reads them: parsed, with defaults. */
function resourcesOf(config: unknown) {
  const models = new Map<string, ModelSpec>();
  const publicNames = new Map<string, string>();
  const refs = new Map<string, string>();
  const values = new Map<string, string>();
  for (const { text } of sourcesOf(config)) {
    for (const { value } of parseYaml(text)) {
      const secret = parseSecret(value);
      if (secret.ok) values.set(secret.value.metadata.name, secret.value.data.get('key') ?? '');
      const parsed = parseResource(value);
      if (!parsed.ok) continue;
      const resource = parsed.value;
      const { name } = resource.metadata;
      if (resource.kind === 'ModelProvider') refs.set(name, resource.spec.credentials?.secretRef?.name ?? '');
      if (resource.kind !== 'Model') continue;
      const { publicName = name } = resource.spec;
      models.set(publicName, resource.spec);
      publicNames.set(name, publicName);
    }
  }
  const keyOf = (provider: string) => values.get(refs.get(provider) ?? '') ?? '';
  const namesOf = (list: readonly string[] | undefined) => (list ?? []).map((name) => publicNames.get(name));
  return { models, keyOf, namesOf };
}

/** The targets of a Model as levels of odds. */
function levelsOfModel(spec: ModelSpec, keyOf: (provider: string) => string): Map<string, number>[] {
  const priorities = [...new Set(orderedTargets(spec).map(({ priority }) => priority))];
  return priorities.map((level) => {
    const equal = spec.targets.filter(({ priority }) => priority === level);
    const sum = equal.reduce((total, { weight }) => total + weight, 0);
    return new Map(
      equal.map(({ provider, model, weight }) => [JSON.stringify([model, keyOf(provider)]), weight / sum]),
    );
  });
}

function expectAlike(config: RouterConfig, groups: readonly string[], mostFallbacks = 4): void {
  const { models, keyOf, namesOf } = resourcesOf(config);
  for (const group of groups) {
    const spec = models.get(group) as ModelSpec;
    const [ours, theirs] = [levelsOfModel(spec, keyOf), levelsOf(config, group)];
    expect(ours.map((level) => [...level.keys()].sort())).toEqual(theirs.map((level) => [...level.keys()].sort()));
    for (const [index, level] of theirs.entries()) {
      for (const [id, odds] of level) expect(ours[index]?.get(id)).toBeCloseTo(odds, 2);
    }
    const several = theirs.some(({ size }) => size > 1);
    expect([group, spec.routing?.strategy]).toEqual([group, several ? 'Weighted' : undefined]);
    for (const [field, cause] of [
      ['errors', 'errors'],
      ['contextWindow', 'context_window'],
      ['contentPolicy', 'content_policy'],
    ] as const) {
      expect([group, field, namesOf(spec.fallbacks?.[field])]).toEqual([
        group,
        field,
        fallbacksAfter(config, group, cause).slice(0, mostFallbacks),
      ]);
    }
  }
}

describe('an imported config of thirty models', () => {
  const groups = [...new Set(thirty.model_list.map(({ model_name: name }) => name))];

  it('[import:alike] has targets, order, shares and fallbacks of each name as LiteLLM has them', () => {
    expect(groups).toHaveLength(30);
    expectAlike(thirty, groups);
    const { models, keyOf } = resourcesOf(thirty);
    expect(levelsOfModel(models.get('gpt-4') as ModelSpec, keyOf)).toEqual(
      levelsOfModel(models.get('gpt-4o-mini') as ModelSpec, keyOf),
    );
    expect(models.get('gpt-4o')?.fallbacks?.contextWindow).toEqual(['gpt-5']);
    expect(models.get('grok-beta')?.fallbacks?.errors).toEqual(['kimi-beta', 'glm', 'last-resort']);
    expect(models.get('o4-mini')?.targets[0]).toMatchObject({
      price: { inputPerMillionTokens: '1.1', outputPerMillionTokens: '4.4' },
      capabilities: { contextTokens: 200_000 },
    });
  });

  it('[import:lints] passes lint without a word and is the same to the byte each time', () => {
    const sources = sourcesOf(thirty);
    expect(lintFiles(sources)).toEqual([]);
    expect(sourcesOf(structuredClone(thirty))).toEqual(sources);
  });

  it('[import:secrets] has its keys in the file of Secrets and nowhere else', () => {
    const holding = sourcesOf(thirty).filter(({ text }) => text.includes('provider-key-'));
    expect(holding.map(({ path }) => path)).toEqual(['secrets.yaml']);
    expect(JSON.stringify(importLiteLlm(thirty).findings.all)).not.toContain('provider-key-');
  });
});

describe('any config of deployments and fallbacks', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const metric = fc.option(fc.nat(30_000), { nil: undefined });
  const deployment = fc.record({
    group: fc.constantFrom(...names),
    model: fc.constantFrom('m1', 'm2', 'm3', 'm4'),
    key: fc.constantFrom('k1', 'k2'),
    order: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    weight: metric,
    rpm: metric,
    tpm: metric,
  });
  const lists = fc.uniqueArray(
    fc.tuple(fc.constantFrom(...names, '*'), fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 3 })),
    { selector: ([from]) => from, maxLength: 4 },
  );
  const config = fc
    .record({
      deployments: fc.uniqueArray(deployment, {
        // Which of two orders an identical deployment has is a question of its own.
        selector: ({ group, model, key }) => `${group} ${model} ${key}`,
        minLength: 1,
        maxLength: 20,
      }),
      fallbacks: lists,
      contextWindow: lists,
      general: fc.option(fc.constantFrom(...names), { nil: undefined }),
    })
    .map(({ deployments, fallbacks, contextWindow, general }) => ({
      model_list: deployments.map(({ group, model, key, ...params }) => ({
        model_name: group,
        litellm_params: { model: `openai/${model}`, api_key: key, ...params },
      })),
      router_settings: {
        ...(fallbacks.length === 0 ? {} : { fallbacks: fallbacks.map(([from, to]) => ({ [from]: to })) }),
        ...(contextWindow.length === 0
          ? {}
          : { context_window_fallbacks: contextWindow.map(([from, to]) => ({ [from]: to })) }),
        ...(general === undefined ? {} : { default_fallbacks: [general] }),
      },
    }));

  it('[import:alike] routes alike and lints clean', () => {
    fc.assert(
      fc.property(config, (one) => {
        const groups = [...new Set(one.model_list.map(({ model_name: name }) => name))];
        // A fallback that nobody serves is passed over by both.
        const served = (list: readonly string[]) => list.filter((name) => groups.includes(name));
        const keep = (entries: readonly Record<string, string[]>[] | undefined) =>
          entries?.map((entry) => Object.fromEntries(Object.entries(entry).map(([from, to]) => [from, served(to)])));
        const settings = one.router_settings as Record<string, never>;
        const known = {
          ...one,
          router_settings: {
            ...settings,
            ...(settings.fallbacks ? { fallbacks: keep(settings.fallbacks) } : {}),
            ...(settings.context_window_fallbacks
              ? { context_window_fallbacks: keep(settings.context_window_fallbacks) }
              : {}),
            ...(settings.default_fallbacks ? { default_fallbacks: served(settings.default_fallbacks) } : {}),
          },
        };
        expectAlike(known as RouterConfig, groups);
        expect(lintFiles(sourcesOf(known)).filter(({ severity }) => severity === 'error')).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });
});
