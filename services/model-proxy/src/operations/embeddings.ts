import type { JsonObject } from '../chat/message.ts';
import { embedForm } from './embed-forms.ts';
import { cannot, countIn, forTarget, invalid, modelIn, textIn, tokensOf, usageOf } from './fields.ts';
import { type Asked, JSON_TYPE, type OperationKind, type OperationRequest, type Whole } from './operation-kind.ts';
import { operationPath, servesAt } from './paths.ts';
import { inForm, openAiAnswer } from './vectors.ts';

const MAX_INPUTS = 2048;
const MAX_DIMENSIONS = 65_536;

/** `POST /v1/embeddings`, in OpenAI's form. */
export const embeddings: OperationKind = {
  endpoint: 'embeddings',
  routes: ['/v1/embeddings'],
  dialect: 'openai-chat',
  texts: ['input', 'user'],
  serves: servesAt('embeddings'),
  read,
};

/** What is to be embedded: texts, or lists of tokens. */
export type EmbedInput = string | readonly number[];

function read(request: OperationRequest): Asked {
  const { body } = request;
  const inputs = inputsIn(body);
  const dimensions = countIn(body, 'dimensions', MAX_DIMENSIONS);
  const base64 = encodingIn(body) === 'base64';
  const model = modelIn(body);
  return {
    model,
    stream: false,
    user: textIn(body, 'user'),
    estimate: (bytes) => usageOf({ input: tokensOf(bytes) }),
    exchange(target, terms) {
      const path = operationPath(target, 'embeddings');
      const form = embedForm(target.provider.declaration.wire);
      if (form === undefined) {
        const encoded = (text: string): Whole => inForm(text, base64);
        return {
          path,
          contentType: JSON_TYPE,
          body: forTarget(request, target, terms),
          answer: { kind: 'whole', read: encoded },
        };
      }
      const texts = inputs.map((input) => {
        if (typeof input === 'string') return input;
        throw cannot('input', 'it takes texts, not tokens');
      });
      const shape = form.body({ model: target.model, texts, dimensions, purpose: textIn(body, 'input_type') });
      const answer = (text: string): Whole => {
        const { vectors, usage } = form.read(text, texts.length);
        return { body: JSON.stringify(openAiAnswer(model, vectors, base64, usage)), usage };
      };
      return {
        path,
        contentType: JSON_TYPE,
        body: Buffer.from(JSON.stringify(shape)),
        answer: { kind: 'whole', read: answer },
      };
    },
  };
}

function inputsIn({ input }: JsonObject): readonly EmbedInput[] {
  const list = typeof input === 'string' || isTokens(input) ? [input] : input;
  if (!Array.isArray(list) || list.length === 0 || !list.every(isInput)) {
    throw invalid('input', 'must be a text, a list of texts, or tokens');
  }
  if (list.length > MAX_INPUTS) throw invalid('input', `must have at most ${MAX_INPUTS} items`);
  return list;
}

function isTokens(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every((token) => Number.isSafeInteger(token));
}

function isInput(value: unknown): value is EmbedInput {
  return typeof value === 'string' || isTokens(value);
}

function encodingIn({ encoding_format: format }: JsonObject): 'float' | 'base64' {
  if (format === undefined || format === null || format === 'float') return 'float';
  if (format === 'base64') return 'base64';
  throw invalid('encoding_format', 'must be float or base64');
}
