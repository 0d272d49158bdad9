import { DecodeError } from '../chat/failure.ts';
import { forTarget, invalid, modelIn, parsed, tokensOf, toldTokens, usageOf } from './fields.ts';
import { JSON_TYPE, type OperationKind } from './operation-kind.ts';
import { operationPath, servesAt } from './paths.ts';

/** Whom a request asks that names no model, as at OpenAI. */
const DEFAULT_MODEL = 'omni-moderation-latest';

/** `POST /v1/moderations`, in OpenAI's form. */
export const moderations: OperationKind = {
  endpoint: 'moderations',
  routes: ['/v1/moderations'],
  dialect: 'openai-chat',
  texts: ['input'],
  serves: servesAt('moderations'),
  read({ body, bytes }) {
    const { input } = body;
    if (typeof input !== 'string' && !(Array.isArray(input) && input.length > 0)) {
      throw invalid('input', 'must be a text or a list');
    }
    const model = modelIn(body, DEFAULT_MODEL);
    return {
      model,
      stream: false,
      estimate: (size) => usageOf({ input: tokensOf(size) }),
      exchange: (target, terms) => ({
        path: operationPath(target, 'moderations'),
        contentType: JSON_TYPE,
        body: forTarget({ body: { ...body, model }, bytes }, target, terms),
        answer: {
          kind: 'whole',
          read(text) {
            const answer = parsed(text);
            if (!Array.isArray(answer.results)) throw new DecodeError('wrong_shape', 'results', 'must be a list');
            return { body: text, usage: toldTokens(answer.usage) };
          },
        },
      }),
    };
  },
};
