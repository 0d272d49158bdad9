import { isOfAnswer } from './answers.ts';
import type { JsonValue } from './canonical-json.ts';
import { parseStrict } from './canonical-json.ts';
import { isExactNumber } from './exact-number.ts';
import { handleIdOf, placedHandles, unescapeHandles } from './handle.ts';
import { type PositionKind, positionKind, type TextPosition, textPosition, typedValue } from './handle-position.ts';
import { childPointer } from './json-pointer.ts';
import type { Label } from './label.ts';

/**
 * What a handle stands for; from quarantine, for this tenant, trajectory and principal only. `tool` and `path` say which
 * field of which tool's result it is, where that is known.
 */
export type ResolvedHandle = {
  readonly value: string;
  readonly label: Label;
  readonly tool?: string;
  readonly path?: string;
};

/** Looks a handle up; undefined for one that is unknown, expired or somebody else's. */
export type ResolveHandle = (id: string) => ResolvedHandle | undefined;

/** Why a handle was not filled. */
export type FillRefusal =
  | 'unknown-handle'
  | 'name-position'
  | 'host-position'
  | 'identifier-position'
  | 'unsafe-value'
  | 'wrong-type';

/** A handle that was filled; the pointer names the argument (empty in a text). */
export type FilledHandle = {
  readonly pointer: string;
  readonly id: string;
  readonly label: Label;
  /** Where in the filled text its value stands, from and to; left out where the value is all there is, or inside JSON. */
  readonly range?: readonly [number, number];
};

/** A handle that was not filled. */
export type UnfilledHandle = { readonly pointer: string; readonly id: string; readonly reason: FillRefusal };

/** The outcome of filling. Where anything is unfilled, the call must not be made. */
export type Filled<T> = {
  readonly value: T;
  readonly filled: readonly FilledHandle[];
  readonly unfilled: readonly UnfilledHandle[];
};

/** Settings of `fillArguments`. */
export type FillSettings = {
  /** The tool's input schema, for the formats of positions. */
  readonly inputSchema?: JsonValue;
  /** Whether policy marks a position as one that a handle may fill although it is a host or an identifier. */
  readonly marked?: (pointer: string, kind: PositionKind) => boolean;
};

/** What stands in the final text for a handle that may not be filled there. */
export const WITHHELD = '[withheld]';

type Filling = {
  readonly resolve: ResolveHandle;
  readonly filled: FilledHandle[];
  readonly unfilled: UnfilledHandle[];
  readonly allowed: (pointer: string, place: TextPosition) => FillRefusal | undefined;
  readonly inputSchema?: JsonValue | undefined;
};

/**
 * Fills the handles in a call's arguments with their values. Keys are never filled, hosts and identifiers only where
 * policy marks them; inside a URL the value is percent-encoded, inside JSON text it stays one string. Where the schema wants
 * a number or boolean, a handle that stands there as a whole becomes one. Values are not searched for handles again.
 * Literal handle syntax that was escaped comes out as it was written.
 */
export function fillArguments(args: JsonValue, resolve: ResolveHandle, settings: FillSettings = {}): Filled<JsonValue> {
  const allowed = (pointer: string, place: TextPosition): FillRefusal | undefined => {
    const kind = place === 'url-host' ? 'host' : positionKind(pointer, settings.inputSchema);
    // Whoever asked for it would be told what nobody here has read.
    if (isOfAnswer(pointer)) return settings.marked?.(pointer, kind) === true ? undefined : 'identifier-position';
    // Behind the host that the model wrote, a URL's path and query are values.
    if (kind === 'host' && place === 'url-part') return undefined;
    if (kind === 'value' || settings.marked?.(pointer, kind) === true) return undefined;
    return kind === 'host' ? 'host-position' : 'identifier-position';
  };
  const filling: Filling = { resolve, filled: [], unfilled: [], allowed, inputSchema: settings.inputSchema };
  return { value: fillValue(args, '', filling), filled: filling.filled, unfilled: filling.unfilled };
}

/** Fills the handles in the final text for the client; what may not be filled reads `[withheld]`. */
export function fillText(text: string, resolve: ResolveHandle): Filled<string> {
  const allowed = (_pointer: string, place: TextPosition): FillRefusal | undefined =>
    place === 'url-host' ? 'host-position' : undefined;
  const filling: Filling = { resolve, filled: [], unfilled: [], allowed };
  return { value: fillPlaces(text, '', filling, WITHHELD), filled: filling.filled, unfilled: filling.unfilled };
}

function fillValue(value: JsonValue, pointer: string, filling: Filling): JsonValue {
  const id = handleIdOf(value);
  if (id !== undefined) return fillOne(id, pointer, filling) ?? value;
  if (typeof value === 'string') return fillString(value, pointer, filling);
  if (value === null || typeof value !== 'object' || isExactNumber(value)) return value;
  if (Array.isArray(value)) return value.map((child, index) => fillValue(child, childPointer(pointer, index), filling));
  const entries = Object.entries(value).map(([key, child]): [string, JsonValue] => {
    for (const { id: named } of placedHandles(key))
      filling.unfilled.push({ pointer, id: named, reason: 'name-position' });
    return [unescapeHandles(key), fillValue(child, childPointer(pointer, key), filling)];
  });
  return Object.fromEntries(entries);
}

function fillOne(id: string, pointer: string, filling: Filling): JsonValue | undefined {
  const refused = filling.allowed(pointer, 'plain');
  const resolved = refused === undefined ? filling.resolve(id) : undefined;
  if (resolved === undefined) {
    filling.unfilled.push({ pointer, id, reason: refused ?? 'unknown-handle' });
    return undefined;
  }
  const value = typedValue(resolved.value, pointer, filling.inputSchema);
  if (value === undefined) {
    filling.unfilled.push({ pointer, id, reason: 'wrong-type' });
    return undefined;
  }
  filling.filled.push({ pointer, id, label: resolved.label });
  return value;
}

function fillString(text: string, pointer: string, filling: Filling): JsonValue {
  if (placedHandles(text).length === 0) return unescapeHandles(text);
  const embedded = embeddedJson(text);
  if (embedded === undefined) return fillPlaces(text, pointer, filling, undefined);
  // A handle's object form as text stands for the value itself; other JSON stays JSON, so no value breaks out of it.
  if (handleIdOf(embedded) !== undefined) return fillValue(embedded, pointer, filling);
  const inside: Filling = { ...filling, inputSchema: undefined, filled: [] };
  const written = JSON.stringify(fillValue(embedded, pointer, inside));
  for (const { range: _, ...one } of inside.filled) filling.filled.push(one);
  return written;
}

function embeddedJson(text: string): JsonValue | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    return parseStrict(text, { exactNumbers: true });
  } catch {
    return undefined;
  }
}

function fillPlaces(text: string, pointer: string, filling: Filling, withheld: string | undefined): string {
  let out = '';
  let from = 0;
  for (const { id, start, end } of placedHandles(text)) {
    out += unescapeHandles(text.slice(from, start));
    from = end;
    // Judged by what was filled so far, not by the model's text: an earlier value may have opened a URL.
    const place = textPosition(out, text.slice(end));
    const refused = filling.allowed(pointer, place);
    const resolved = refused === undefined ? filling.resolve(id) : undefined;
    const value = resolved === undefined ? undefined : place === 'plain' ? resolved.value : urlPart(resolved.value);
    if (resolved === undefined || value === undefined) {
      const reason = refused ?? (resolved === undefined ? 'unknown-handle' : 'unsafe-value');
      filling.unfilled.push({ pointer, id, reason });
      out += withheld ?? text.slice(start, end);
      continue;
    }
    filling.filled.push({ pointer, id, label: resolved.label, range: [out.length, out.length + value.length] });
    out += value;
  }
  return out + unescapeHandles(text.slice(from));
}

// `.` and `..` survive percent-encoding as path steps (WHATWG), so they cannot be made safe.
function urlPart(value: string): string | undefined {
  return /^\.{1,2}$/.test(value) || !value.isWellFormed() ? undefined : encodeURIComponent(value);
}
