import type { JsonObject, Message, SystemBlock } from '../../chat/message.ts';
import { encodeBlocks, type Notes } from './content.ts';

/**
 * Writes messages. The roles must alternate: what follows in the same role, results of calls among it, becomes one message.
 * System text between messages is returned as `hoisted`.
 */
export function encodeMessages(
  messages: readonly Message[],
  notes: Notes,
): { messages: JsonObject[]; hoisted: SystemBlock[] } {
  const encoded: { role: string; content: JsonObject[] }[] = [];
  const hoisted: SystemBlock[] = [];
  for (const [index, message] of messages.entries()) {
    const field = `messages[${index}]`;
    if (message.role === 'system') {
      hoisted.push(...message.content);
      notes.adjusted.push({ field, reason: 'system text between messages is moved to the front' });
      continue;
    }
    if ('name' in message && message.name !== undefined) {
      notes.adjusted.push({ field: `${field}.name`, reason: 'Bedrock has no names of participants' });
    }
    const content = encodeBlocks(message.content, `${field}.content`, notes);
    if (content.length === 0) continue;
    const role = message.role === 'assistant' ? 'assistant' : 'user';
    const last = encoded.at(-1);
    if (last?.role === role) last.content.push(...content);
    else encoded.push({ role, content });
  }
  return { messages: encoded, hoisted };
}
