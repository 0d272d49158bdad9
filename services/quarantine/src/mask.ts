import type { JsonValue } from '@sallyport/turn/canonical-json';
import { exactText, isExactNumber } from '@sallyport/turn/exact-number';
import { handleIdOf } from '@sallyport/turn/handle';
import { childPointer } from '@sallyport/turn/json-pointer';
import { lengthBits } from './bits.ts';
import type { Echo } from './echo.ts';
import { type HandleRecord, shownHandle } from './handle-record.ts';
import type { Place } from './place.ts';
import { isPlainKey, isPlainText } from './plain-text.ts';
import { fitsTrusted, kindBits, kindOf, scalarBits, stringSlot } from './slot.ts';

/** Member under which the members stand whose names nobody declared. */
export const ENTRIES = '~entries';
const MAX_VALUES = 5000;

/** What stands in plain because nobody outside can write it. */
export interface TrustedValue {
  /** JSON pointer into the structured result; of a key that is trusted, the member's. */
  readonly path: string;
  readonly value: string | number | boolean;
}

/** A structured result as the privileged model sees it. */
export interface Mask {
  readonly shown: JsonValue;
  readonly handles: readonly HandleRecord[];
  readonly trusted: readonly TrustedValue[];
  /** Bits of untrusted content that `shown` tells. */
  readonly bits: number;
}

/** How a result is masked. */
export interface MaskOptions {
  /** Exposed name of the tool. */
  readonly from: string;
  readonly echo: Echo;
  /** True: numbers, booleans, dates and words that nobody vouches for are handles too. */
  readonly closed: boolean;
  readonly newId: () => string;
}

interface Position {
  readonly place: Place;
  readonly path: string;
  readonly shownPath: string;
}

/**
 * Masks a structured result: what is declared as trusted, what the model itself wrote, numbers, booleans, null, dates and
 * declared words stand in plain, every other string behind a handle, and so do numbers that no double holds and names that
 * nobody declared. The same result gives the same mask, handle ids aside. Undefined where it has more than 5,000 values.
 */
export function mask(result: JsonValue, place: Place, options: MaskOptions): Mask | undefined {
  const masking = new Masking(options);
  const shown = masking.value(result, { place, path: '', shownPath: '' });
  if (masking.room < 0) return undefined;
  return { shown, handles: masking.handles, trusted: masking.trusted, bits: masking.bits };
}

class Masking {
  readonly handles: HandleRecord[] = [];
  readonly trusted: TrustedValue[] = [];
  bits = 0;
  room = MAX_VALUES;
  readonly #options: MaskOptions;

  constructor(options: MaskOptions) {
    this.#options = options;
  }

  value(value: JsonValue, at: Position): JsonValue {
    if (--this.room < 0) return null;
    const { field } = at.place;
    if (value === null) {
      if (field?.trusted !== true) this.bits += kindBits('null', at.place);
      return null;
    }
    if (typeof value !== 'object') {
      if (field?.trusted === true && fitsTrusted(value, field, at.place) && !this.#isUnseen(value)) {
        return this.#vouched(value, at.path);
      }
      this.bits += kindBits(kindOf(value), at.place);
      return typeof value === 'string' ? this.#text(value, at) : this.#scalar(value, at);
    }
    if (isExactNumber(value)) {
      this.bits += kindBits('number', at.place);
      // In plain it would be another number to whoever reads it as a double, and nothing bounds its digits.
      return this.#handle(exactText(value), at);
    }
    this.bits += kindBits(kindOf(value), at.place);
    return Array.isArray(value) ? this.#list(value, at) : this.#map(value, at);
  }

  /** What nobody outside can write a call may have written: with a value that the model did not see. */
  #isUnseen(value: string | number | boolean): boolean {
    return typeof value === 'string' && this.#options.echo.holdsUnseen(value);
  }

  #vouched<T extends string | number | boolean>(value: T, path: string): T {
    this.trusted.push({ path, value });
    return value;
  }

  #scalar(value: number | boolean, at: Position): JsonValue {
    if (this.#options.closed || at.place.field?.type === 'Handle') return this.#handle(value, at);
    this.bits += scalarBits(value);
    return value;
  }

  #text(text: string, at: Position): JsonValue {
    // Whether there is anything at all is told of every string.
    this.bits++;
    if (text === '') return '';
    const { fits, bits } = stringSlot(text, at.place);
    if (!this.#options.closed) {
      this.bits += bits;
      if (fits) return text;
    }
    // A handle says where its value stands: what stands here gets one of its own, though the arguments named it by another.
    const repeated = this.#repeated(text);
    return typeof repeated === 'string' ? repeated : this.#handle(text, at);
  }

  /** What the model wrote itself, as it wrote it. That it was something else is told as well. */
  #repeated(text: string): JsonValue | undefined {
    const { echo } = this.#options;
    if (echo.count === 0) return undefined;
    const shown = echo.find(text);
    this.bits += shown === undefined ? 1 : 1 + Math.log2(echo.count);
    return shown;
  }

  #handle(value: string | number | boolean, { path, shownPath }: Pick<Position, 'path' | 'shownPath'>): JsonValue {
    const record = { id: this.#options.newId(), value, from: this.#options.from, path, shownPath };
    this.handles.push(record);
    return shownHandle(record);
  }

  #list(list: readonly JsonValue[], { place, path, shownPath }: Position): JsonValue {
    this.bits += lengthBits(list.length);
    const shown: JsonValue[] = [];
    for (const [index, child] of list.entries()) {
      if (this.room < 0) break;
      const at = { place: place.child(index), path: `${path}/${index}`, shownPath: `${shownPath}/${index}` };
      shown.push(this.value(child, at));
    }
    return shown;
  }

  #map(map: { readonly [key: string]: JsonValue }, at: Position): JsonValue {
    const { place } = at;
    this.bits += place.optional;
    const shown = new Map<string, JsonValue>();
    const entries: JsonValue[] = [];
    let undeclared = 0;
    for (const [key, child] of Object.entries(map)) {
      if (this.room < 0) break;
      const path = childPointer(at.path, key);
      const below = { place: place.child(key), path };
      let name: JsonValue | undefined = this.#declaredName(key, at, path);
      if (name === undefined) {
        undeclared++;
        this.bits++;
        name = key === '' ? '' : this.#repeated(key);
      }
      if (typeof name === 'string' && this.#mayStand(name, key, place, shown)) {
        shown.set(name, this.value(child, { ...below, shownPath: childPointer(at.shownPath, name) }));
        continue;
      }
      this.room--;
      const shownPath = `${childPointer(at.shownPath, ENTRIES)}/${entries.length}`;
      const keyPath = `${shownPath}/key`;
      const hidden = key === '' || handleIdOf(name ?? null) !== undefined ? name : undefined;
      const shownKey = hidden ?? this.#handle(key, { path: keyPath, shownPath: keyPath });
      entries.push({ key: shownKey, value: this.value(child, { ...below, shownPath: `${shownPath}/value` }) });
    }
    this.bits += lengthBits(undeclared);
    const ordered = inOrder(shown, place);
    if (entries.length > 0) ordered[ENTRIES] = entries;
    return ordered;
  }

  /** A name that is not the content's own choice. */
  #declaredName(key: string, { place }: Position, path: string): string | undefined {
    if (key === ENTRIES) return undefined;
    if (place.declares(key)) return key;
    const { members } = place;
    if (
      members?.trusted !== true ||
      key === '' ||
      !isPlainKey(key) ||
      !isPlainText(key, { maxLength: members.maxLength }) ||
      this.#isUnseen(key)
    )
      return undefined;
    return this.#vouched(key, path);
  }

  /** No two members may have one name, and none that nobody declared the name of one that somebody did. */
  #mayStand(name: string, key: string, place: Place, shown: ReadonlyMap<string, JsonValue>): boolean {
    if (name === '' || name === ENTRIES || shown.has(name)) return false;
    return place.declares(name) ? name === key : isPlainKey(name);
  }
}

// Who writes the content may choose in which order its members stand, and n of them say log2(n!) bits by it.
function inOrder(members: ReadonlyMap<string, JsonValue>, place: Place): Record<string, JsonValue> {
  const ordered: [string, JsonValue][] = [];
  for (const name of place.names) {
    const value = members.get(name);
    if (value !== undefined) ordered.push([name, value]);
  }
  if (ordered.length < members.size) {
    const others = [...members].filter(([name]) => !place.declares(name));
    ordered.push(...others.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  return Object.fromEntries(ordered);
}
