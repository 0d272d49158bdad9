import type { Target } from '../catalog.ts';
import { DecodeError } from '../chat/failure.ts';
import { asArray, asObject, asString } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { tokenCount, type Usage } from '../chat/usage.ts';
import {
  cannot,
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
    flagIn(body, 'return_documents');
    const searches = Math.ceil(documents.length / DOCUMENTS_A_SEARCH);
    return {
      model: modelIn(body),
      stream: false,
      attached: true,
      estimate: (size) => usageOf({ input: tokensOf(size), searches }),
      exchange: (target, terms) => ({
        path: operationPath(target, 'rerank'),
        contentType: JSON_TYPE,
        body: isOfCohere(target) ? bodyOfV2(body, target.model) : forTarget(request, target, terms),
        answer: {
          kind: 'whole',
          read(text) {
            const answer = parsed(text);
            if (!Array.isArray(answer.results)) throw new DecodeError('wrong_shape', 'results', 'must be a list');
            const shown = isOfCohere(target) && flagIn(body, 'return_documents');
            const given = shown ? withDocuments(answer, documents) : answer;
            return { body: shown ? JSON.stringify(given) : text, usage: told(answer), words: documentsIn(given) };
          },
        },
      }),
    };
  },
};

/** Cohere's own API is asked in its second version, which has less than the first. */
function isOfCohere({ provider }: Target): boolean {
  return provider.declaration.wire === 'cohere';
}

/** The second version takes texts, and shows none of them again. */
function bodyOfV2({ return_documents: _shown, ...body }: JsonObject, model: string): Buffer {
  const documents = asArray(body.documents).map((one) => {
    if (typeof one === 'string') return one;
    const text = textOf(one);
    if (text !== undefined && Object.keys(one as JsonObject).length === 1) return text;
    throw cannot('documents', 'it takes texts');
  });
  if (body.rank_fields !== undefined) throw cannot('rank_fields', 'it takes texts');
  return Buffer.from(JSON.stringify({ ...body, documents, model }));
}

function textOf(document: unknown): string | undefined {
  return asString(asObject(document)?.text);
}

function withDocuments(answer: JsonObject, documents: readonly unknown[]): JsonObject {
  const results = asArray(answer.results).map((one) => {
    const result = asObject(one) ?? {};
    const document = documents[tokenCount(result.index) ?? -1];
    return { ...result, document: { text: typeof document === 'string' ? document : textOf(document) } };
  });
  return { ...answer, results };
}

/** What was reranked, where the answer gives it back. */
function documentsIn({ results }: JsonObject): string[] {
  return asArray(results).flatMap((one) => {
    const document = asObject(one)?.document;
    return typeof document === 'string' ? [document] : Object.values(asObject(document) ?? {}).filter(isText);
  });
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** Cohere tells searches, the others tokens. */
function told(answer: JsonObject): Usage | undefined {
  const meta = asObject(answer.meta);
  const billed = asObject(meta?.billed_units);
  const searches = tokenCount(billed?.search_units);
  const tokens = toldTokens(answer.usage) ?? toldTokens(meta?.tokens);
  if (searches === undefined) return tokens;
  return { ...(tokens ?? usageOf({})), searches };
}
