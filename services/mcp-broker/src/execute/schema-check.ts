import { format, type Schema, Validator } from '@cfworker/json-schema';
import { GatewayError } from '@sallyport/chassis/errors';
import { withDoubles } from '@sallyport/turn';
import type { JsonObject } from '../catalog/definition.ts';
import { hasPattern, MAX_PATTERN_STEPS, OutOfPatternSteps, type PatternBudget } from './patterns.ts';
import { countIn } from './unchecked-patterns.ts';

/** Where a value does not fit its schema: JSON pointer and the keyword that says so. */
export interface Misfit {
  readonly pointer: string;
  readonly keyword: string;
}

/** Checks a value; undefined where it fits. Throws GatewayError `invalid_request` for a value that takes too long. */
export type SchemaCheck = (value: unknown) => Misfit | undefined;

/** Evaluations of a subschema in one check: schemas and values both come from elsewhere, and branches multiply. */
const MAX_STEPS = 200_000;
/** Their time, since one evaluation may look at thousands of names. */
const MAX_MS = 250;
/** Evaluations between two looks at the clock. */
const LOOKS = 15;
const MAX_KEPT = 4_000;

// `format` and `patternProperties` run regular expressions over text written by a model, `uniqueItems` is quadratic: either
// could hold this process for minutes. The server checks them itself; they guard nothing here. `pattern` is run by RE2.
// What checks nothing is left out as well, and what this version of JSON Schema has under other names: a reference may lead
// there, and the validator would run what stands there as it came.
const LEFT_OUT = new Set([
  ...['pattern', 'format', 'uniqueItems', '$id', 'id', '$schema', '$anchor', '$dynamicAnchor'],
  ...['default', 'examples', 'dependencies'],
]);
// Evaluated once for each member of a value.
const EACH = new Set([
  'additionalProperties',
  'unevaluatedProperties',
  'propertyNames',
  'items',
  'unevaluatedItems',
  'contains',
]);
const MAPS = new Set(['properties', '$defs', 'definitions', 'dependentSchemas']);
/** In these a pattern that is taken for met, since it is not run, may be what refuses a value: they are left out then. */
const TURNED = new Set(['not', 'oneOf', 'if']);
/** What is about these, and about what they have left. */
const BESIDE = new Set(['then', 'else', 'unevaluatedProperties', 'unevaluatedItems']);
// To these no reference leads.
const DATA = new Set(['enum', 'const', 'required', 'dependentRequired']);

class OutOfSteps extends Error {}

/** The name by which the validator finds the check of patterns among its formats, and what that check is to look for. */
const PATTERN = 'sallyport-pattern';
let wanted = '';
const budget: PatternBudget = { steps: 0 };
(format as Record<string, (text: string) => boolean>)[PATTERN] = (text) => hasPattern(wanted, text, budget);

/** A pattern in the place of a format: the validator asks for its name right before it has a text checked. */
class PatternFormat {
  private readonly pattern: string;

  constructor(pattern: string) {
    this.pattern = pattern;
  }

  toString(): string {
    wanted = this.pattern;
    return PATTERN;
  }
}

/** Compiles schemas once by key (a definition's digest) and keeps the most recent. */
export function schemaChecks(): (key: string, schema: JsonObject) => SchemaCheck {
  const kept = new Map<string, SchemaCheck>();
  return (key, schema) => {
    const held = kept.get(key);
    if (held) return held;
    const check = compileSchema(schema);
    if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value as string);
    kept.set(key, check);
    return check;
  };
}

/** Compiles a schema of JSON Schema 2020-12 whose references are local (`schemaFault` has seen to that). */
export function compileSchema(schema: JsonObject): SchemaCheck {
  let steps = 0;
  let until = 0;
  // The validator reads this member of each subschema that it evaluates, which makes it a place to count.
  const counter = {
    enumerable: false,
    get: () => {
      if (++steps > MAX_STEPS) throw new OutOfSteps();
      if ((steps & LOOKS) === 0 && performance.now() > until) throw new OutOfSteps();
      return undefined;
    },
  };
  let validator: Validator | undefined;
  try {
    validator = new Validator(prepared(schema, counter) as Schema, '2020-12', true);
  } catch {
    // A schema that cannot be compiled says nothing: the server is the one to check.
    return () => undefined;
  }
  const { validate } = validator;
  return (value) => {
    steps = 0;
    until = performance.now() + MAX_MS;
    budget.steps = MAX_PATTERN_STEPS;
    try {
      // It knows doubles alone, and takes a number that is kept as its text for an object, to which no bound applies.
      const { valid, errors } = validate.call(validator, withDoubles(value));
      if (valid) return undefined;
      // The last error is the innermost: it names the place, the others the way there.
      const innermost = errors.at(-1);
      const keyword = innermost?.keyword ?? 'schema';
      const pointer = (innermost?.instanceLocation ?? '#').slice(1);
      return { pointer, keyword: keyword === 'format' ? 'pattern' : keyword };
    } catch (error) {
      if (error instanceof OutOfSteps || error instanceof OutOfPatternSteps || error instanceof RangeError) {
        throw new GatewayError('invalid_request', 'The value is too complex to be checked against its schema.');
      }
      // A reference into nowhere: as above, nothing is said of the value.
      return undefined;
    }
  };
}

function prepared(value: unknown, counter: PropertyDescriptor): unknown {
  if (Array.isArray(value)) return value.map((item) => prepared(item, counter));
  if (typeof value !== 'object' || value === null) return value;
  const from = value as JsonObject;
  // Without the patterns nobody can say which members they covered, so what speaks of "all others" goes with them.
  const open = Object.hasOwn(from, 'patternProperties');
  const copy: Record<string, unknown> = {};
  const unsure = Object.entries(from).flatMap(([key, child]) => (TURNED.has(key) && countIn(child) > 0 ? [key] : []));
  for (const [key, child] of Object.entries(from)) {
    if (unsure.length > 0 && (unsure.includes(key) || BESIDE.has(key))) continue;
    if (LEFT_OUT.has(key) || key === 'patternProperties') continue;
    if (open && (key === 'additionalProperties' || key === 'unevaluatedProperties')) continue;
    if (DATA.has(key)) copy[key] = child;
    // As an object it is counted.
    else if (child === true && EACH.has(key)) copy[key] = prepared({}, counter);
    else if (MAPS.has(key) && typeof child === 'object' && child !== null) {
      copy[key] = Object.fromEntries(
        Object.entries(child).map(([name, schema]): [string, unknown] => [name, prepared(schema, counter)]),
      );
    } else copy[key] = prepared(child, counter);
  }
  Object.defineProperty(copy, '$recursiveAnchor', counter);
  // No part of the schema for the validator to look through: it only reads it.
  if (typeof from.pattern === 'string') {
    Object.defineProperty(copy, 'format', { enumerable: false, value: new PatternFormat(from.pattern) });
  }
  return copy;
}
