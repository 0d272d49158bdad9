import { DecodeError } from '../../chat/failure.ts';
import { isObject, otherFields } from '../../chat/json.ts';
import type {
  ContentBlock,
  Extra,
  JsonObject,
  Message,
  SystemBlock,
  ToolResultBlock,
  UserContent,
} from '../../chat/message.ts';
import { isGeminiSignature } from '../gemini/signature.ts';
import { isOpenAiSignature } from '../openai-responses/reasoning.ts';
import { decodeAssistantContent, decodeContent } from './content.ts';
import { encodeContent, type Notes } from './content-encode.ts';

const known = new Set(['role', 'content']);

/** Reads `system`, a string or text blocks. DecodeError names the path. */
export function decodeSystem(value: unknown, path = 'system'): SystemBlock[] {
  if (value === undefined || value === null) return [];
  return decodeContent(value, path).map((block, index) => {
    if (block.type !== 'text') throw new DecodeError('wrong_shape', `${path}[${index}].type`, 'must be text');
    return block;
  });
}

/** Reads `messages`. Tool results leave the user's message for a message of their own, in order. */
export function decodeMessages(value: unknown): Message[] {
  if (!Array.isArray(value)) throw new DecodeError('wrong_shape', 'messages', 'must be an array');
  const messages: Message[] = [];
  for (let index = 0; index < value.length; index += 1) {
    const path = `messages[${index}]`;
    const message: unknown = value[index];
    if (!isObject(message)) throw new DecodeError('wrong_shape', path, 'must be an object');
    const other = otherFields(message, known);
    const rest = other ? { extra: { 'anthropic-messages': other } } : {};
    switch (message.role) {
      case 'user':
        messages.push(...splitResults(decodeContent(message.content, `${path}.content`), `${path}.content`, rest));
        break;
      case 'assistant': {
        const content = decodeAssistantContent(message.content, `${path}.content`);
        messages.push({ role: 'assistant', content, ...rest });
        break;
      }
      case 'system':
        messages.push({ role: 'system', content: decodeSystem(message.content, `${path}.content`), ...rest });
        break;
      default:
        throw new DecodeError('wrong_shape', `${path}.role`, 'must be user, assistant or system');
    }
  }
  return messages;
}

function splitResults(blocks: readonly ContentBlock[], path: string, rest: { extra?: Extra }): Message[] {
  const messages: Message[] = [];
  let results: ToolResultBlock[] | undefined;
  let content: UserContent[] | undefined;
  for (const [index, block] of blocks.entries()) {
    if (block.type === 'toolResult') {
      content = undefined;
      if (results) results.push(block);
      else {
        results = [block];
        messages.push({ role: 'tool', content: results });
      }
    } else if (block.type === 'toolCall' || block.type === 'reasoning' || block.type === 'refusal') {
      throw new DecodeError('wrong_shape', `${path}[${index}].type`, 'cannot stand in a user message');
    } else {
      results = undefined;
      if (content) content.push(block);
      else {
        content = [block];
        messages.push({ role: 'user', content, ...rest });
      }
    }
  }
  return messages.length > 0 ? messages : [{ role: 'user', content: [], ...rest }];
}

/**
 * Writes messages. Tool results and the user message after them become one message, as the API asks. System text between
 * messages is written in place where `systemInMessages`; else it is returned as `hoisted` for the top-level field.
 */
export function encodeMessages(
  messages: readonly Message[],
  systemInMessages: boolean,
  notes: Notes,
): { messages: JsonObject[]; hoisted: SystemBlock[] } {
  const encoded: JsonObject[] = [];
  const hoisted: SystemBlock[] = [];
  for (let index = 0; index < messages.length; index += 1) {
    const message = messages[index]!;
    const field = `messages[${index}]`;
    if (message.role === 'system' && !systemInMessages) {
      hoisted.push(...message.content);
      notes.adjusted.push({ field, reason: 'system text between messages is moved to the front' });
      continue;
    }
    let content: ContentBlock[] = message.content;
    let extra = message.extra?.['anthropic-messages'];
    if (message.role === 'tool') {
      const next = messages[index + 1];
      if (next?.role === 'user') {
        content = [...message.content, ...next.content];
        extra = next.extra?.['anthropic-messages'];
        index += 1;
      }
    }
    if (message.role === 'assistant' && message.content.some(isForeign)) {
      content = message.content.filter((block) => !isForeign(block));
      notes.adjusted.push({ field: `${field}.content`, reason: 'reasoning that another provider signed is left out' });
    }
    if ('name' in message && message.name !== undefined) {
      notes.adjusted.push({ field: `${field}.name`, reason: 'Anthropic has no names of participants' });
    }
    const role = message.role === 'tool' ? 'user' : message.role;
    encoded.push({ role, content: encodeContent(content, `${field}.content`, notes), ...extra });
  }
  return { messages: encoded, hoisted };
}

/** Anthropic would refuse a signature that it did not make. */
function isForeign(block: ContentBlock): boolean {
  if (block.type !== 'reasoning') return false;
  const proof = block.signature ?? block.redacted;
  return proof !== undefined && (isGeminiSignature(proof) || isOpenAiSignature(proof));
}
