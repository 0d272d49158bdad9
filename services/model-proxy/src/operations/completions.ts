import { DecodeError } from '../chat/failure.ts';
import { asArray, asObject, isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import type { Usage } from '../chat/usage.ts';
import { asUnsupported } from '../fronts/failure.ts';
import { inWordsOf } from '../fronts/field-names.ts';
import { callPath } from '../providers/define-provider.ts';
import { encodeRequestFor } from '../wire/codec.ts';
import { without } from '../wire/forward.ts';
import { decodeUsage } from '../wire/openai-chat/usage.ts';
import { spliceOr } from '../wire/splice.ts';
import { chatOf, chatReading, wantsUsage } from './completions-chat.ts';
import { eventRelay } from './event-relay.ts';
import { cannot, changesBody, countIn, flagIn, invalid, modelIn, parsed, textIn, tokensOf, usageOf } from './fields.ts';
import {
  type AnswerReading,
  type Asked,
  JSON_TYPE,
  type OperationKind,
  type OperationRequest,
  type Terms,
} from './operation-kind.ts';
import { operationPath } from './paths.ts';
import { wordsUnder } from './remember-answer.ts';

const MAX_TOKENS = 10_000_000;
const MAX_N = 128;
const MAX_PROMPTS = 256;
/** Output tokens set aside for an answer of unknown length. */
const EXPECTED_OUTPUT = 256;

/** `POST /v1/completions`, the older endpoint; at providers that have none it becomes a chat of one message. */
export const completions: OperationKind = {
  endpoint: 'completions',
  routes: ['/v1/completions'],
  dialect: 'openai-chat',
  texts: ['prompt', 'suffix', 'stop', 'user'],
  writes: true,
  // Each provider chats.
  serves: () => true,
  read,
};

function read(request: OperationRequest): Asked {
  const { body } = request;
  const prompts = promptsIn(body);
  const n = Math.max(countIn(body, 'n', MAX_N) ?? 1, countIn(body, 'best_of', MAX_N) ?? 1);
  const maxTokens = body.max_tokens === 0 ? 0 : countIn(body, 'max_tokens', MAX_TOKENS);
  const stream = flagIn(body, 'stream');
  const answers = n * prompts.length;
  return {
    model: modelIn(body),
    stream,
    user: textIn(body, 'user'),
    maxTokens,
    estimate: (bytes) =>
      usageOf({ input: tokensOf(bytes), output: Math.min(maxTokens ?? EXPECTED_OUTPUT, EXPECTED_OUTPUT) * answers }),
    exchange(target, terms) {
      const { declaration } = target.provider;
      if (declaration.paths.completions !== undefined) {
        return {
          path: operationPath(target, 'completions'),
          contentType: JSON_TYPE,
          body: forwarded(request, target.model, stream, lowered(terms, maxTokens)),
          answer: stream ? relayed(body) : { kind: 'whole', read: readWhole },
        };
      }
      const [prompt] = prompts;
      if (prompts.length > 1) throw cannot('prompt', 'it takes one prompt at a time');
      if (typeof prompt !== 'string') throw cannot('prompt', 'it takes texts, not tokens');
      const most = Math.min(maxTokens ?? Number.POSITIVE_INFINITY, terms.mostTokens ?? Number.POSITIVE_INFINITY);
      const limit = { maxTokens: Number.isFinite(most) ? most : undefined, stream };
      const encoded = encodeRequestFor(declaration, chatOf(body, target.model, prompt, limit));
      if (encoded.unsupported.length > 0) throw asUnsupported(inWordsOf('openai-chat', encoded.unsupported));
      return {
        path: callPath(declaration, target.model, stream),
        contentType: JSON_TYPE,
        body: Buffer.from(JSON.stringify(encoded.body)),
        answer: chatReading(declaration, body, { stream, prompt }),
      };
    },
  };
}

/** Where more is asked for than the Model allows, its most is what is asked for. */
function lowered(terms: Terms, maxTokens: number | undefined): Terms {
  const { mostTokens, fields } = terms;
  if (mostTokens === undefined || maxTokens === undefined || maxTokens <= mostTokens) return terms;
  return { ...terms, fields: { ...fields, max_tokens: mostTokens } };
}

type Prompt = string | readonly number[];

function promptsIn({ prompt }: JsonObject): readonly Prompt[] {
  const isTokens = (one: unknown): one is number[] =>
    Array.isArray(one) && one.length > 0 && one.every((token) => Number.isSafeInteger(token));
  if (typeof prompt === 'string' || isTokens(prompt)) return [prompt];
  if (
    !Array.isArray(prompt) ||
    !prompt.every((one) => typeof one === 'string' || isTokens(one)) ||
    prompt.length === 0
  ) {
    throw invalid('prompt', 'must be a text, a list of texts, or tokens');
  }
  if (prompt.length > MAX_PROMPTS) throw invalid('prompt', `must have at most ${MAX_PROMPTS} items`);
  return prompt as Prompt[];
}

function forwarded({ bytes, body }: OperationRequest, model: string, stream: boolean, terms: Terms): Buffer {
  const asked = stream && !wantsUsage(body);
  const written = () => ({
    ...without(body, terms.withheld),
    model,
    ...(asked
      ? { stream_options: { ...(isObject(body.stream_options) ? body.stream_options : {}), include_usage: true } }
      : {}),
    ...terms.fields,
  });
  if (changesBody(terms, body)) return Buffer.from(JSON.stringify(written()));
  return spliceOr(bytes, body, { model, ...(asked ? { streamUsage: true } : {}) }, written);
}

function relayed(body: JsonObject): AnswerReading {
  let usage: Usage | undefined;
  let done = false;
  const told = new Map<unknown, string>();
  const relay = eventRelay({
    looksAt: (data) => data.includes('"usage"') || data.includes('"text"'),
    saw(event) {
      usage = decodeUsage(event.usage) ?? usage;
      for (const one of asArray(event.choices)) {
        const { index, text } = asObject(one) ?? {};
        if (typeof text === 'string') told.set(index, (told.get(index) ?? '') + text);
      }
    },
    usage: () => usage,
  });
  const { push } = relay;
  return {
    kind: 'events',
    reader: {
      ...relay,
      words: () => [...told.values()],
      push(event) {
        if (event.data === '[DONE]') done = true;
        const frames = push(event);
        // The chunk with the usage alone was not asked for.
        const own = !wantsUsage(body) && event.data.includes('"usage"') && /"choices"\s*:\s*\[\s*\]/.test(event.data);
        return own ? '' : frames;
      },
      end() {
        if (!done) throw new DecodeError('truncated', '', 'ended before its end');
        return '';
      },
    },
  };
}

function readWhole(text: string) {
  const answer = parsed(text);
  if (!Array.isArray(answer.choices)) throw new DecodeError('wrong_shape', 'choices', 'must be a list');
  return { body: text, usage: decodeUsage(answer.usage), words: wordsUnder(answer.choices, 'text') };
}
