import { randomBytes } from 'node:crypto';
import type { AssistantContent } from '../chat/message.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** What some providers demand of an id at most and at least. */
const LEAST = 9;

/**
 * The content with new ids for its tool calls, in the form of the old ones: approvals, results and runs go by the id, and
 * two runs that are given the same answer must not be taken for one.
 */
export function withFreshCallIds(content: readonly AssistantContent[]): AssistantContent[] {
  return content.map((block) => (block.type === 'toolCall' ? { ...block, id: freshId(block.id) } : block));
}

function freshId(old: string): string {
  const prefix = /^[A-Za-z]+[_-]/.exec(old)?.[0] ?? '';
  const length = Math.min(40, Math.max(LEAST, old.length - prefix.length));
  let id = prefix;
  for (const byte of randomBytes(length)) id += LETTERS[byte % LETTERS.length];
  return id;
}
