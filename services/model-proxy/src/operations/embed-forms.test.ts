import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { modelOf, providerOf } from '../turn/testing.ts';
import { type Desk, openDesk } from './testing.ts';

let desk: Desk;
const PRICE = { inputPerMillionTokens: '1', outputPerMillionTokens: '2', perThousandSearches: '2' };
const MODELS = { c: 'cohere', o: 'ollama' } as const;

beforeAll(async () => {
  desk = await openDesk({
    models: Object.entries(MODELS).map(([publicName, type]) => ({
      ...modelOf([providerOf(type, type)], { price: PRICE }),
      publicName,
    })),
  });
});
afterAll(() => desk.close());
beforeEach(() => {
  desk.calls.length = 0;
  desk.kept.records.length = 0;
});

const json = (body: unknown) => ({ body: JSON.stringify(body) });
const VECTORS = [[0.5, -1], [1]];
const ofCohere = {
  id: 'e',
  embeddings: { float: VECTORS },
  texts: ['a', 'b'],
  meta: { billed_units: { input_tokens: 7 } },
};
const ofOllama = { model: 'm', embeddings: VECTORS, total_duration: 1, prompt_eval_count: 7 };
const sent = () => JSON.parse(desk.calls[0]?.text ?? '') as unknown;

describe('embeddings of Cohere and Ollama', () => {
  it.each([
    [
      'c',
      ofCohere,
      '/v2/embed',
      {
        model: 'cohere-model',
        texts: ['a', 'b'],
        input_type: 'search_document',
        embedding_types: ['float'],
        output_dimension: 2,
      },
    ],
    ['o', ofOllama, '/api/embed', { model: 'ollama-model', input: ['a', 'b'], truncate: false, dimensions: 2 }],
  ])('[wires:vectors] of %s are had in the form of OpenAI', async (model, answer, path, body) => {
    desk.script(() => json(answer));
    const got = await desk.post('/v1/embeddings', { model, input: ['a', 'b'], dimensions: 2 });
    expect([got.status, await got.json()]).toMatchObject([
      200,
      { model, data: [{ embedding: [0.5, -1] }, { index: 1, embedding: [1] }], usage: { prompt_tokens: 7 } },
    ]);
    expect([desk.calls[0]?.path, sent()]).toEqual([path, body]);
    expect(desk.kept.records).toMatchObject([{ inputTokens: 7, costNanoUsd: 7_000, usageEstimated: false }]);
  });

  it.each(['c', 'o'])('[wires:vectors] of %s are had in the form of Gemini, with what they are for', async (model) => {
    desk.script(() => json(model === 'c' ? ofCohere : ofOllama));
    const requests = ['a', 'b'].map((text) => ({ content: { parts: [{ text }] }, taskType: 'RETRIEVAL_QUERY' }));
    const got = await desk.post(`/gemini/v1beta/models/${model}:batchEmbedContents`, { requests });
    expect(await got.json()).toMatchObject({ embeddings: VECTORS.map((values) => ({ values })) });
    expect(sent()).toMatchObject(model === 'c' ? { input_type: 'search_query' } : { input: ['a', 'b'] });
  });

  it('[wires:vectors] are refused where Cohere could not take them, and not believed where some are missing', async () => {
    const many = Array.from({ length: 97 }, () => 'x');
    for (const input of [many, [1, 2]]) {
      const refused = await desk.post('/v1/embeddings', { model: 'c', input });
      expect([refused.status, await refused.json()]).toMatchObject([400, { error: { param: 'input' } }]);
    }
    desk.script(() => json(ofCohere));
    expect((await desk.post('/v1/embeddings', { model: 'c', input: 'x' })).status).toBe(502);
  });
});

describe('ranks of Cohere', () => {
  const body = { model: 'c', query: 'q', documents: ['a', { text: 'b' }] };

  it('[wires:vectors] are asked for in its second version, and show documents where the first would', async () => {
    const results = [{ index: 1, relevance_score: 0.9 }];
    desk.script(() => json({ id: 'r', results, meta: { billed_units: { search_units: 1 } } }));
    const got = await desk.post('/v1/rerank', { ...body, return_documents: true });
    expect(await got.json()).toMatchObject({ results: [{ index: 1, document: { text: 'b' } }] });
    expect([desk.calls[0]?.path, sent()]).toEqual([
      '/v2/rerank',
      { model: 'cohere-model', query: 'q', documents: ['a', 'b'] },
    ]);
    expect(desk.kept.records).toMatchObject([{ costNanoUsd: 2_000_000 }]);
    const plain = await desk.post('/v2/rerank', body);
    expect(await plain.json()).toMatchObject({ results });
  });

  it('[wires:vectors] are refused for documents that the second version has no word for', async () => {
    for (const [param, more] of [
      ['documents', { documents: [{ title: 't', text: 'b' }] }],
      ['rank_fields', { rank_fields: ['text'] }],
      ['return_documents', { return_documents: 'yes' }],
    ] as const) {
      const refused = await desk.post('/v1/rerank', { ...body, ...more });
      expect([refused.status, await refused.json()]).toMatchObject([400, { error: { param } }]);
    }
  });
});
