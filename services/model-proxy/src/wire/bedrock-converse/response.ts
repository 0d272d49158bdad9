import { DecodeError } from '../../chat/failure.ts';
import { asArray, asObject, asString, isObject, otherFields } from '../../chat/json.ts';
import type { AssistantContent, JsonObject } from '../../chat/message.ts';
import type { ChatResponse } from '../../chat/response.ts';
import { decodeFinish, decodeUsage } from './usage.ts';

const known = new Set(['output', 'stopReason', 'usage', 'metrics']);

/** An id for an answer: this API gives none. */
export function answerId(): string {
  return `msg_${globalThis.crypto.randomUUID().replaceAll('-', '')}`;
}

/** Reads an answer of Converse. Throws DecodeError for a body without a readable message. */
export function decodeResponse(body: unknown): ChatResponse {
  if (!isObject(body)) throw new DecodeError('wrong_shape', '', 'is not a JSON object');
  const message = asObject(asObject(body.output)?.message);
  if (!message) throw new DecodeError('wrong_shape', 'output.message', 'must be an object');
  const content = asArray(message.content).flatMap((block, index) =>
    decodeBlock(block, `output.message.content[${index}]`),
  );
  const usage = decodeUsage(body.usage);
  const other = otherFields(body, known);
  return {
    id: answerId(),
    model: '',
    content,
    finish: decodeFinish(
      body.stopReason,
      content.some(({ type }) => type === 'toolCall'),
    ),
    ...(usage ? { usage } : {}),
    ...(other ? { extra: { 'bedrock-converse': other } } : {}),
  };
}

function decodeBlock(value: unknown, path: string): AssistantContent[] {
  if (!isObject(value)) throw new DecodeError('wrong_shape', path, 'must be an object');
  const { text } = value;
  if (typeof text === 'string') return text === '' ? [] : [{ type: 'text', text }];
  const call = asObject(value.toolUse);
  if (call) return [decodeCall(call, `${path}.toolUse`)];
  const reasoning = asObject(value.reasoningContent);
  if (reasoning) return decodeReasoning(reasoning);
  const cited = asObject(value.citationsContent);
  if (cited) {
    const text = asArray(cited.content)
      .map((part) => asString(asObject(part)?.text) ?? '')
      .join('');
    return text === '' ? [] : [{ type: 'text', text, extra: { 'bedrock-converse': value } }];
  }
  return [opaque(value)];
}

/** A block that this dialect alone can say, by the member that it has. */
export function opaque(value: JsonObject): AssistantContent {
  return { type: 'opaque', dialect: 'bedrock-converse', kind: Object.keys(value)[0] ?? '', value };
}

function decodeCall(call: JsonObject, path: string): AssistantContent {
  const id = asString(call.toolUseId);
  const name = asString(call.name);
  if (!id || !name) throw new DecodeError('wrong_shape', path, 'must have a toolUseId and a name');
  const input = call.input ?? {};
  if (!isObject(input)) throw new DecodeError('wrong_shape', `${path}.input`, 'must be an object');
  return { type: 'toolCall', id, name, arguments: JSON.stringify(input) };
}

function decodeReasoning(reasoning: JsonObject): AssistantContent[] {
  const redacted = asString(reasoning.redactedContent);
  if (redacted !== undefined) return [{ type: 'reasoning', text: '', redacted }];
  const said = asObject(reasoning.reasoningText);
  const signature = asString(said?.signature);
  const text = asString(said?.text) ?? '';
  if (text === '' && !signature) return [];
  return [{ type: 'reasoning', text, ...(signature ? { signature } : {}) }];
}
