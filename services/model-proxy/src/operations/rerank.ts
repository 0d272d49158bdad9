import { DecodeError } from '../chat/failure.ts';
import { asObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { tokenCount, type Usage } from '../chat/usage.ts';
import { countIn, forTarget, invalid, modelIn, parsed, textIn, tokensOf, toldTokens, usageOf } from './fields.ts';
import { JSON_TYPE, type OperationKind } from './operation-kind.ts';
import { operationPath, servesAt } from './paths.ts';

const MAX_DOCUMENTS = 10_000;
/** One search is a query with so many documents (docs.cohere.com, rerank). */
const DOCUMENTS_A_SEARCH = 100;

/** `POST /v1/rerank` and `/v2/rerank`, in Cohere's form, which Jina, Together and vLLM have as well. */
export const rerank: OperationKind = {
  endpoint: 'rerank',
  routes: ['/v1/rerank', '/v2/rerank'],
  dialect: 'openai-chat',
  texts: ['query', 'documents'],
  serves: servesAt('rerank'),
  read(request) {
    const { body } = request;
    const { documents } = body;
    if (textIn(body, 'query') === undefined) throw invalid('query', 'must be a text');
    if (!Array.isArray(documents) || documents.length === 0 || documents.length > MAX_DOCUMENTS) {
      throw invalid('documents', `must be a list of 1 to ${MAX_DOCUMENTS} documents`);
    }
    countIn(body, 'top_n', MAX_DOCUMENTS);
    const searches = Math.ceil(documents.length / DOCUMENTS_A_SEARCH);
    return {
      model: modelIn(body),
      stream: false,
      estimate: (size) => usageOf({ input: tokensOf(size), searches }),
      exchange: (target, terms) => ({
        path: operationPath(target, 'rerank'),
        contentType: JSON_TYPE,
        body: forTarget(request, target, terms),
        answer: {
          kind: 'whole',
          read(text) {
            const answer = parsed(text);
            if (!Array.isArray(answer.results)) throw new DecodeError('wrong_shape', 'results', 'must be a list');
            return { body: text, usage: told(answer) };
          },
        },
      }),
    };
  },
};

/** Cohere tells searches, the others tokens. */
function told(answer: JsonObject): Usage | undefined {
  const meta = asObject(answer.meta);
  const billed = asObject(meta?.billed_units);
  const searches = tokenCount(billed?.search_units);
  const tokens = toldTokens(answer.usage) ?? toldTokens(meta?.tokens);
  if (searches === undefined) return tokens;
  return { ...(tokens ?? usageOf({})), searches };
}
