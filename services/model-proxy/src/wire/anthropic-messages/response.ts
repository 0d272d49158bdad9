import { DecodeError } from '../../chat/failure.ts';
import { asString, isObject, otherFields } from '../../chat/json.ts';
import type { AssistantContent, JsonObject } from '../../chat/message.ts';
import type { ChatResponse } from '../../chat/response.ts';
import { noUsage } from '../../chat/usage.ts';
import { isGeminiSignature } from '../gemini/signature.ts';
import type { ResponseNames } from '../openai-chat/response.ts';
import { decodeAssistantContent } from './content.ts';
import { encodeBlocks, type Notes } from './content-encode.ts';
import { decodeFinish, decodeUsage, encodeFinish, encodeUsage } from './usage.ts';

const known = new Set(['id', 'type', 'role', 'model', 'content', 'stop_reason', 'stop_sequence', 'usage']);

/** Reads a message. Throws DecodeError for a body without readable content; a missing usage stays absent. */
export function decodeResponse(body: unknown): ChatResponse {
  if (!isObject(body)) throw new DecodeError('wrong_shape', '', 'is not a JSON object');
  if (!Array.isArray(body.content)) throw new DecodeError('wrong_shape', 'content', 'must be an array');
  const content = decodeAssistantContent(body.content, 'content');
  const hasToolCalls = content.some((block) => block.type === 'toolCall');
  const usage = decodeUsage(body.usage);
  const other = otherFields(body, known);
  return {
    id: asString(body.id) ?? '',
    model: asString(body.model) ?? '',
    content,
    finish: decodeFinish(body.stop_reason, body.stop_sequence, hasToolCalls),
    ...(usage ? { usage } : {}),
    ...(other ? { extra: { 'anthropic-messages': other } } : {}),
  };
}

/**
 * Writes a message. Throws DecodeError where a tool call's arguments are no JSON object: the dialect cannot say them and
 * an empty object would run the tool with something else.
 */
export function encodeResponse(response: ChatResponse, names: ResponseNames = {}): JsonObject {
  const notes: Notes = { unsupported: [], adjusted: [] };
  const unsigned = withLateProof(response.content).map((block) =>
    // A client shows reasoning without a signature all the same; it must not send it back, and Anthropic would refuse it.
    block.type === 'reasoning' && block.redacted === undefined ? { ...block, signature: block.signature ?? '' } : block,
  );
  const content = encodeBlocks(unsigned, 'content', notes);
  const bad = notes.unsupported.find(({ field }) => field.endsWith('.arguments'));
  if (bad) throw new DecodeError('not_json', bad.field, 'must be a JSON object');
  return {
    id: names.id ?? response.id,
    type: 'message',
    role: 'assistant',
    model: names.model ?? response.model,
    content,
    ...encodeFinish(response.finish),
    usage: encodeUsage(response.usage ?? noUsage),
    ...response.extra?.['anthropic-messages'],
  };
}

/**
 * Gemini proves its thoughts without telling them: an empty block before the text would be taken for the answer's first. Behind
 * all else it goes back to Gemini as the part without text that Gemini itself ends its streams with.
 */
function withLateProof(content: readonly AssistantContent[]): readonly AssistantContent[] {
  const [first, next] = content;
  const isBare = first?.type === 'reasoning' && first.text === '' && isGeminiSignature(first.signature ?? '');
  const isBeforeText = (next?.type === 'text' || next?.type === 'refusal') && next.text !== '';
  return isBare && isBeforeText ? [...content.slice(1), first] : content;
}
