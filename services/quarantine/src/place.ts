import type { JsonValue } from '@sallyport/turn/canonical-json';
import { schemasAt, schemasBelow } from '@sallyport/turn/schema-position';
import { isPlainKey } from './plain-text.ts';
import type { ResultField } from './result-field.ts';

type Schema = { [key: string]: JsonValue };

/** Kinds of JSON values. */
export type Kind = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';

/** What is declared, by the tool's output schema and by the administrator, of a place in a structured result. */
export interface Place {
  /** The place of a member, or of an entry of an array. */
  child(token: string | number): Place;
  /** Tells whether schema or administrator know a member of this name, and it can be shown. */
  declares(key: string): boolean;
  /** Those members, in the order of the declarations. */
  readonly names: Iterable<string>;
  /** The administrator's word on the value here; of several paths the one with the fewest `*`. */
  readonly field: ResultField | undefined;
  /** The administrator's word on the members here, where these are a map: its keys are as trusted as it is. */
  readonly members: ResultField | undefined;
  /** How many members may be there or not, by what is declared. */
  readonly optional: number;
  /** Kinds that the schema allows; empty where it says nothing. */
  readonly kinds: ReadonlySet<Kind>;
  /** Words that the schema allows. */
  readonly words: ReadonlySet<string>;
  readonly formats: ReadonlySet<string>;
}

// Stands for any name that nobody declared: what holds for one of them holds for all.
const UNDECLARED = '\u0000';

/** The place of the whole structured result. Places are made once and kept, so a long list costs as much as one entry. */
export function rootPlace(schema: JsonValue | undefined, fields: readonly ResultField[]): Place {
  return placeAt(schema, schemasAt(schema, []), 0, fields);
}

function placeAt(
  root: JsonValue | undefined,
  schemas: readonly Schema[],
  depth: number,
  fields: readonly ResultField[],
): Place {
  const named = new Set(
    fields.flatMap(({ tokens: of }) => (of[depth] === undefined || of[depth] === '*' ? [] : of[depth])),
  );
  const declared = new Set(named);
  for (const schema of schemas) for (const key of keysOf(schema.properties)) declared.add(key);
  const showable = new Set([...declared].filter(isPlainKey));
  const fixed = schemas.some((schema) => Array.isArray(schema.prefixItems));
  const children = new Map<string, Place>();
  return {
    child(token) {
      const name = String(token);
      const known = typeof token === 'number' ? fixed || named.has(name) : declared.has(name);
      const key = known ? `=${name}` : typeof token;
      let place = children.get(key);
      if (place === undefined) {
        const below = fields.filter(({ tokens: of }) => of[depth] === '*' || (known && of[depth] === name));
        const step = known ? name : typeof token === 'number' ? '0' : UNDECLARED;
        place = placeAt(root, schemasBelow(root, schemas, step), depth + 1, below);
        children.set(key, place);
      }
      return place;
    },
    declares: (key) => showable.has(key),
    names: showable,
    field: narrowest(fields.filter(({ tokens: of }) => of.length === depth)),
    members: narrowest(fields.filter(({ tokens: of }) => of.length === depth + 1 && of[depth] === '*')),
    optional: [...declared].filter((key) => !isRequired(schemas, key)).length,
    kinds: kindsOf(schemas),
    words: new Set(schemas.flatMap(wordsOf)),
    formats: new Set(schemas.flatMap(({ format }) => (typeof format === 'string' ? format : []))),
  };
}

function narrowest(fields: readonly ResultField[]): ResultField | undefined {
  const stars = (field: ResultField) => field.tokens.filter((token) => token === '*').length;
  return fields.reduce<ResultField | undefined>(
    (best, field) => (best === undefined || stars(field) < stars(best) ? field : best),
    undefined,
  );
}

function isRequired(schemas: readonly Schema[], key: string): boolean {
  const shapes = schemas.filter((schema) => keysOf(schema.properties).length > 0);
  return shapes.length > 0 && shapes.every(({ required }) => Array.isArray(required) && required.includes(key));
}

function kindsOf(schemas: readonly Schema[]): ReadonlySet<Kind> {
  const kinds = new Set<Kind>();
  for (const schema of schemas) {
    const types = Array.isArray(schema.type) ? schema.type : schema.type === undefined ? [] : [schema.type];
    // What only refers to others says nothing itself; what has words or nothing at all allows every kind.
    if (types.length === 0 && !['anyOf', 'oneOf', 'allOf', '$ref'].some((key) => Object.hasOwn(schema, key)))
      return new Set();
    for (const type of types) kinds.add(type === 'integer' ? 'number' : (type as Kind));
  }
  return kinds;
}

function wordsOf(schema: Schema): string[] {
  const listed = Array.isArray(schema.enum) ? schema.enum : [];
  return [...listed, schema.const].filter((word): word is string => typeof word === 'string');
}

function keysOf(value: JsonValue | undefined): string[] {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? Object.keys(value) : [];
}
