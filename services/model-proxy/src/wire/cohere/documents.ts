import { asArray, asString, isObject } from '../../chat/json.ts';
import type { FileBlock, JsonObject } from '../../chat/message.ts';
import type { Notes } from '../losses.ts';

/** What could not be said, and the documents that stand beside the messages. */
export interface CohereNotes extends Notes {
  readonly documents: JsonObject[];
}

/**
 * The documents that a client sends in a field of their own: texts, objects with `data`, or objects that are data. What is none
 * of these is left out.
 */
export function documentsOf(value: unknown): (string | JsonObject)[] {
  return asArray(value).flatMap((one): (string | JsonObject)[] => {
    if (typeof one === 'string') return [one];
    if (!isObject(one)) return [];
    const { id, data } = one;
    if (data === undefined) return [{ data: one }];
    const held = isObject(data) ? data : { text: asString(data) ?? JSON.stringify(data) };
    return [{ ...(typeof id === 'string' ? { id } : {}), data: held }];
  });
}

/** A file as a document with its words; undefined, with a note, for one that is no text. */
export function encodeDocument(
  { source, name }: FileBlock,
  field: string,
  { unsupported }: Notes,
): JsonObject | undefined {
  if (source.kind === 'text') return { data: { ...(name === undefined ? {} : { title: name }), text: source.text } };
  unsupported.push({ field: `${field}.source`, reason: 'Cohere takes documents as text only' });
  return undefined;
}
