import { asArray, asObject } from '../../chat/json.ts';
import { arrayField, objectField, stringField } from './field.ts';

/** Ids of the calls and results of a history, by their place. */
export interface Pairing {
  idAt(content: number, part: number): string;
}

const NONE: Pairing = { idAt: () => '' };
const pairings = new WeakMap<readonly unknown[], Pairing>();

/**
 * Gives each call and result of a history an id. Gemini's may have none: then a result answers the first open call of its
 * name, as the API itself reads them, and a call is named by its place, which is the same each time that the history is sent.
 * A history is gone through once, whoever asks: facts, decoding and forwarding each do. Throws DecodeError for what cannot be read.
 */
export function pairCalls(contents: unknown): Pairing {
  const list = asArray(contents);
  const held = pairings.get(list);
  if (held !== undefined) return held;
  const ids = idsOf(list);
  const pairing: Pairing = ids.size === 0 ? NONE : { idAt: (content, part) => ids.get(`${content}/${part}`) ?? '' };
  pairings.set(list, pairing);
  return pairing;
}

function idsOf(contents: readonly unknown[]): ReadonlyMap<string, string> {
  const ids = new Map<string, string>();
  const open: { name: string; id: string }[] = [];
  for (const [content, entry] of contents.entries()) {
    for (const [part, value] of arrayField(asObject(entry), 'parts').entries()) {
      const call = objectField(asObject(value), 'functionCall');
      const response = objectField(asObject(value), 'functionResponse');
      if (call !== undefined) {
        const id = stringField(call, 'id') || `call_${content}_${part}`;
        ids.set(`${content}/${part}`, id);
        open.push({ name: stringField(call, 'name') ?? '', id });
      } else if (response !== undefined) {
        const given = stringField(response, 'id');
        const name = stringField(response, 'name');
        const at = open.findIndex((one) => (given ? one.id === given : one.name === name));
        ids.set(`${content}/${part}`, given || open[at]?.id || `result_${content}_${part}`);
        if (at >= 0) open.splice(at, 1);
      }
    }
  }
  return ids;
}
