import { describe, expect, it } from '@jest/globals';
import { model } from '@sallyport/custom-resources/model';
import type { Target } from '../catalog.ts';
import { providerOf } from '../turn/testing.ts';
import { capabilitiesOf } from './capabilities.ts';
import { bareName } from './facts.ts';
import { knownModels } from './known-models.ts';

const target = (name: string, fields: object = {}): Target => {
  const spec = model.spec.parse({ targets: [{ provider: 'p', model: name, ...fields }] }).targets[0];
  return { provider: providerOf('openai-compatible', 'p'), model: name, ...(spec ? { spec } : {}) };
};

describe('what a target can do', () => {
  it('[providers:capabilities] is what the Model says, else what is known of the model, else unknown', () => {
    expect(capabilitiesOf(target('gpt-4o-mini'))).toMatchObject({
      contextTokens: 128_000,
      input: new Set(['text', 'image', 'file']),
      tools: true,
      reasoning: false,
    });
    const declared = { tools: false, contextTokens: 9_000, input: ['Text', 'Audio'] };
    const own = { capabilities: declared, region: 'eu', dataCollection: 'Deny' };
    expect(capabilitiesOf(target('gpt-4o-mini', own))).toMatchObject({
      contextTokens: 9_000,
      input: new Set(['text', 'audio']),
      tools: false,
      reasoning: false,
      region: 'eu',
      dataCollection: 'deny',
    });
    expect(capabilitiesOf(target('of-nobody'))).toEqual({});
  });

  it('[providers:capabilities] at a host is what the host offers of it, where the price list tells that', () => {
    const at = (type: string, model: string) => capabilitiesOf({ provider: providerOf(type), model }).contextTokens;
    expect(at('novita', 'meta-llama/llama-3.3-70b-instruct')).toBe(12_288);
    expect(at('vllm', 'meta-llama/Llama-3.3-70B-Instruct')).toBe(131_072);
    expect(at('deepseek', 'deepseek-chat')).toBe(131_072);
    expect(at('openai', 'gpt-4o-mini')).toBe(128_000);
  });

  it('[providers:capabilities] is worked out once for a target of a snapshot', () => {
    const one = target('o3');
    expect(capabilitiesOf(one)).toBe(capabilitiesOf(one));
  });

  it.each([
    ['openai/gpt-4o:free', 'gpt-4o'],
    ['accounts/fireworks/models/llama-v3p3-70b-instruct', 'llama-3.3-70b-instruct'],
    ['accounts/fireworks/models/qwen3p7-plus', 'qwen3.7-plus'],
    ['meta-llama/Llama-3.3-70B-Instruct-Turbo', 'llama-3.3-70b-instruct-turbo'],
    ['Meta-Llama-3.3-70B-Instruct', 'llama-3.3-70b-instruct'],
    ['llama3.1-8b', 'llama-3.1-8b'],
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'claude-sonnet-4-5-20250929-v1'],
    ['claude-3-5-haiku@20241022', 'claude-3-5-haiku@20241022'],
  ])('[providers:capabilities] knows %s by the name %s', (name, bare) => {
    expect(bareName(name)).toBe(bare);
  });

  it.each(['sonar-pro', 'gpt-4o-search-preview', 'gpt-5-search-api', 'o3-deep-research', 'groq/compound-mini'])(
    '[providers:retrieves] %s is known to retrieve by itself',
    (name) => {
      expect(capabilitiesOf(target(name)).retrieves).toBe(true);
    },
  );

  it('[providers:capabilities] every fact has a source and a date, and every beginning stands once', () => {
    for (const one of knownModels) {
      expect(one).toMatchObject({ page: expect.any(String), source: expect.any(String) });
      expect(one.asOf).toMatch(/^\d{4}-\d\d-\d\d$/);
    }
    expect(new Set(knownModels.map(({ begins }) => begins)).size).toBe(knownModels.length);
  });
});
