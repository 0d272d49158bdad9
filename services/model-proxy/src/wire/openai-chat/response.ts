import { DecodeError } from '../../chat/failure.ts';
import type { FinishReason } from '../../chat/finish.ts';
import { asArray, asNumber, asObject, asString, isObject, otherFields } from '../../chat/json.ts';
import type { AssistantContent, JsonObject } from '../../chat/message.ts';
import type { Alternative, ChatResponse } from '../../chat/response.ts';
import { decodeOdds, encodeOdds, oddsOfText } from '../odds.ts';
import { listedSources } from '../sources.ts';
import { decodeAssistant, encodeAssistantContent, encodeReasoningDetail } from './messages.ts';
import { decodeFinish, decodeUsage, encodeFinish, encodeUsage } from './usage.ts';

const known = new Set(['id', 'object', 'created', 'model', 'choices', 'usage']);

/**
 * Reads a chat completion. Throws DecodeError for a body without a readable first choice; a missing usage stays absent
 * and unknown fields are kept in `extra`.
 */
export function decodeResponse(body: unknown): ChatResponse {
  if (!isObject(body)) throw new DecodeError('wrong_shape', '', 'is not a JSON object');
  const choices = asArray(body.choices).map(decodeChoice);
  const first = choices[0];
  if (!first) throw new DecodeError('wrong_shape', 'choices', 'must hold an answer');
  const created = asNumber(body.created);
  const usage = decodeUsage(body.usage);
  const other = otherFields(body, known);
  return {
    id: asString(body.id) ?? '',
    model: asString(body.model) ?? '',
    ...(created === undefined ? {} : { created }),
    content: first.content,
    finish: first.finish,
    ...(usage ? { usage } : {}),
    ...(cites(body) ? { cites: true as const, sources: listedSources(body, annotationsOf(body)) } : {}),
    ...(choices.length > 1 ? { alternatives: choices.slice(1) } : {}),
    ...(other ? { extra: { 'openai-chat': other } } : {}),
  };
}

/** Perplexity and others list sources beside the answer, OpenAI marks them in the text. */
function cites({ citations, search_results: results, choices }: JsonObject): boolean {
  if (asArray(citations).length > 0 || asArray(results).length > 0) return true;
  return asArray(choices).some((choice) => asArray(asObject(asObject(choice)?.message)?.annotations).length > 0);
}

function annotationsOf({ choices }: JsonObject): unknown {
  return asObject(asObject(asArray(choices)[0])?.message)?.annotations;
}

function decodeChoice(choice: unknown, position: number): Alternative {
  const path = `choices[${position}]`;
  const message = asObject(asObject(choice)?.message);
  if (!isObject(choice) || !message) throw new DecodeError('wrong_shape', `${path}.message`, 'must be an object');
  const { content } = decodeAssistant(withCallIds(message, path), `${path}.message`);
  const hasToolCalls = content.some((block) => block.type === 'toolCall');
  addOdds(content, choice.logprobs, hasToolCalls);
  return { index: position, content, finish: decodeFinish(choice.finish_reason, hasToolCalls) };
}

/** The odds of a message's tokens stand beside it. */
function addOdds(content: AssistantContent[], logprobs: unknown, hasCalls: boolean): void {
  if (logprobs === undefined || logprobs === null) return;
  const texts = content.filter((block) => block.type === 'text');
  const text = texts.map((block) => block.text).join('');
  const odds = oddsOfText(decodeOdds(asObject(logprobs)?.content), text, hasCalls);
  const last = texts.at(-1);
  if (last !== undefined && odds !== undefined) last.odds = odds;
}

/** A call without an id cannot be answered by the client, so it gets one from its place. */
function withCallIds(message: JsonObject, path: string): JsonObject {
  const calls = message.tool_calls;
  if (!Array.isArray(calls) || calls.every((call) => asString(asObject(call)?.id))) return message;
  const filled = calls.map((call: unknown, index) =>
    isObject(call) && !asString(call.id) ? { ...call, id: `call_${path.replace(/\D/g, '')}_${index}` } : call,
  );
  return { ...message, tool_calls: filled };
}

/** What replaces the provider's own words in a rendered answer. */
export interface ResponseNames {
  id?: string;
  model?: string;
  /** Unix seconds, where the provider told none. */
  created?: number;
}

/** Writes a chat completion. Reasoning goes to `reasoning_content`, signed parts to `reasoning_details` as well. */
export function encodeResponse(response: ChatResponse, names: ResponseNames = {}): JsonObject {
  const choices = [encodeChoice(0, response.content, response.finish)];
  for (const { index, content, finish } of response.alternatives ?? [])
    choices.push(encodeChoice(index, content, finish));
  return {
    id: names.id ?? response.id,
    object: 'chat.completion',
    created: response.created ?? names.created ?? 0,
    model: names.model ?? response.model,
    choices,
    // OpenRouter's own SDKs take no answer without it.
    system_fingerprint: null,
    ...(response.usage ? { usage: encodeUsage(response.usage) } : {}),
    ...response.extra?.['openai-chat'],
  };
}

function encodeChoice(index: number, content: readonly AssistantContent[], finish: FinishReason): JsonObject {
  // What this dialect cannot say of an answer is left out: the caller refused such requests before the call.
  const message = encodeAssistantContent(content, '', []);
  if (Array.isArray(message.content)) message.content = content.map((b) => (b.type === 'text' ? b.text : '')).join('');
  message.refusal ??= null;
  const reasoning = content.filter((block) => block.type === 'reasoning');
  const text = reasoning.map((block) => block.text).join('');
  if (text) message.reasoning_content = text;
  if (reasoning.some((block) => block.signature !== undefined || block.redacted !== undefined)) {
    message.reasoning_details = reasoning.map(encodeReasoningDetail);
  }
  const odds = content.flatMap((block) => (block.type === 'text' ? (block.odds ?? []) : []));
  const logprobs = odds.length === 0 ? null : { content: encodeOdds(odds), refusal: null };
  return { index, message, logprobs, finish_reason: encodeFinish(finish) };
}
