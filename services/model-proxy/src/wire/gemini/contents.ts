import { DecodeError } from '../../chat/failure.ts';
import { asArray, isObject } from '../../chat/json.ts';
import type { JsonObject, Message, SystemBlock, ToolResultBlock, UserContent } from '../../chat/message.ts';
import { listField } from './field.ts';
import { pairCalls } from './pairing.ts';
import { decodeModelParts, decodePart } from './parts.ts';

/** Reads `systemInstruction`, a content or a text. DecodeError names the path. */
export function decodeSystem(value: unknown): SystemBlock[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  if (!isObject(value)) throw new DecodeError('wrong_shape', 'systemInstruction', 'must be a content');
  return listField(value, 'parts', 'systemInstruction.parts').map((part, index) => {
    const path = `systemInstruction.parts[${index}]`;
    const block = decodePart(part, '', path);
    if (block.type !== 'text') throw new DecodeError('wrong_shape', path, 'must be text');
    return block;
  });
}

/** The role of a content: `user` where it is not said, results of functions included. DecodeError for any other. */
export function roleOf(content: JsonObject, path: string): 'user' | 'model' {
  const { role } = content;
  if (role === 'model') return 'model';
  if (role === undefined || role === null || role === '' || role === 'user' || role === 'function') return 'user';
  throw new DecodeError('wrong_shape', `${path}.role`, 'must be user or model');
}

/**
 * Reads `contents`. Clients keep each chunk of a streamed answer as a content: neighbouring ones of the model are one
 * message. Results leave the user's content for a message of their own, in order.
 */
export function decodeContents(value: unknown): Message[] {
  if (!Array.isArray(value)) throw new DecodeError('wrong_shape', 'contents', 'must be an array');
  const pairing = pairCalls(value);
  const messages: Message[] = [];
  for (const [index, content] of value.entries()) {
    const path = `contents[${index}]`;
    if (!isObject(content)) throw new DecodeError('wrong_shape', path, 'must be an object');
    const parts = asArray(content.parts);
    const idAt = (part: number) => pairing.idAt(index, part);
    if (roleOf(content, path) === 'model') {
      const said = decodeModelParts(parts, idAt, `${path}.parts`);
      const last = messages.at(-1);
      if (last?.role === 'assistant') last.content.push(...said);
      else messages.push({ role: 'assistant', content: said });
    } else messages.push(...userMessages(parts, idAt, `${path}.parts`));
  }
  return messages;
}

function userMessages(parts: readonly unknown[], idAt: (part: number) => string, path: string): Message[] {
  const messages: Message[] = [];
  let results: ToolResultBlock[] | undefined;
  let content: UserContent[] | undefined;
  for (const [index, part] of parts.entries()) {
    const partPath = `${path}[${index}]`;
    const block = decodePart(part, idAt(index), partPath);
    if (block.type === 'toolResult') {
      content = undefined;
      if (results) results.push(block);
      else {
        results = [block];
        messages.push({ role: 'tool', content: results });
      }
    } else if (block.type === 'toolCall' || block.type === 'reasoning') {
      throw new DecodeError('wrong_shape', partPath, 'cannot be said by a user');
    } else {
      results = undefined;
      if (content) content.push(block);
      else {
        content = [block];
        messages.push({ role: 'user', content });
      }
    }
  }
  return messages.length > 0 ? messages : [{ role: 'user', content: [] }];
}
