import { parseArguments } from '../../chat/json.ts';
import type {
  AssistantContent,
  AssistantMessage,
  JsonObject,
  Message,
  ToolCallBlock,
  ToolResultBlock,
  UserMessage,
} from '../../chat/message.ts';
import type { ChatRequest } from '../../chat/request.ts';
import type { Notes } from '../losses.ts';

/** Writes the messages, system text among them. Text is one string a message, with pictures beside it. */
export function encodeMessages({ system, messages }: ChatRequest, notes: Notes): JsonObject[] {
  const names = calledNames(messages);
  const encoded: JsonObject[] = [];
  if (system.length > 0) encoded.push({ role: 'system', content: joined(system.map(({ text }) => text)) });
  for (const [index, message] of messages.entries()) {
    const field = `messages[${index}]`;
    if ('name' in message && message.name !== undefined) {
      notes.adjusted.push({ field: `${field}.name`, reason: 'Ollama has no names of participants' });
    }
    switch (message.role) {
      case 'system':
        encoded.push({ role: 'system', content: joined(message.content.map(({ text }) => text)) });
        break;
      case 'user':
        encoded.push({ role: 'user', ...encodeContent(message.content, `${field}.content`, notes) });
        break;
      case 'assistant':
        encoded.push(...encodeAssistant(message, `${field}.content`, notes));
        break;
      case 'tool':
        for (const [place, result] of message.content.entries())
          encoded.push(encodeResult(result, names, `${field}.content[${place}]`, notes));
    }
  }
  return encoded;
}

const joined = (texts: readonly string[]): string => texts.filter((text) => text !== '').join('\n\n');

function encodeContent(
  content: UserMessage['content'] | ToolResultBlock['content'],
  field: string,
  { unsupported }: Notes,
): JsonObject {
  const texts: string[] = [];
  const images: string[] = [];
  for (const [index, block] of content.entries()) {
    const at = `${field}[${index}]`;
    if (block.type === 'text') texts.push(block.text);
    else if (block.type === 'opaque') {
      unsupported.push({ field: at, reason: `content of type ${block.kind} exists in ${block.dialect} only` });
    } else if (block.type === 'file') unsupported.push({ field: at, reason: 'Ollama takes no files' });
    else if (block.source.kind === 'base64') images.push(block.source.data);
    else unsupported.push({ field: `${at}.source`, reason: 'Ollama fetches no images: they must be sent as data' });
  }
  return { content: joined(texts), ...(images.length > 0 ? { images } : {}) };
}

function encodeAssistant({ content }: AssistantMessage, field: string, notes: Notes): JsonObject[] {
  const texts: string[] = [];
  const thoughts: string[] = [];
  const calls: JsonObject[] = [];
  const read = (block: AssistantContent, at: string): void => {
    switch (block.type) {
      case 'text':
      case 'refusal':
        texts.push(block.text);
        return;
      case 'toolCall':
        calls.push(encodeCall(block, calls.length, at, notes));
        return;
      case 'reasoning':
        // The server gives no proofs: reasoning with one is of another vendor.
        if (block.signature === undefined && block.redacted === undefined) thoughts.push(block.text);
        else notes.adjusted.push({ field: at, reason: 'reasoning that another vendor proves is left out' });
        return;
      case 'opaque':
        notes.unsupported.push({ field: at, reason: `content of type ${block.kind} exists in ${block.dialect} only` });
    }
  };
  for (const [index, block] of content.entries()) read(block, `${field}[${index}]`);
  const text = texts.join('');
  const thinking = thoughts.join('');
  if (text === '' && thinking === '' && calls.length === 0) return [];
  return [
    {
      role: 'assistant',
      content: text,
      ...(thinking === '' ? {} : { thinking }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    },
  ];
}

function encodeCall(call: ToolCallBlock, index: number, field: string, { unsupported }: Notes): JsonObject {
  const args = call.arguments.trim() === '' ? {} : parseArguments(call.arguments);
  if (call.kind === 'custom' || !args) {
    unsupported.push({ field: `${field}.arguments`, reason: 'Ollama takes a JSON object as arguments' });
  }
  return { id: call.id, function: { index, name: call.name, arguments: args ?? {} } };
}

/** Models are told whose result it is by the name of the function. */
function encodeResult(
  { callId, content, isError }: ToolResultBlock,
  names: ReadonlyMap<string, string>,
  field: string,
  notes: Notes,
): JsonObject {
  if (isError) notes.adjusted.push({ field, reason: 'Ollama does not mark failed tool results' });
  const name = names.get(callId);
  return {
    role: 'tool',
    ...encodeContent(content, `${field}.content`, notes),
    ...(name === undefined ? {} : { tool_name: name }),
    tool_call_id: callId,
  };
}

/** Names of the functions by the ids of their calls. */
function calledNames(messages: readonly Message[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { role, content } of messages) {
    if (role !== 'assistant') continue;
    for (const block of content) if (block.type === 'toolCall') names.set(block.id, block.name);
  }
  return names;
}
