import { readBody } from '@sallyport/chassis/http/body';
import { parseJson } from '@sallyport/chassis/http/json';
import type { OpenWorks } from '@sallyport/peers/open-work';
import type { Request } from 'express';
import type { JsonObject } from '../chat/message.ts';
import { renderCount } from '../fronts/anthropic/count-tokens.ts';
import { parseCountRequest } from '../fronts/anthropic/parse.ts';
import { asClientFault } from '../fronts/body.ts';
import { parseRequest, withCall } from '../fronts/gemini/parse.ts';
import { countHandler } from '../operations/count.ts';
import type { Gate } from '../turn/gate.ts';
import { objectField } from '../wire/gemini/field.ts';
import { inspectRequest as inspectResponses } from '../wire/openai-responses/inspect.ts';
import { callOf } from './gemini-path.ts';
import { prepareResponses, RESPONSES } from './responses.ts';

/** `POST /v1/messages/count_tokens`: counted by the provider where the model's first target is one that can, else estimated. */
export function countTokens(gate: Gate, open: OpenWorks) {
  return countHandler(gate, open, {
    endpoint: 'messages.count_tokens',
    of: 'messages',
    dialect: 'anthropic-messages',
    async read(req) {
      const { bytes, parsed } = await bodyOf(gate, req);
      return { ...parseCountRequest(parsed), bytes };
    },
    render: renderCount,
  });
}

/** `POST …/models/{model}:countTokens`, with contents or with a whole request of generateContent: estimated. */
export function countGemini(gate: Gate, open: OpenWorks) {
  return countHandler(gate, open, {
    endpoint: 'countTokens',
    of: 'generateContent',
    dialect: 'gemini',
    async read(req) {
      const { bytes, parsed } = await bodyOf(gate, req);
      const given = parsed as JsonObject | null;
      const { model: _model, ...whole } =
        asClientFault(() => objectField(given ?? undefined, 'generateContentRequest')) ?? {};
      return { ...parseRequest(withCall(Object.keys(whole).length > 0 ? whole : given, callOf(req))), bytes };
    },
    render: (totalTokens) => ({ totalTokens }),
  });
}

/** `POST /v1/responses/input_tokens`: the whole context of a request, estimated. */
export function countInput(gate: Gate, open: OpenWorks) {
  const prepare = prepareResponses(gate);
  return countHandler(gate, open, {
    endpoint: 'responses.input_tokens',
    of: RESPONSES,
    dialect: 'openai-responses',
    async read(req, res) {
      const given = await bodyOf(gate, req);
      const { body } = await prepare(req, res, given.parsed, given.bytes);
      return { body, bytes: given.bytes, facts: asClientFault(() => inspectResponses(body)) };
    },
    render: (tokens) => ({ object: 'response.input_tokens', input_tokens: tokens }),
  });
}

async function bodyOf({ config }: Pick<Gate, 'config'>, req: Request) {
  const bytes = await readBody(req, { limitBytes: config.request.maxBytes });
  return { bytes, parsed: parseJson(bytes, { maxDepth: config.request.maxDepth }) };
}
