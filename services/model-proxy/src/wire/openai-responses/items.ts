import { DecodeError } from '../../chat/failure.ts';
import { asArray, asObject, asString, isObject } from '../../chat/json.ts';
import type {
  AssistantContent,
  JsonObject,
  Message,
  SystemBlock,
  ToolCallBlock,
  ToolResultBlock,
} from '../../chat/message.ts';
import { decodeOdds } from '../odds.ts';
import { decodeContent } from './content.ts';
import { itemsOf, typeOfItem } from './inspect.ts';
import { decodeReasoningItem } from './reasoning.ts';

/** Splits an input into the leading system text and the messages: what the assistant said and did at once is one of them. */
export function decodeInput(input: unknown): { system: SystemBlock[]; messages: Message[] } {
  const system: SystemBlock[] = [];
  const messages: Message[] = [];
  const said = (): AssistantContent[] => {
    const last = messages.at(-1);
    if (last?.role === 'assistant') return last.content;
    const content: AssistantContent[] = [];
    messages.push({ role: 'assistant', content });
    return content;
  };
  for (const [index, item] of itemsOf(input).entries()) {
    const path = `input[${index}]`;
    if (!isObject(item)) throw new DecodeError('wrong_shape', path, 'must be an object');
    const type = typeOfItem(item);
    if (type === 'message') decodeMessage(item, path, { system, messages, said });
    else if (type === 'function_call_output' || type === 'custom_tool_call_output') {
      const result = decodeResult(item, path);
      const last = messages.at(-1);
      if (last?.role === 'tool') last.content.push(result);
      else messages.push({ role: 'tool', content: [result] });
    } else said().push(...decodeOutputItem(item, path));
  }
  return { system, messages };
}

interface Reading {
  readonly system: SystemBlock[];
  readonly messages: Message[];
  said(): AssistantContent[];
}

function decodeMessage(item: JsonObject, path: string, { system, messages, said }: Reading): void {
  const { role, content } = item;
  switch (role) {
    case 'assistant':
      said().push(...decodeOutputItem({ ...item, type: 'message' }, path));
      return;
    case 'user': {
      const blocks = decodeContent(content, `${path}.content`);
      messages.push({ role, content: blocks });
      return;
    }
    case 'system':
    case 'developer': {
      const blocks = decodeContent(content, `${path}.content`).map((block, index): SystemBlock => {
        if (block.type !== 'text') throw new DecodeError('wrong_shape', `${path}.content[${index}]`, 'must be text');
        return role === 'developer' ? { ...block, authority: role } : block;
      });
      if (messages.length === 0) system.push(...blocks);
      else messages.push({ role: 'system', content: blocks });
      return;
    }
    default:
      throw new DecodeError('wrong_shape', `${path}.role`, 'must be user, assistant, system or developer');
  }
}

function decodeResult(item: JsonObject, path: string): ToolResultBlock {
  const callId = asString(item.call_id);
  if (!callId) throw new DecodeError('wrong_shape', `${path}.call_id`, 'must be a non-empty string');
  return { type: 'toolResult', callId, content: decodeContent(item.output, `${path}.output`) };
}

/** Reads one item of an answer, of this one or of an earlier one. What only this dialect knows stays as it is. */
export function decodeOutputItem(item: unknown, path: string): AssistantContent[] {
  if (!isObject(item)) throw new DecodeError('wrong_shape', path, 'must be an object');
  switch (item.type) {
    case 'message':
      return decodeSaid(item.content, `${path}.content`);
    case 'function_call':
    case 'custom_tool_call':
      return [decodeCall(item, path)];
    case 'reasoning': {
      const block = decodeReasoningItem(item);
      return block ? [block] : [];
    }
    default: {
      const kind = asString(item.type);
      if (kind === undefined) throw new DecodeError('wrong_shape', `${path}.type`, 'must be a string');
      return [{ type: 'opaque', dialect: 'openai-responses', kind, value: item }];
    }
  }
}

function decodeSaid(content: unknown, path: string): AssistantContent[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (!Array.isArray(content)) throw new DecodeError('wrong_shape', path, 'must be a string or an array');
  return content.flatMap((part: unknown, index): AssistantContent[] => {
    const object = asObject(part);
    const refusal = asString(object?.refusal);
    if (refusal !== undefined) return [{ type: 'refusal', text: refusal }];
    const text = asString(object?.text);
    if (text === undefined) throw new DecodeError('wrong_shape', `${path}[${index}]`, 'must be output_text or refusal');
    const annotations = asArray(object?.annotations).filter(isObject);
    const odds = decodeOdds(object?.logprobs);
    return [{ type: 'text', text, ...(odds ? { odds } : {}) }, ...annotations.map(annotationBlock)];
  });
}

/** A citation of the text before it. */
export function annotationBlock(value: JsonObject): AssistantContent {
  return { type: 'opaque', dialect: 'openai-responses', kind: ANNOTATION, value };
}

/** Kind of the blocks that belong to the text before them. */
export const ANNOTATION = 'annotation';

function decodeCall(item: JsonObject, path: string): ToolCallBlock {
  const id = asString(item.call_id);
  const name = asString(item.name);
  if (!id) throw new DecodeError('wrong_shape', `${path}.call_id`, 'must be a non-empty string');
  if (!name) throw new DecodeError('wrong_shape', `${path}.name`, 'must be a non-empty string');
  const custom = item.type === 'custom_tool_call';
  const raw = custom ? item.input : item.arguments;
  const text = typeof raw === 'string' ? raw : raw === undefined || raw === null ? '' : JSON.stringify(raw);
  return { type: 'toolCall', id, name, arguments: text, ...(custom ? { kind: 'custom' } : {}) };
}
