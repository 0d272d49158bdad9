import { parseArguments } from '../../chat/json.ts';
import type {
  AssistantMessage,
  ContentBlock,
  FileSource,
  ImageSource,
  JsonObject,
  Message,
  SystemBlock,
  ToolCallBlock,
  ToolResultBlock,
} from '../../chat/message.ts';
import type { Unsupported } from '../../chat/request.ts';
import { ownSignature } from './signature.ts';

/** What could not be said, and what was said another way. */
export interface Notes {
  unsupported: Unsupported[];
  adjusted: Unsupported[];
}

/** Stands for the signature of a call that no Gemini model made, for models that demand one (ai.google.dev/gemini-api/docs/thought-signatures). */
const NO_SIGNATURE = 'skip_thought_signature_validator';

/** Writes messages as contents; `demandsSignatures` where the model refuses a history of calls without any. */
export function encodeContents(
  messages: readonly Message[],
  demandsSignatures: boolean,
  notes: Notes,
): { contents: JsonObject[]; hoisted: SystemBlock[] } {
  const contents: JsonObject[] = [];
  const hoisted: SystemBlock[] = [];
  const names = new Map<string, string>();
  for (const [index, message] of withItsThoughts(messages).entries()) {
    const field = `messages[${index}]`;
    if ('name' in message && message.name !== undefined) {
      notes.adjusted.push({ field: `${field}.name`, reason: 'Gemini has no names of participants' });
    }
    switch (message.role) {
      case 'system':
        hoisted.push(...message.content);
        notes.adjusted.push({ field, reason: 'system text between messages is moved to the front' });
        break;
      case 'user':
        contents.push({ role: 'user', parts: encodeParts(message.content, `${field}.content`, notes) });
        break;
      case 'assistant':
        for (const block of message.content) if (block.type === 'toolCall') names.set(block.id, block.name);
        contents.push({
          role: 'model',
          parts: encodeModelParts(message, `${field}.content`, demandsSignatures, notes),
        });
        break;
      case 'tool': {
        const parts = message.content.map((result, at) =>
          encodeResult(result, names, `${field}.content[${at}]`, notes),
        );
        contents.push({ role: 'user', parts });
      }
    }
  }
  return { contents: contents.filter(({ parts }) => (parts as unknown[]).length > 0), hoisted };
}

/** Writes what a user or the system says. */
export function encodeParts(blocks: readonly ContentBlock[], field: string, notes: Notes): JsonObject[] {
  const parts: JsonObject[] = [];
  for (const [index, block] of blocks.entries()) {
    const part = encodePart(block, `${field}[${index}]`, notes);
    if (part !== undefined) parts.push('extra' in block ? Object.assign(part, block.extra?.gemini) : part);
  }
  return parts;
}

function encodePart(block: ContentBlock, field: string, notes: Notes): JsonObject | undefined {
  switch (block.type) {
    case 'text':
      return block.text === '' ? undefined : { text: block.text };
    case 'refusal':
      notes.adjusted.push({ field, reason: 'a refusal is written as text' });
      return { text: block.text };
    case 'image':
      return encodeSource(block.source, undefined);
    case 'file':
      return encodeSource(block.source, block.name);
    case 'opaque':
      if (block.dialect === 'gemini') return { ...block.value };
      notes.unsupported.push({ field, reason: `content of type ${block.kind} exists in ${block.dialect} only` });
      return undefined;
    default:
      return undefined;
  }
}

function encodeSource(source: ImageSource | FileSource, name: string | undefined): JsonObject {
  const displayName = name === undefined ? {} : { displayName: name };
  switch (source.kind) {
    case 'url':
      return { fileData: { fileUri: source.url, ...displayName } };
    case 'id':
      return { fileData: { fileUri: source.id } };
    case 'base64':
      return { inlineData: { mimeType: source.mediaType, data: source.data, ...displayName } };
    case 'text':
      return { text: source.text };
  }
}

/**
 * Puts thoughts that stand alone before what the same assistant did next: their proof belongs to that, and dialects of items
 * say it apart where a person was asked in between.
 */
function withItsThoughts(messages: readonly Message[]): readonly Message[] {
  const isApart = (at: number) => {
    const [message, next] = [messages[at], messages[at + 1]];
    return message?.role === 'assistant' && next?.role === 'assistant' && message.content.at(-1)?.type === 'reasoning';
  };
  if (!messages.some((_, at) => isApart(at))) return messages;
  const joined: Message[] = [];
  let before: AssistantMessage['content'] = [];
  for (const [at, message] of messages.entries()) {
    if (message.role === 'assistant' && isApart(at)) before = [...before, ...message.content];
    else if (message.role === 'assistant' && before.length > 0) {
      joined.push({ ...message, content: [...before, ...message.content] });
      before = [];
    } else joined.push(message);
  }
  return joined;
}

function encodeModelParts(
  { content }: AssistantMessage,
  field: string,
  demandsSignatures: boolean,
  notes: Notes,
): JsonObject[] {
  const parts: JsonObject[] = [];
  let signature: string | undefined;
  let isSigned = false;
  for (const [index, block] of content.entries()) {
    if (block.type === 'reasoning') {
      const own = block.signature === undefined ? undefined : ownSignature(block.signature);
      if (own === undefined)
        notes.adjusted.push({
          field: `${field}[${index}]`,
          reason: 'reasoning without a signature of Gemini is left out',
        });
      else signature = own;
      continue;
    }
    const part =
      block.type === 'toolCall'
        ? encodeCall(block, `${field}[${index}]`, notes)
        : encodePart(block, `${field}[${index}]`, notes);
    if (part === undefined) continue;
    if (signature !== undefined) part.thoughtSignature = signature;
    else if (demandsSignatures && !isSigned && block.type === 'toolCall') part.thoughtSignature = NO_SIGNATURE;
    isSigned ||= 'thoughtSignature' in part;
    signature = undefined;
    parts.push('extra' in block ? Object.assign(part, block.extra?.gemini) : part);
  }
  if (signature !== undefined) parts.push({ text: '', thoughtSignature: signature });
  return parts;
}

function encodeCall(call: ToolCallBlock, field: string, notes: Notes): JsonObject {
  const args = call.arguments.trim() === '' ? {} : parseArguments(call.arguments);
  if (call.kind === 'custom' || !args) {
    notes.unsupported.push({ field: `${field}.arguments`, reason: 'Gemini takes a JSON object as arguments' });
  }
  return { functionCall: { id: call.id, name: call.name, args: args ?? {} } };
}

function encodeResult(
  result: ToolResultBlock,
  names: ReadonlyMap<string, string>,
  field: string,
  notes: Notes,
): JsonObject {
  const name = names.get(result.callId);
  if (name === undefined) notes.unsupported.push({ field, reason: 'Gemini needs the call that this is the result of' });
  const texts: string[] = [];
  for (const [index, block] of result.content.entries()) {
    if (block.type === 'text') texts.push(block.text);
    else
      notes.unsupported.push({
        field: `${field}.content[${index}]`,
        reason: 'Gemini takes text only as the result of a function',
      });
  }
  const text = texts.join('\n');
  return {
    functionResponse: {
      id: result.callId,
      name: name ?? '',
      response: result.isError ? { error: text } : { result: text },
    },
  };
}
