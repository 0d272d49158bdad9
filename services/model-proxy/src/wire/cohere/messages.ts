import { parseArguments } from '../../chat/json.ts';
import type {
  AssistantMessage,
  JsonObject,
  Message,
  ReasoningBlock,
  ToolCallBlock,
  ToolResultBlock,
  UserMessage,
} from '../../chat/message.ts';
import type { ChatRequest } from '../../chat/request.ts';
import type { Notes } from '../losses.ts';
import { type CohereNotes, encodeDocument } from './documents.ts';

/** Writes the messages, system text among them. Documents of users go to `notes.documents`, where the API has them. */
export function encodeMessages({ system, messages }: ChatRequest, notes: CohereNotes): JsonObject[] {
  const encoded: JsonObject[] = [];
  if (system.length > 0) encoded.push({ role: 'system', content: plain(system.map(textItem)) });
  for (const [index, message] of messages.entries())
    encoded.push(...encodeMessage(message, `messages[${index}]`, notes));
  return encoded;
}

function encodeMessage(message: Message, field: string, notes: CohereNotes): JsonObject[] {
  if ('name' in message && message.name !== undefined) {
    notes.adjusted.push({ field: `${field}.name`, reason: 'Cohere has no names of participants' });
  }
  switch (message.role) {
    case 'system':
      return [{ role: 'system', content: plain(message.content.map(textItem)) }];
    case 'user':
      return encodeUser(message, `${field}.content`, notes);
    case 'assistant':
      return encodeAssistant(message, `${field}.content`, notes);
    case 'tool':
      return message.content.map((result, index) => encodeResult(result, `${field}.content[${index}]`, notes));
  }
}

const textItem = ({ text }: { readonly text: string }): JsonObject => ({ type: 'text', text });

/** One text is written as a string. */
function plain(items: readonly JsonObject[]): string | readonly JsonObject[] {
  const [only] = items;
  if (items.length === 0) return '';
  return items.length === 1 && only?.type === 'text' ? String(only.text) : items;
}

function encodeUser({ content }: UserMessage, field: string, notes: CohereNotes): JsonObject[] {
  const items: JsonObject[] = [];
  for (const [index, block] of content.entries()) {
    const at = `${field}[${index}]`;
    switch (block.type) {
      case 'text':
        items.push(textItem(block));
        break;
      case 'image': {
        const { source, detail } = block;
        const url = source.kind === 'url' ? source.url : `data:${source.mediaType};base64,${source.data}`;
        items.push({ type: 'image_url', image_url: { url, ...(detail === undefined ? {} : { detail }) } });
        break;
      }
      case 'file': {
        const document = encodeDocument(block, at, notes);
        if (document === undefined) break;
        notes.documents.push(document);
        notes.adjusted.push({ field: at, reason: 'documents stand beside the messages' });
        break;
      }
      case 'opaque':
        noteOpaque(block, at, notes);
    }
  }
  if (items.length > 0) return [{ role: 'user', content: plain(items) }];
  notes.unsupported.push({ field, reason: 'Cohere takes documents beside words only' });
  return [];
}

function noteOpaque({ kind, dialect }: { kind: string; dialect: string }, field: string, { unsupported }: Notes): void {
  unsupported.push({ field, reason: `content of type ${kind} exists in ${dialect} only` });
}

/** Beside calls the API takes no text: what the model said before them is its plan. */
function encodeAssistant({ content }: AssistantMessage, field: string, notes: Notes): JsonObject[] {
  const calls: JsonObject[] = [];
  const said: JsonObject[] = [];
  const thought: JsonObject[] = [];
  for (const [index, block] of content.entries()) {
    const at = `${field}[${index}]`;
    if (block.type === 'toolCall') calls.push(encodeCall(block, at, notes));
    else if (block.type === 'reasoning') thought.push(...encodeReasoning(block, at, notes));
    else if (block.type === 'opaque') noteOpaque(block, at, notes);
    else if (block.text !== '') said.push(textItem(block));
  }
  if (calls.length === 0) {
    const items = [...thought, ...said];
    return items.length === 0 ? [] : [{ role: 'assistant', content: plain(items) }];
  }
  const plan = said.map(({ text }) => text).join('');
  if (plan !== '' && thought.length > 0) {
    notes.adjusted.push({ field, reason: 'the plan of calls stands for the reasoning before them' });
  }
  const before = plan !== '' ? { tool_plan: plan } : thought.length > 0 ? { content: thought } : {};
  return [{ role: 'assistant', ...before, tool_calls: calls }];
}

function encodeCall(call: ToolCallBlock, field: string, { unsupported }: Notes): JsonObject {
  const args = call.arguments.trim() === '' ? '{}' : call.arguments;
  const isObject = parseArguments(args) !== undefined;
  if (call.kind === 'custom' || !isObject) {
    unsupported.push({ field: `${field}.arguments`, reason: 'Cohere takes a JSON object as arguments' });
  }
  return { id: call.id, type: 'function', function: { name: call.name, arguments: isObject ? args : '{}' } };
}

/** Cohere gives no proofs: reasoning with one is of another vendor. */
function encodeReasoning(block: ReasoningBlock, field: string, { adjusted }: Notes): JsonObject[] {
  if (block.signature === undefined && block.redacted === undefined) {
    return block.text === '' ? [] : [{ type: 'thinking', thinking: block.text }];
  }
  adjusted.push({ field, reason: 'reasoning that another vendor proves is left out' });
  return [];
}

function encodeResult({ callId, content, isError }: ToolResultBlock, field: string, notes: Notes): JsonObject {
  const items = content.flatMap((block, index): JsonObject[] => {
    const at = `${field}.content[${index}]`;
    if (block.type === 'text') return [textItem(block)];
    if (block.type === 'file') {
      const document = encodeDocument(block, at, notes);
      return document === undefined ? [] : [{ type: 'document', document }];
    }
    if (block.type === 'opaque') noteOpaque(block, at, notes);
    else notes.unsupported.push({ field: at, reason: 'Cohere takes no images in results' });
    return [];
  });
  if (isError) notes.adjusted.push({ field, reason: 'Cohere does not mark failed tool results' });
  // Something must stand there.
  return { role: 'tool', tool_call_id: callId, content: items.length === 0 ? '(empty)' : plain(items) };
}
