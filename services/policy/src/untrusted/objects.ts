import type { JsonValue } from '@sallyport/turn/canonical-json';
import { exactText, isExactNumber } from '@sallyport/turn/exact-number';
import { pointerTokens } from '@sallyport/turn/json-pointer';
import type { KnownTool } from '../rules/tool.ts';

/** A file, note, ticket or message, by the id that its ToolServer gives it. */
export interface ObjectId {
  readonly kind: string;
  readonly id: string;
}

/** More objects in one call are not told apart. */
export const MAX_OBJECTS = 500;

/** The objects that arguments name, or `undefined` where there are too many to tell apart. */
export function objectsInArguments(tool: KnownTool, args: JsonValue): ObjectId[] | undefined {
  return gather(tool, args, 'argument');
}

/** The objects that a structured result names, or `undefined` where there are too many to tell apart. */
export function objectsInResult(tool: KnownTool, result: JsonValue): ObjectId[] | undefined {
  return gather(tool, result, 'result');
}

/** Tells whether results of a tool name objects. */
export function namesInResult(tool: KnownTool): boolean {
  return tool.objects.some((object) => object.result !== undefined);
}

function gather(tool: KnownTool, value: JsonValue, where: 'argument' | 'result'): ObjectId[] | undefined {
  const found = new Map<string, ObjectId>();
  for (const object of tool.objects) {
    const pointer = object[where];
    if (pointer === undefined) continue;
    for (const id of idsAt(value, pointerTokens(pointer))) {
      found.set(JSON.stringify([object.kind, id]), { kind: object.kind, id });
      if (found.size > MAX_OBJECTS) return undefined;
    }
  }
  return [...found.values()];
}

function* idsAt(value: JsonValue | undefined, tokens: readonly string[]): Generator<string> {
  const [token, ...rest] = tokens;
  if (token === undefined) {
    if (typeof value === 'string' ? value !== '' : typeof value === 'number') yield String(value);
    else if (isExactNumber(value)) yield exactText(value);
    // A list of ids may stand where one does.
    else if (Array.isArray(value)) for (const one of value) if (!Array.isArray(one)) yield* idsAt(one, []);
    return;
  }
  if (value === null || typeof value !== 'object') return;
  if (token === '*') {
    for (const child of Array.isArray(value) ? value : Object.values(value)) yield* idsAt(child, rest);
  } else if (Array.isArray(value)) {
    yield* idsAt(value[Number(token)], rest);
  } else if (Object.hasOwn(value, token)) {
    yield* idsAt(value[token], rest);
  }
}
