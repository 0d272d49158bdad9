import { DecodeError } from '../../chat/failure.ts';
import { asArray, asObject, asString, isObject, otherFields } from '../../chat/json.ts';
import type { AssistantContent, JsonObject } from '../../chat/message.ts';
import type { ChatResponse } from '../../chat/response.ts';
import { decodeFinish, decodeUsage } from './usage.ts';

const known = new Set(['id', 'finish_reason', 'message', 'usage']);

/**
 * Reads an answer of the chat. The plan of its calls is text, as other models say it. Throws DecodeError for a body without a
 * readable message.
 */
export function decodeResponse(body: unknown): ChatResponse {
  if (!isObject(body)) throw new DecodeError('wrong_shape', '', 'is not a JSON object');
  const message = asObject(body.message);
  if (!message) throw new DecodeError('wrong_shape', 'message', 'must be an object');
  const plan = asString(message.tool_plan);
  const content: AssistantContent[] = [
    ...(plan ? [{ type: 'text' as const, text: plan }] : []),
    ...decodeContent(message),
    ...asArray(message.tool_calls).map((call, index) => decodeCall(call, `message.tool_calls[${index}]`)),
  ];
  const usage = decodeUsage(body.usage);
  const other = otherFields(body, known);
  return {
    id: asString(body.id) ?? '',
    model: '',
    content,
    finish: decodeFinish(
      body.finish_reason,
      content.some(({ type }) => type === 'toolCall'),
    ),
    ...(usage ? { usage } : {}),
    ...(other ? { extra: { cohere: other } } : {}),
  };
}

function decodeContent({ content, citations }: JsonObject): AssistantContent[] {
  const items = typeof content === 'string' ? [{ type: 'text', text: content }] : asArray(content);
  return items.flatMap((value, index): AssistantContent[] => {
    if (!isObject(value)) throw new DecodeError('wrong_shape', `message.content[${index}]`, 'must be an object');
    const { type } = value;
    if (type === 'thinking') {
      const text = asString(value.thinking) ?? '';
      return text === '' ? [] : [{ type: 'reasoning', text }];
    }
    if (type !== 'text') return [{ type: 'opaque', dialect: 'cohere', kind: asString(type) ?? '', value }];
    const text = asString(value.text) ?? '';
    if (text === '') return [];
    const cited = asArray(citations).filter((one) => citedIn(asObject(one)) === index);
    return [{ type: 'text', text, ...(cited.length > 0 ? { extra: { cohere: { citations: cited } } } : {}) }];
  });
}

/** The place of the words that a source stands for: the first, where it is not told. */
function citedIn(citation: JsonObject | undefined): number | undefined {
  if (citation?.type === 'PLAN') return undefined;
  return typeof citation?.content_index === 'number' ? citation.content_index : 0;
}

function decodeCall(value: unknown, path: string): AssistantContent {
  const { id, name, args } = readCall(value, path);
  return { type: 'toolCall', id, name, arguments: args };
}

/** Reads a call, whole or as a stream begins it. Throws DecodeError where it has no id or no name. */
export function readCall(value: unknown, path: string): { id: string; name: string; args: string } {
  const call = asObject(value);
  const named = asObject(call?.function);
  const id = asString(call?.id);
  const name = asString(named?.name);
  if (!id || !name) throw new DecodeError('wrong_shape', path, 'must have an id and a name');
  return { id, name, args: asString(named?.arguments) ?? '' };
}
