import { DecodeError } from '../../chat/failure.ts';
import { asArray, asNumber, asObject, asString, isObject } from '../../chat/json.ts';
import type { AssistantContent, JsonObject } from '../../chat/message.ts';
import type { ChosenOdds } from '../../chat/odds.ts';
import type { ChatResponse } from '../../chat/response.ts';
import { encodeOdds } from '../odds.ts';
import type { ResponseNames } from '../openai-chat/response.ts';
import { ANNOTATION, decodeOutputItem } from './items.ts';
import { encodeCall } from './items-encode.ts';
import { encodeReasoningItem } from './reasoning.ts';
import { decodeFinish, decodeUsage, encodeFinish, encodeUsage } from './usage.ts';

/** Reads a response. Throws DecodeError for one that failed or has no readable output; a missing usage stays absent. */
export function decodeResponse(body: unknown): ChatResponse {
  if (!isObject(body)) throw new DecodeError('wrong_shape', '', 'is not a JSON object');
  if (body.status === 'failed')
    throw new DecodeError('wrong_shape', 'status', asString(asObject(body.error)?.message) ?? 'is failed');
  if (!Array.isArray(body.output)) throw new DecodeError('wrong_shape', 'output', 'must be an array');
  const content = body.output.flatMap((item, index) => decodeOutputItem(item, `output[${index}]`));
  const created = asNumber(body.created_at);
  const usage = decodeUsage(body.usage);
  return {
    id: asString(body.id) ?? '',
    model: asString(body.model) ?? '',
    ...(created === undefined ? {} : { created }),
    content,
    finish: decodeFinish(
      body,
      content.some(({ type }) => type === 'toolCall'),
    ),
    ...(usage ? { usage } : {}),
  };
}

/** What a response is written with; `fields` are those that repeat its request and say where it is kept. */
export interface ResponseOptions extends ResponseNames {
  fields?: JsonObject;
  /** The time in Unix seconds, asked for once a response is complete. */
  now?: () => number;
}

/** Fields that a response repeats of its request, with what they are where the request says nothing. */
const repeated: JsonObject = {
  background: false,
  frequency_penalty: 0,
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  metadata: {},
  parallel_tool_calls: true,
  presence_penalty: 0,
  previous_response_id: null,
  prompt_cache_key: null,
  reasoning: { effort: null, summary: null },
  safety_identifier: null,
  service_tier: 'default',
  store: false,
  temperature: 1,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  truncation: 'disabled',
  user: null,
};

/** The fields of a request that its response repeats. */
export function repeatedFields(request: JsonObject): JsonObject {
  const fields: JsonObject = {};
  for (const [field, usual] of Object.entries(repeated)) {
    const said = request[field];
    fields[field] = said === undefined || said === null ? usual : said;
  }
  return fields;
}

/** Puts a response together around its output. */
export function responseObject(
  parts: { id: string; model: string; created: number; status: string; output: readonly JsonObject[] },
  rest: {
    fields?: JsonObject | undefined;
    usage?: JsonObject | null;
    incomplete_details?: JsonObject | null;
    now?: (() => number) | undefined;
  } = {},
): JsonObject {
  const { id, model, created, status, output } = parts;
  const { fields = repeated, usage = null, incomplete_details = null, now } = rest;
  return {
    id,
    object: 'response',
    created_at: created,
    completed_at: status === 'completed' && now !== undefined ? now() : null,
    status,
    error: null,
    incomplete_details,
    model,
    output,
    ...fields,
    usage,
  };
}

/** Writes a whole response. */
export function encodeResponse(response: ChatResponse, options: ResponseOptions = {}): JsonObject {
  const id = options.id ?? response.id;
  const { status, incomplete_details } = encodeFinish(response.finish);
  const output = encodeOutput(response.content, itemIds(id), status);
  return responseObject(
    {
      id,
      model: options.model ?? response.model,
      created: response.created ?? options.created ?? 0,
      status,
      output,
    },
    {
      fields: options.fields,
      now: options.now,
      incomplete_details,
      usage: response.usage ? encodeUsage(response.usage) : null,
    },
  );
}

/** Gives the items of a response their ids, in the order in which they are asked for. */
export function itemIds(responseId: string): (prefix: string) => string {
  const base = responseId.replace(/^[a-z]+_/, '');
  let next = 0;
  return (prefix) => `${prefix}_${base}${(next++).toString(16).padStart(4, '0')}`;
}

/** Writes blocks as items: texts and refusals that stand together are the parts of one message. */
export function encodeOutput(
  blocks: readonly AssistantContent[],
  idOf: (prefix: string) => string,
  status = 'completed',
): JsonObject[] {
  const output: JsonObject[] = [];
  let parts: JsonObject[] | undefined;
  for (const block of blocks) {
    switch (block.type) {
      case 'text':
      case 'refusal':
        if (parts === undefined) {
          parts = [];
          output.push({ id: idOf('msg'), type: 'message', status, role: 'assistant', content: parts });
        }
        parts.push(block.type === 'text' ? textPart(block.text, block.odds) : { type: 'refusal', refusal: block.text });
        continue;
      case 'opaque':
        if (block.dialect !== 'openai-responses') continue;
        if (block.kind === ANNOTATION) {
          (asArray(parts?.at(-1)?.annotations) as JsonObject[]).push(block.value);
          continue;
        }
        output.push(block.value);
        break;
      case 'toolCall':
        output.push(encodeCall(block, { id: idOf(block.kind === 'custom' ? 'ctc' : 'fc'), status: 'completed' }));
        break;
      case 'reasoning':
        output.push(encodeReasoningItem(block, idOf('rs')));
    }
    parts = undefined;
  }
  return output;
}

/** A part of a message that is text, with the odds of its tokens where they were asked for. */
export function textPart(text: string, odds: readonly ChosenOdds[] = []): JsonObject {
  return { type: 'output_text', text, annotations: [], logprobs: encodeOdds(odds) };
}
