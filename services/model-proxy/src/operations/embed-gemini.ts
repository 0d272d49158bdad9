import { DecodeError } from '../chat/failure.ts';
import { asArray, asObject, isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { tokenCount, type Usage } from '../chat/usage.ts';
import { cannot, countIn, invalid, modelIn, parsed, tokensOf, usageOf } from './fields.ts';
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
      const sent = openAiBody(target.model, requests);
      const answer = (text: string): Whole => {
        const { vectors, usage } = openAiVectors(text, requests.length);
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

function openAiBody(model: string, requests: readonly EmbedRequest[]): JsonObject {
  const dimensions = requests.map(({ own }) => countIn(own, 'outputDimensionality', MAX_DIMENSIONS));
  if (dimensions.some((one) => one !== dimensions[0]))
    throw cannot('outputDimensionality', 'all must be of one length');
  for (const { own } of requests) {
    const other = Object.keys(own).find((key) => key !== 'outputDimensionality' && key !== 'taskType');
    if (other !== undefined) throw cannot(other, 'it has no word for it');
  }
  return {
    model,
    input: requests.map(({ texts }) => texts.join('')),
    encoding_format: 'float',
    ...(dimensions[0] === undefined ? {} : { dimensions: dimensions[0] }),
  };
}

/** Gemini's request for some texts; `own` stands in each. */
export function asGemini(model: string, texts: readonly string[], own: JsonObject): JsonObject {
  return { requests: texts.map((text) => ({ ...own, model: `models/${model}`, content: { parts: [{ text }] } })) };
}

/** The vectors of Gemini's answer. Throws DecodeError. */
export function fromGemini(text: string, count: number): { vectors: number[][]; usage: Usage | undefined } {
  const answer = parsed(text);
  const vectors = asArray(answer.embeddings).map((one) => asObject(one)?.values);
  const isVector = (one: unknown): one is number[] => Array.isArray(one) && one.every((n) => typeof n === 'number');
  if (vectors.length !== count || !vectors.every(isVector)) {
    throw new DecodeError('wrong_shape', 'embeddings', `must hold ${count} vectors`);
  }
  const told = tokenCount(asObject(answer.usageMetadata)?.promptTokenCount);
  return { vectors, usage: told === undefined ? undefined : usageOf({ input: told }) };
}

function geminiAnswer(vectors: readonly (readonly number[])[], batch: boolean, usage: Usage | undefined): JsonObject {
  const list = vectors.map((values) => ({ values }));
  const told = usage === undefined ? {} : { usageMetadata: { promptTokenCount: usage.input } };
  return { ...(batch ? { embeddings: list } : { embedding: list[0] }), ...told };
}
