import { DecodeError } from '../../chat/failure.ts';
import type { FinishReason, UnifiedFinish } from '../../chat/finish.ts';
import { asArray, asObject, asString, isObject } from '../../chat/json.ts';
import type { AssistantContent, JsonObject, ToolCallBlock } from '../../chat/message.ts';
import type { ChatResponse } from '../../chat/response.ts';
import { tokenCount, type Usage } from '../../chat/usage.ts';
import { finishBy } from '../finish-words.ts';

/** Reads an answer of `/api/chat` that was not streamed. Throws DecodeError for a body without a readable message. */
export function decodeResponse(body: unknown): ChatResponse {
  if (!isObject(body)) throw new DecodeError('wrong_shape', '', 'is not a JSON object');
  const message = asObject(body.message);
  if (!message) throw new DecodeError('wrong_shape', 'message', 'must be an object');
  if (body.done !== true) throw new DecodeError('truncated', 'done', 'must be true');
  const { thinking, text } = saidIn(message);
  const content: AssistantContent[] = [
    ...(thinking === '' ? [] : [{ type: 'reasoning' as const, text: thinking }]),
    ...(text === '' ? [] : [{ type: 'text' as const, text }]),
    ...callsIn(message, 'message.tool_calls'),
  ];
  const usage = decodeUsage(body);
  const created = createdIn(body);
  return {
    id: answerId(),
    model: asString(body.model) ?? '',
    ...(created === undefined ? {} : { created }),
    content,
    finish: decodeFinish(
      body.done_reason,
      content.some(({ type }) => type === 'toolCall'),
    ),
    ...(usage ? { usage } : {}),
  };
}

/** An id for an answer: this API gives none. */
export function answerId(): string {
  return `msg_${globalThis.crypto.randomUUID().replaceAll('-', '')}`;
}

/** When an answer, or its piece, was made, in Unix seconds. */
export function createdIn({ created_at: at }: JsonObject): number | undefined {
  const ms = Date.parse(asString(at) ?? '');
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}

/** What a message says; '' for nothing. */
export function saidIn(message: JsonObject): { thinking: string; text: string } {
  return { thinking: asString(message.thinking) ?? '', text: asString(message.content) ?? '' };
}

/** The calls of a message, which are always whole. Older servers give them no id: they get one. Throws DecodeError. */
export function callsIn(message: JsonObject, path: string): ToolCallBlock[] {
  return asArray(message.tool_calls).map((value, index) => {
    const call = asObject(value);
    const named = asObject(call?.function);
    const name = asString(named?.name);
    const args = named?.arguments ?? {};
    if (!name) throw new DecodeError('wrong_shape', `${path}[${index}].function.name`, 'must be a non-empty string');
    if (!isObject(args))
      throw new DecodeError('wrong_shape', `${path}[${index}].function.arguments`, 'must be an object');
    const id = asString(call?.id) || `call_${globalThis.crypto.randomUUID().replaceAll('-', '')}`;
    return { type: 'toolCall', id, name, arguments: JSON.stringify(args) };
  });
}

/** Reads the counts of the last piece; undefined where the prompt's is not told, as servers do for one that they kept. */
export function decodeUsage({ prompt_eval_count: prompt, eval_count: output }: JsonObject): Usage | undefined {
  const input = tokenCount(prompt);
  if (input === undefined) return undefined;
  return { input, output: tokenCount(output) ?? 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
}

const finishes: Readonly<Record<string, UnifiedFinish>> = {
  '': 'stop',
  stop: 'stop',
  length: 'length',
  load: 'stop',
  unload: 'stop',
};

/** Reads a `done_reason`, which older servers leave out; a plain end beside calls means the calls. */
export function decodeFinish(raw: unknown, hasToolCalls: boolean): FinishReason {
  return finishBy(finishes, raw, hasToolCalls);
}
