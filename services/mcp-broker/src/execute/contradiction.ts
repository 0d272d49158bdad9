import { exactText, isExactNumber, parseExact } from '@sallyport/turn';
import type { ToolAnswer } from '../upstream/connection.ts';

/** Values that are looked at for one result beyond the places where parts usually stand: both sides come from a server. */
const MAX_STEPS = 1_000_000;
/** Parts that are known by how they are written. */
const MAX_NEAR = 20_000;

/**
 * Whether a result says one thing to rules, which judge its structured content, and another to models, which read its text:
 * a text that is a JSON object or list must be the structured content or a part of it. Other texts are for people, and
 * nobody takes them for the data. What takes too long to be looked for is not in it.
 */
export function contradictsItself({ content, structuredContent }: ToolAnswer): boolean {
  if (structuredContent === undefined) return false;
  const holds = partsOf(structuredContent);
  return content.some(({ type, text }) => {
    if (type !== 'text' || typeof text !== 'string' || !/^\s*[{[]/.test(text)) return false;
    let said: unknown;
    try {
      said = parseExact(text);
    } catch {
      return false;
    }
    return !holds(said);
  });
}

/** Tells which values are the whole or a part of it, with so many steps for all of them together. */
function partsOf(whole: unknown): (part: unknown) => boolean {
  let left = MAX_STEPS;
  let written: string | undefined;
  let near: ReadonlySet<string> | undefined;
  const same = (one: unknown, other: unknown): boolean => {
    if (--left < 0) return false;
    if (one === other) return true;
    if (isExactNumber(one) && isExactNumber(other)) return exactText(one) === exactText(other);
    if (!isObject(one) || !isObject(other) || Array.isArray(one) !== Array.isArray(other)) return false;
    const keys = Object.keys(one);
    left -= keys.length;
    if (left < 0 || keys.length !== Object.keys(other).length) return false;
    return keys.every((key) => Object.hasOwn(other, key) && same(one[key], other[key]));
  };
  const holds = (at: unknown, part: unknown): boolean => {
    if (same(at, part)) return true;
    return left > 0 && isObject(at) && Object.values(at).some((child) => holds(child, part));
  };
  return (part) => {
    // Servers write both from the same values, so nearly always the texts are alike.
    const text = JSON.stringify(part);
    written ??= JSON.stringify(whole);
    if (text === written) return true;
    near ??= writtenBelow(whole);
    return near.has(text) || (left > 0 && holds(whole, part));
  };
}

/** How the objects and lists in a value are written, and those in these: a list is often told as a text for each entry. */
function writtenBelow(whole: unknown): ReadonlySet<string> {
  const found = new Set<string>();
  const take = (value: unknown, levels: number): void => {
    for (const child of isObject(value) ? Object.values(value) : []) {
      if (found.size >= MAX_NEAR) return;
      if (!isObject(child)) continue;
      found.add(JSON.stringify(child));
      if (levels > 1) take(child, levels - 1);
    }
  };
  take(whole, 2);
  return found;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !isExactNumber(value);
}
