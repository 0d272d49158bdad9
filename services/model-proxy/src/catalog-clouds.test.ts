import { describe, expect, it } from '@jest/globals';
import { compileCatalog } from './catalog.ts';
import { callPath } from './providers/define-provider.ts';

const item = (name: string, spec: object) => ({
  tenant: 'acme',
  name,
  uid: `uid-${name}`,
  generation: 1,
  createdAtMs: 0,
  spec,
});

/** How models of a provider are called: wire and path, whole and as a stream. */
function callsOf(provider: object, models: readonly string[]) {
  const timeouts = { connectSeconds: 1, firstByteSeconds: 1, idleSeconds: 1, totalSeconds: 1 };
  const target = (model: string) => ({ provider: 'cloud', model, weight: 1, priority: 0 });
  const { models: compiled } = compileCatalog(
    models.map((model, index) => item(`m${index}`, { targets: [target(model)] })) as never,
    [item('cloud', { timeouts, ...provider })] as never,
  );
  return models.map((model, index) => {
    const found = compiled.get('acme')?.get(`m${index}`)?.targets[0];
    if (found === undefined) throw new Error(`no target for ${model}`);
    const { declaration } = found.provider;
    return [declaration.wire, callPath(declaration, model, false), callPath(declaration, model, true)];
  });
}

describe('a model of a cloud', () => {
  it('[clouds:paths] is called by the path and in the wire that its provider has for it', () => {
    const at = '/v1/projects/p/locations/eu/publishers';
    const vertex = { type: 'vertex', google: { project: 'p', location: 'eu' } };
    expect(callsOf(vertex, ['gemini-3-pro', 'claude-opus-4-6@20260101'])).toEqual([
      [
        'gemini',
        `${at}/google/models/gemini-3-pro:generateContent`,
        `${at}/google/models/gemini-3-pro:streamGenerateContent?alt=sse`,
      ],
      [
        'anthropic-messages',
        `${at}/anthropic/models/claude-opus-4-6%4020260101:rawPredict`,
        `${at}/anthropic/models/claude-opus-4-6%4020260101:streamRawPredict`,
      ],
    ]);
    const arn = 'arn:aws:bedrock:eu-central-1:123456789012:inference-profile/../x';
    const escaped = '/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Ainference-profile%2F..%2Fx';
    expect(callsOf({ type: 'bedrock', aws: { region: 'eu-central-1' } }, [arn])).toEqual([
      ['bedrock-converse', `${escaped}/converse`, `${escaped}/converse-stream`],
    ]);
    const baseURL = 'https://acme.example';
    const version = (apiVersion: string) => `/openai/deployments/gpt/chat/completions?api-version=${apiVersion}`;
    expect(callsOf({ type: 'azure-openai', baseURL }, ['gpt'])[0]?.[1]).toBe(version('2024-10-21'));
    const azure = { apiVersion: '2025-04-01-preview' };
    expect(callsOf({ type: 'azure-openai', baseURL, azure }, ['gpt'])[0]?.[1]).toBe(version('2025-04-01-preview'));
    expect(callsOf({ type: 'azure-foundry', baseURL }, ['gpt-5', 'claude-sonnet-4-5', 'DeepSeek-R1'])).toEqual([
      ['openai-chat', '/openai/v1/chat/completions', '/openai/v1/chat/completions'],
      ['anthropic-messages', '/anthropic/v1/messages', '/anthropic/v1/messages'],
      ['openai-chat', '/openai/v1/chat/completions', '/openai/v1/chat/completions'],
    ]);
  });
});
