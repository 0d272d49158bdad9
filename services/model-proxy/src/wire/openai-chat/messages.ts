import { DecodeError } from '../../chat/failure.ts';
import { asArray, asObject, asString, isObject, otherFields } from '../../chat/json.ts';
import type {
  AssistantContent,
  AssistantMessage,
  JsonObject,
  Message,
  ReasoningBlock,
  SystemBlock,
  ToolCallBlock,
  ToolResultBlock,
  UserContent,
} from '../../chat/message.ts';
import type { Unsupported } from '../../chat/request.ts';
import { decodeContent, encodeContent } from './content.ts';

const plainFields = new Set(['role', 'content', 'name']);
const toolFields = new Set(['role', 'content', 'tool_call_id']);
const assistantFields = new Set([
  'role',
  'content',
  'name',
  'refusal',
  'tool_calls',
  'reasoning_content',
  'reasoning',
  'reasoning_details',
]);
const callFields = new Set(['id', 'type', 'function', 'custom', 'index']);

/** How a provider of this dialect differs in what it takes in messages. */
export interface MessageQuirks {
  /** The field that carries reasoning back to the provider; absent: reasoning of earlier turns is left out. */
  reasoningField?: 'reasoning_content' | 'reasoning';
  /** Reasoning goes back as `reasoning_details`, with its proofs. */
  reasoningDetails?: boolean;
  /** The provider reads `cache_control` on content parts. */
  cacheMarks?: boolean;
  /** The provider knows the role `developer`; else it is written as `system`. */
  developerRole?: boolean;
}

/** Splits the messages of a body into the leading system text and the rest. DecodeError names the path. */
export function decodeMessages(value: unknown): { system: SystemBlock[]; messages: Message[] } {
  if (!Array.isArray(value)) throw new DecodeError('wrong_shape', 'messages', 'must be an array');
  const system: SystemBlock[] = [];
  const messages: Message[] = [];
  for (let index = 0; index < value.length; index += 1) {
    const path = `messages[${index}]`;
    const message: unknown = value[index];
    if (!isObject(message)) throw new DecodeError('wrong_shape', path, 'must be an object');
    const role = message.role;
    switch (role) {
      case 'system':
      case 'developer': {
        const content = decodeSystem(message, role, path);
        if (messages.length === 0) system.push(...content);
        else messages.push({ role: 'system', content });
        break;
      }
      case 'user':
        messages.push({
          role: 'user',
          content: decodeUser(message, path),
          ...named(message),
          ...rest(message, plainFields),
        });
        break;
      case 'assistant':
        messages.push(decodeAssistant(message, path));
        break;
      case 'tool': {
        const result = decodeToolResult(message, path);
        const last = messages.at(-1);
        if (last?.role === 'tool') last.content.push(result);
        else messages.push({ role: 'tool', content: [result] });
        break;
      }
      default:
        throw new DecodeError('wrong_shape', `${path}.role`, 'must be system, developer, user, assistant or tool');
    }
  }
  return { system, messages };
}

function named(message: JsonObject): { name?: string } {
  const name = asString(message.name);
  return name === undefined ? {} : { name };
}

function rest(message: JsonObject, known: ReadonlySet<string>): { extra?: { 'openai-chat': JsonObject } } {
  const other = otherFields(message, known);
  return other ? { extra: { 'openai-chat': other } } : {};
}

function decodeSystem(message: JsonObject, role: 'system' | 'developer', path: string): SystemBlock[] {
  return decodeContent(message.content, `${path}.content`).map((block, index) => {
    if (block.type !== 'text') throw new DecodeError('wrong_shape', `${path}.content[${index}]`, 'must be text');
    return role === 'developer' ? { ...block, authority: role } : block;
  });
}

function decodeUser(message: JsonObject, path: string): UserContent[] {
  return decodeContent(message.content, `${path}.content`).filter((block) => block.type !== 'refusal');
}

function decodeToolResult(message: JsonObject, path: string): ToolResultBlock {
  const callId = asString(message.tool_call_id);
  if (!callId) throw new DecodeError('wrong_shape', `${path}.tool_call_id`, 'must be a non-empty string');
  const content = decodeContent(message.content, `${path}.content`).filter((block) => block.type !== 'refusal');
  return { type: 'toolResult', callId, content, ...rest(message, toolFields) };
}

/** Reads an assistant message, of a request or of an answer. */
export function decodeAssistant(message: JsonObject, path: string): AssistantMessage {
  const content: AssistantContent[] = [...decodeReasoning(message)];
  for (const block of decodeContent(withoutThoughts(message.content, content), `${path}.content`)) {
    if (block.type === 'image' || block.type === 'file') {
      throw new DecodeError('wrong_shape', `${path}.content`, 'must be text or refusal');
    }
    if (block.type !== 'text' || block.text !== '' || block.extra) content.push(block);
  }
  const refusal = asString(message.refusal);
  if (refusal) content.push({ type: 'refusal', text: refusal });
  const calls = message.tool_calls;
  if (calls !== undefined && calls !== null) {
    if (!Array.isArray(calls)) throw new DecodeError('wrong_shape', `${path}.tool_calls`, 'must be an array');
    for (const [index, call] of calls.entries()) content.push(decodeToolCall(call, `${path}.tool_calls[${index}]`));
  }
  return { role: 'assistant', content, ...named(message), ...rest(message, assistantFields) };
}

/** Reads one whole tool call. Arguments may be an object, as some providers send them, and then become JSON text. */
export function decodeToolCall(call: unknown, path: string): ToolCallBlock {
  if (!isObject(call)) throw new DecodeError('wrong_shape', path, 'must be an object');
  const custom = asObject(call.custom);
  const definition = custom ?? asObject(call.function);
  const name = asString(definition?.name);
  if (!name) throw new DecodeError('wrong_shape', `${path}.function.name`, 'must be a non-empty string');
  const id = asString(call.id);
  if (!id) throw new DecodeError('wrong_shape', `${path}.id`, 'must be a non-empty string');
  const raw = custom ? custom.input : definition?.arguments;
  const text = typeof raw === 'string' ? raw : raw === undefined || raw === null ? '' : JSON.stringify(raw);
  return {
    type: 'toolCall',
    id,
    name,
    arguments: text,
    ...(custom ? { kind: 'custom' } : {}),
    ...rest(call, callFields),
  };
}

function decodeReasoning(message: JsonObject): ReasoningBlock[] {
  const details = asArray(message.reasoning_details);
  const blocks: ReasoningBlock[] = [];
  for (const detail of details) {
    if (!isObject(detail)) continue;
    const data = asString(detail.data);
    const text = asString(detail.text) ?? asString(detail.summary);
    const signature = asString(detail.signature);
    if (data !== undefined) blocks.push({ type: 'reasoning', text: '', redacted: data });
    else if (text !== undefined) blocks.push({ type: 'reasoning', text, ...(signature ? { signature } : {}) });
  }
  if (blocks.length > 0) return blocks;
  const text = asString(message.reasoning_content) ?? asString(message.reasoning);
  return text ? [{ type: 'reasoning', text }] : [];
}

/** Moves the parts that hold reasoning (Mistral's and Databricks') to `content`; returns the others. */
function withoutThoughts(parts: unknown, content: AssistantContent[]): unknown {
  if (!Array.isArray(parts)) return parts;
  return parts.filter((part: unknown) => {
    const thought = thoughtOf(part);
    if (thought !== undefined) content.push(thought);
    return thought === undefined;
  });
}

/** The reasoning in a part of type `thinking` (Mistral) or `reasoning` (Databricks); undefined for any other part. */
export function thoughtOf(part: unknown): ReasoningBlock | undefined {
  const object = asObject(part);
  if (object?.type !== 'thinking' && object?.type !== 'reasoning') return undefined;
  const said = object.type === 'thinking' ? object.thinking : object.summary;
  const pieces = asArray(said).map(asObject);
  const text = asString(said) ?? pieces.map((piece) => asString(piece?.text) ?? '').join('');
  const signature = pieces.map((piece) => asString(piece?.signature)).find(Boolean) ?? asString(object.signature);
  return { type: 'reasoning', text, ...(signature ? { signature } : {}) };
}

/** Writes one reasoning block in the shape of OpenRouter's `reasoning_details`, which clients send back unread. */
export function encodeReasoningDetail(block: ReasoningBlock): JsonObject {
  if (block.redacted !== undefined) return { type: 'reasoning.encrypted', data: block.redacted };
  return { type: 'reasoning.text', text: block.text, ...(block.signature ? { signature: block.signature } : {}) };
}

/** Writes leading system text and messages. */
export function encodeMessages(
  system: readonly SystemBlock[],
  messages: readonly Message[],
  quirks: MessageQuirks,
  unsupported: Unsupported[],
): JsonObject[] {
  const encoded = encodeSystem(system, 'system', quirks, unsupported);
  for (const [index, message] of messages.entries()) {
    const field = `messages[${index}]`;
    switch (message.role) {
      case 'system':
        encoded.push(...encodeSystem(message.content, field, quirks, unsupported));
        break;
      case 'user': {
        const content = encodeContent(message.content, `${field}.content`, unsupported, quirks.cacheMarks === true);
        const name = message.name === undefined ? {} : { name: message.name };
        encoded.push({ role: 'user', content, ...name, ...message.extra?.['openai-chat'] });
        break;
      }
      case 'assistant':
        encoded.push(encodeAssistant(message, field, quirks, unsupported));
        break;
      case 'tool':
        for (const result of message.content) encoded.push(encodeToolResult(result, field, quirks, unsupported));
    }
  }
  return encoded;
}

function encodeSystem(
  blocks: readonly SystemBlock[],
  field: string,
  quirks: MessageQuirks,
  unsupported: Unsupported[],
): JsonObject[] {
  const encoded: JsonObject[] = [];
  for (let start = 0; start < blocks.length; ) {
    const authority = blocks[start]?.authority;
    let end = start + 1;
    while (end < blocks.length && blocks[end]?.authority === authority) end += 1;
    const role = authority && quirks.developerRole ? authority : 'system';
    const content = encodeContent(blocks.slice(start, end), field, unsupported, quirks.cacheMarks === true);
    encoded.push({ role, content });
    start = end;
  }
  return encoded;
}

function encodeToolResult(
  result: ToolResultBlock,
  field: string,
  quirks: MessageQuirks,
  unsupported: Unsupported[],
): JsonObject {
  const content = encodeContent(result.content, `${field}.content`, unsupported, quirks.cacheMarks === true);
  if (result.content.some((block) => block.type === 'image' || block.type === 'file')) {
    unsupported.push({ field: `${field}.content`, reason: 'OpenAI chat takes text only as the result of a tool' });
  }
  const text = result.content.length === 0 ? '' : content;
  return { role: 'tool', tool_call_id: result.callId, content: text, ...result.extra?.['openai-chat'] };
}

function encodeAssistant(
  message: AssistantMessage,
  field: string,
  quirks: MessageQuirks,
  unsupported: Unsupported[],
): JsonObject {
  const encoded = encodeAssistantContent(message.content, field, unsupported, quirks.cacheMarks === true);
  if (quirks.reasoningField) {
    const text = message.content.map((block) => (block.type === 'reasoning' ? block.text : '')).join('');
    if (text) encoded[quirks.reasoningField] = text;
  }
  if (quirks.reasoningDetails) {
    const details = message.content.flatMap((block) =>
      block.type === 'reasoning' ? [encodeReasoningDetail(block)] : [],
    );
    if (details.length > 0) encoded.reasoning_details = details;
  }
  if (message.name !== undefined) encoded.name = message.name;
  return Object.assign(encoded, message.extra?.['openai-chat']);
}

/** Writes the role, content, refusal and tool calls of an assistant message; `content` is null where there is none. */
export function encodeAssistantContent(
  blocks: readonly AssistantContent[],
  field: string,
  unsupported: Unsupported[],
  cacheMarks = false,
): JsonObject {
  const parts = blocks.filter((block) => block.type === 'text' || block.type === 'opaque');
  const refusal = blocks.map((block) => (block.type === 'refusal' ? block.text : '')).join('');
  const calls = blocks.filter((block) => block.type === 'toolCall');
  const content = parts.length === 0 ? null : encodeContent(parts, `${field}.content`, unsupported, cacheMarks);
  const encoded: JsonObject = { role: 'assistant', content };
  if (refusal) encoded.refusal = refusal;
  if (calls.length > 0) encoded.tool_calls = calls.map(encodeToolCall);
  return encoded;
}

/** Writes one whole tool call. */
export function encodeToolCall(call: ToolCallBlock): JsonObject {
  const body: JsonObject =
    call.kind === 'custom'
      ? { type: 'custom', custom: { name: call.name, input: call.arguments } }
      : { type: 'function', function: { name: call.name, arguments: call.arguments === '' ? '{}' : call.arguments } };
  return { id: call.id, ...body, ...call.extra?.['openai-chat'] };
}
