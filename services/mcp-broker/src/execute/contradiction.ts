import { isDeepStrictEqual } from 'node:util';
import type { ToolAnswer } from '../upstream/connection.ts';

/**
 * Whether a result says one thing to rules, which judge its structured content, and another to models, which read its text:
 * a text that is a JSON object or list must be the structured content or a part of it. Other texts are for people, and
 * nobody takes them for the data.
 */
export function contradictsItself({ content, structuredContent }: ToolAnswer): boolean {
  if (structuredContent === undefined) return false;
  return content.some(({ type, text }) => {
    if (type !== 'text' || typeof text !== 'string' || !/^\s*[{[]/.test(text)) return false;
    let said: unknown;
    try {
      said = JSON.parse(text);
    } catch {
      return false;
    }
    return !holds(structuredContent, said);
  });
}

function holds(whole: unknown, part: unknown): boolean {
  if (isDeepStrictEqual(whole, part)) return true;
  if (typeof whole !== 'object' || whole === null) return false;
  return Object.values(whole).some((child) => holds(child, part));
}
