import type { JsonObject } from '../../chat/message.ts';
import type { ChatRequest, Encoded } from '../../chat/request.ts';
import { encodeReasoning } from '../anthropic-messages/reasoning.ts';
import { ignorableFields } from '../openai-chat/request.ts';
import { createCallIds } from './call-id.ts';
import { encodeBlocks, type Notes } from './content.ts';
import { encodeMessages } from './messages.ts';
import { encodeTools } from './tools.ts';

/** How models of this dialect differ is told by their names; there is nothing to declare. */
export type BedrockConverseQuirks = Readonly<Record<string, never>>;

/** Claude thinks adaptively from 4.6 on; what came before is told a budget. */
const budgeted = /claude-(?:3|(?:sonnet|opus|haiku)-4-(?:[015](?:-|$)|20))/;
const DEFAULT_MAX_TOKENS = 4096;

/** Writes a request of Converse and ConverseStream; the model and whether it streams stand in the path. */
export function encodeRequest(request: ChatRequest): Encoded<JsonObject> {
  const model = request.model.toLowerCase();
  const isClaude = model.includes('claude');
  const caches = isClaude || model.includes('nova');
  const notes: Notes = { unsupported: [], adjusted: [], caches, callIds: createCallIds(), documents: 0 };
  const { messages, hoisted } = encodeMessages(request.messages, notes);
  const body: JsonObject = { messages };
  const system = encodeBlocks([...request.system, ...hoisted], 'system', notes);
  if (system.length > 0) body.system = system;
  const { toolConfig, toolChoice } = encodeTools(request, isClaude, notes);
  if (toolConfig) body.toolConfig = toolConfig;
  const inference = encodeInference(request);
  if (Object.keys(inference).length > 0) body.inferenceConfig = inference;
  const own: JsonObject = {
    ...ownFields(request, model, isClaude, notes),
    ...(toolChoice ? { tool_choice: toolChoice } : {}),
  };
  const output = encodeOutput(request, own, notes);
  if (output) body.outputConfig = output;
  if (Object.keys(own).length > 0) body.additionalModelRequestFields = own;
  encodeMetadata(request, body, notes);
  noteLosses(request, notes);
  return { body, unsupported: notes.unsupported, adjusted: notes.adjusted };
}

function encodeInference({ sampling, stop }: ChatRequest): JsonObject {
  const { maxTokens, temperature, topP } = sampling;
  return {
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(stop === undefined || stop.length === 0 ? {} : { stopSequences: stop }),
  };
}

/** What a model takes beside the fields that all have (`additionalModelRequestFields`). */
function ownFields(request: ChatRequest, model: string, isClaude: boolean, notes: Notes): JsonObject {
  const own: JsonObject = {};
  const { topK, maxTokens } = request.sampling;
  if (topK !== undefined && isClaude) own.top_k = topK;
  else if (topK !== undefined && model.includes('nova')) own.inferenceConfig = { topK };
  else if (topK !== undefined)
    notes.unsupported.push({ field: 'sampling.topK', reason: 'this model has no such parameter' });
  if (!request.reasoning) return own;
  if (isClaude) {
    const style = budgeted.test(model) ? 'budget' : 'adaptive';
    const { thinking, effort } = encodeReasoning(
      request.reasoning,
      style,
      maxTokens ?? DEFAULT_MAX_TOKENS,
      notes.adjusted,
    );
    if (thinking) own.thinking = thinking;
    if (effort !== undefined) own.output_config = { effort };
  } else if (model.includes('gpt-oss') && request.reasoning.effort !== undefined) {
    own.reasoning_effort = request.reasoning.effort;
  } else notes.adjusted.push({ field: 'reasoning', reason: 'this model is not told how much to reason' });
  return own;
}

function encodeOutput({ responseFormat }: ChatRequest, own: JsonObject, notes: Notes): JsonObject | undefined {
  // The effort has a place of its own, beside the form of the answer.
  const { output_config: effort } = own as { output_config?: JsonObject };
  delete own.output_config;
  if (responseFormat?.type === 'json_object') {
    notes.unsupported.push({ field: 'responseFormat', reason: 'Bedrock needs a schema for JSON answers' });
  }
  if (responseFormat?.type !== 'json_schema') return effort;
  const { name, description, schema } = responseFormat;
  const jsonSchema = {
    schema: JSON.stringify(schema),
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
  };
  return { ...effort, textFormat: { type: 'json_schema', structure: { jsonSchema } } };
}

/** The API keeps pairs for its logs, in few characters. */
function encodeMetadata({ metadata, user }: ChatRequest, body: JsonObject, { adjusted }: Notes): void {
  if (user !== undefined) adjusted.push({ field: 'user', reason: 'Bedrock keeps no user' });
  const pairs = Object.entries(metadata ?? {});
  if (pairs.length === 0) return;
  const fits = (text: string) => /^[A-Za-z0-9\s:_@$#=/+,.-]{0,256}$/.test(text);
  if (pairs.length <= 16 && pairs.every(([name, value]) => name !== '' && fits(name) && fits(value))) {
    body.requestMetadata = metadata;
  } else adjusted.push({ field: 'metadata', reason: 'Bedrock keeps sixteen pairs at most, in few characters' });
}

function noteLosses(request: ChatRequest, { unsupported, adjusted }: Notes): void {
  const { sampling } = request;
  const lost: [string, boolean][] = [
    ['frequencyPenalty', (sampling.frequencyPenalty ?? 0) !== 0],
    ['presencePenalty', (sampling.presencePenalty ?? 0) !== 0],
    ['seed', sampling.seed !== undefined],
    ['n', (sampling.n ?? 1) !== 1],
    ['logprobs', sampling.logprobs === true],
    ['topLogprobs', (sampling.topLogprobs ?? 0) !== 0],
    ['logitBias', Object.keys(sampling.logitBias ?? {}).length > 0],
  ];
  for (const [name, isLost] of lost) {
    if (isLost) unsupported.push({ field: `sampling.${name}`, reason: 'Bedrock has no such parameter' });
  }
  if ((sampling.temperature ?? 0) > 1) {
    unsupported.push({ field: 'sampling.temperature', reason: 'Bedrock takes 0 to 1' });
  }
  for (const [dialect, fields] of Object.entries(request.extra ?? {})) {
    for (const field of Object.keys(fields)) {
      const isIgnorable = ignorableFields.has(field) || field === 'context_management' || field === 'cache_control';
      (isIgnorable ? adjusted : unsupported).push({ field, reason: `exists in ${dialect} only` });
    }
  }
}
