import { DecodeError } from '../chat/failure.ts';
import type { JsonObject } from '../chat/message.ts';
import type { Usage } from '../chat/usage.ts';
import type { OperationPaths } from '../providers/define-provider.ts';
import { eventRelay } from './event-relay.ts';
import {
  countIn,
  flagIn,
  forTarget,
  invalid,
  modelIn,
  parsed,
  textIn,
  tokensOf,
  toldTokens,
  usageOf,
} from './fields.ts';
import { formFor, writeForm } from './form.ts';
import {
  type AnswerReading,
  type Asked,
  JSON_TYPE,
  type OperationKind,
  type OperationRequest,
  type Whole,
} from './operation-kind.ts';
import { operationPath, servesAt } from './paths.ts';
import { wordsUnder } from './remember-answer.ts';

const MAX_IMAGES = 10;
/** Tokens of a picture in the middle quality of models that are paid by tokens: what is set aside for one. */
const TOKENS_AN_IMAGE = 1_056;

/** `POST /v1/images/generations`, in OpenAI's form. */
export const imageGenerations: OperationKind = {
  endpoint: 'images.generations',
  routes: ['/v1/images/generations'],
  dialect: 'openai-chat',
  texts: ['prompt', 'user'],
  serves: servesAt('imageGenerations'),
  read(request) {
    if (!textIn(request.body, 'prompt')) throw invalid('prompt', 'must be a text');
    return {
      ...wanted(request.body),
      exchange: (target, terms) => ({
        path: operationPath(target, 'imageGenerations'),
        contentType: JSON_TYPE,
        body: forTarget(request, target, terms),
        answer: reading(request.body),
      }),
    };
  },
};

/** `POST /v1/images/edits`: a form with pictures and a prompt. */
export const imageEdits = ofPictures('images.edits', '/v1/images/edits', 'imageEdits');

/** `POST /v1/images/variations`: a form with a picture. */
export const imageVariations = ofPictures('images.variations', '/v1/images/variations', 'imageVariations');

function ofPictures(endpoint: string, route: string, path: keyof OperationPaths): OperationKind {
  return {
    endpoint,
    routes: [route],
    dialect: 'openai-chat',
    form: true,
    texts: ['prompt', 'user'],
    serves: servesAt(path),
    read(request) {
      const { form, body } = request as OperationRequest & Required<Pick<OperationRequest, 'form'>>;
      if (!form.files.some(({ name }) => name === 'image' || name === 'image[]')) {
        throw invalid('image', 'must be a file');
      }
      return {
        ...wanted(body),
        attached: true,
        exchange: (target, terms) => ({
          path: operationPath(target, path),
          ...writeForm(formFor(form, target.model, terms)),
          answer: reading(body),
        }),
      };
    },
  };
}

function wanted(body: JsonObject): Omit<Asked, 'exchange'> {
  const images = countIn(body, 'n', MAX_IMAGES) ?? 1;
  return {
    model: modelIn(body),
    stream: flagIn(body, 'stream'),
    user: textIn(body, 'user'),
    estimate: () =>
      usageOf({ input: tokensOf(textIn(body, 'prompt')?.length ?? 0), output: images * TOKENS_AN_IMAGE, images }),
  };
}

function reading(body: JsonObject): AnswerReading {
  if (!flagIn(body, 'stream')) return { kind: 'whole', read: readWhole };
  let images = 0;
  let usage: Usage | undefined;
  const words: string[] = [];
  const relay = eventRelay({
    // Parts of pictures are long and tell nothing.
    looksAt: (data) => data.includes('completed"'),
    saw(event) {
      if (event.type !== 'image_generation.completed' && event.type !== 'image_edit.completed') return;
      images++;
      usage = { ...(toldTokens(event.usage) ?? usageOf({})), images };
      words.push(...wordsUnder([event], 'revised_prompt'));
    },
    usage: () => usage,
  });
  return { kind: 'events', reader: { ...relay, words: () => words } };
}

function readWhole(text: string): Whole {
  const answer = parsed(text);
  if (!Array.isArray(answer.data)) throw new DecodeError('wrong_shape', 'data', 'must be a list');
  // Where tokens are not told, pictures are what is counted.
  return {
    body: text,
    usage: { ...(toldTokens(answer.usage) ?? usageOf({})), images: answer.data.length },
    words: wordsUnder(answer.data, 'revised_prompt'),
  };
}
