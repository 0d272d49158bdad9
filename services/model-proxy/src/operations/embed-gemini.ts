import { isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import type { Usage } from '../chat/usage.ts';
import { type Embedding, embedForm, fromGemini } from './embed-forms.ts';
import { cannot, countIn, invalid, modelIn, tokensOf, usageOf } from './fields.ts';
import { type Asked, JSON_TYPE, type OperationKind, type OperationRequest, type Whole } from './operation-kind.ts';
import { operationPath, servesAt } from './paths.ts';
import { openAiVectors } from './vectors.ts';

const MAX_REQUESTS = 2048;
const MAX_DIMENSIONS = 65_536;

/** Methods of Gemini's models that embed, as the end of a path names them. */
export type EmbedMethod = 'embedContent' | 'batchEmbedContents';

/** `POST …/models/{model}:embedContent` and `:batchEmbedContents`. The body has `model` and `method` from its path. */
export const embedContent: OperationKind = {
  endpoint: 'embedContent',
  routes: [],
  dialect: 'gemini',
  texts: [],
  serves: servesAt('embeddings'),
  read,
};

/** One request of a batch. */
interface EmbedRequest {
  readonly content: JsonObject;
  readonly texts: readonly string[];
  readonly own: JsonObject;
}

function read({ body }: OperationRequest): Asked {
  const batch = body.method === 'batchEmbedContents';
  const model = modelIn(body);
  const list = batch ? body.requests : [body];
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_REQUESTS) {
    throw invalid('requests', `must hold 1 to ${MAX_REQUESTS} requests`);
  }
  const requests = list.map((one, index) => requestOf(one, batch ? `requests[${index}].` : '', model));
  return {
    model,
    stream: false,
    estimate: (bytes) => usageOf({ input: tokensOf(bytes) }),
    exchange(target) {
      const path = operationPath(target, 'embeddings');
      if (target.provider.declaration.wire === 'gemini') {
        const named = { model: `models/${target.model}` };
        const sent = { requests: requests.map(({ content, own }) => ({ ...own, ...named, content })) };
        const answer = (text: string): Whole => {
          const { vectors, usage } = fromGemini(text, requests.length);
          return { body: JSON.stringify(geminiAnswer(vectors, batch, usage)), usage };
        };
        return {
          path,
          contentType: JSON_TYPE,
          body: Buffer.from(JSON.stringify(sent)),
          answer: { kind: 'whole', read: answer },
        };
      }
      const form = embedForm(target.provider.declaration.wire);
      const sent = form ? form.body(embeddingOf(target.model, requests)) : openAiBody(target.model, requests);
      const answer = (text: string): Whole => {
        const { vectors, usage } = (form?.read ?? openAiVectors)(text, requests.length);
        return { body: JSON.stringify(geminiAnswer(vectors, batch, usage)), usage };
      };
      return {
        path,
        contentType: JSON_TYPE,
        body: Buffer.from(JSON.stringify(sent)),
        answer: { kind: 'whole', read: answer },
      };
    },
  };
}

function requestOf(value: unknown, at: string, model: string): EmbedRequest {
  if (!isObject(value)) throw invalid(at.slice(0, -1), 'must be an object');
  const { content, model: named, method: _method, ...own } = value;
  // Each request of a batch names the model once more.
  if (at !== '' && named !== undefined && named !== `models/${model}` && named !== model) {
    throw invalid(`${at}model`, 'must be the model of the path');
  }
  if (!isObject(content) || !Array.isArray(content.parts) || content.parts.length === 0) {
    throw invalid(`${at}content.parts`, 'must be a list of parts');
  }
  const texts = content.parts.map((part, index) => {
    const keys = isObject(part) ? Object.keys(part) : [];
    const text = isObject(part) ? part.text : undefined;
    if (keys.length === 1 && typeof text === 'string') return text;
    throw invalid(`${at}content.parts[${index}]`, 'must be a text and nothing else');
  });
  return { content, texts, own };
}

/** What vectors are for, as others say it (docs.cohere.com/reference/embed, `input_type`). */
const purposes: Readonly<Record<string, string>> = {
  RETRIEVAL_QUERY: 'search_query',
  QUESTION_ANSWERING: 'search_query',
  FACT_VERIFICATION: 'search_query',
  CODE_RETRIEVAL_QUERY: 'search_query',
  RETRIEVAL_DOCUMENT: 'search_document',
  CLASSIFICATION: 'classification',
  CLUSTERING: 'clustering',
};

function embeddingOf(model: string, requests: readonly EmbedRequest[]): Embedding {
  const task = String(requests[0]?.own.taskType ?? '');
  if (requests.some(({ own }) => String(own.taskType ?? '') !== task)) throw cannot('taskType', 'all must have one');
  return {
    model,
    texts: requests.map(({ texts }) => texts.join('')),
    dimensions: dimensionsIn(requests),
    purpose: Object.hasOwn(purposes, task) ? purposes[task] : undefined,
  };
}

function openAiBody(model: string, requests: readonly EmbedRequest[]): JsonObject {
  const dimensions = dimensionsIn(requests);
  return {
    model,
    input: requests.map(({ texts }) => texts.join('')),
    encoding_format: 'float',
    ...(dimensions === undefined ? {} : { dimensions }),
  };
}

/** The length that all vectors are to have. Throws `unsupported` for what only Gemini has a word for. */
function dimensionsIn(requests: readonly EmbedRequest[]): number | undefined {
  const dimensions = requests.map(({ own }) => countIn(own, 'outputDimensionality', MAX_DIMENSIONS));
  if (dimensions.some((one) => one !== dimensions[0]))
    throw cannot('outputDimensionality', 'all must be of one length');
  for (const { own } of requests) {
    const other = Object.keys(own).find((key) => key !== 'outputDimensionality' && key !== 'taskType');
    if (other !== undefined) throw cannot(other, 'it has no word for it');
  }
  return dimensions[0];
}

function geminiAnswer(vectors: readonly (readonly number[])[], batch: boolean, usage: Usage | undefined): JsonObject {
  const list = vectors.map((values) => ({ values }));
  const told = usage === undefined ? {} : { usageMetadata: { promptTokenCount: usage.input } };
  return { ...(batch ? { embeddings: list } : { embedding: list[0] }), ...told };
}
