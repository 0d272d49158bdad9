import { type CelInput, celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { costOf, maxRuleCost, maxRuleList } from '@sallyport/custom-resources/rule-cost';
import { expressionFault } from '@sallyport/custom-resources/rule-expression';
import { type ProvenanceUse, takeProvenance } from '@sallyport/custom-resources/rule-provenance';
import type { JsonValue } from '@sallyport/turn/canonical-json';
import { type ExactNumber, int64Of, isExactNumber } from '@sallyport/turn/exact-number';
import type { Provenance } from './provenance.ts';
import { shapeOf } from './shape.ts';

/** Names that a rule on calls may use. */
export const CALL_VARIABLES = ['args', 'answers', 'tool', 'principal', 'context', 'origins'] as const;
/** Names that a rule on results may use. */
export const RESULT_VARIABLES = ['result', 'args', 'tool', 'principal', 'isError', 'sizeBytes'] as const;

/** A value prepared for CEL, with the size of its longest list or map. */
export interface RuleValue {
  readonly value: CelInput;
  readonly longest: number;
}

/**
 * A value that is prepared for the first condition that asks for it: most rules ask for one or two of what they may.
 * `read` answers undefined for what cannot be read.
 */
export class LaterValue {
  #read: (() => JsonValue | undefined) | undefined;
  #prepared: RuleValue | undefined;

  constructor(read: () => JsonValue | undefined) {
    this.#read = read;
  }

  /** Undefined: it cannot be read. */
  get prepared(): RuleValue | undefined {
    if (this.#read !== undefined) {
      const json = this.#read();
      this.#read = undefined;
      this.#prepared = json === undefined ? undefined : ruleValue(json);
    }
    return this.#prepared;
  }
}

/** Values by variable name; a condition that asks for one that cannot be read fails. */
export type RuleValues = Readonly<Record<string, RuleValue | LaterValue>>;

/** A condition that can be evaluated any number of times. */
export interface Condition {
  /** Variables that it refers to. */
  readonly variables: ReadonlySet<string>;
  /** What it asks about the origins of arguments. */
  readonly uses: readonly ProvenanceUse[];
  /**
   * True or false; an error (also: not a boolean, a list too long) is `undefined`. A condition that asks about origins
   * where none are known fails.
   */
  evaluate(values: RuleValues, provenance?: Provenance): boolean | undefined;
}

/** Thrown for a condition that cannot be used; the message is for the author of the rule. */
export class ConditionFault extends Error {}

// Functions whose result can be longer than what goes in (replace, join, format, split) would void the cost bound.
const STRING_FUNCTIONS = new Set(['charAt', 'indexOf', 'lastIndexOf', 'lowerAscii', 'upperAscii', 'substring', 'trim']);
const ENVIRONMENT = celEnv({ funcs: strings.filter((one) => STRING_FUNCTIONS.has(one.name)) });

/**
 * Compiles a CEL condition over the given variables. Throws ConditionFault: syntax, unknown variable, cost, and all else
 * that lint and operator refuse. CEL itself finds unknown functions when it comes to them, if it does: `true || gone(x)`.
 */
export function compileCondition(text: string, variables: readonly string[]): Condition {
  try {
    const condition = compiled(text, variables);
    const fault = expressionFault(text, variables.includes('origins') ? 'calls' : 'results');
    if (fault !== undefined) throw new ConditionFault(fault);
    return condition;
  } catch (error) {
    // The stack gives out on an expression in too many brackets, wherever it is walked.
    throw error instanceof RangeError ? new ConditionFault('the expression nests too deep') : error;
  }
}

function compiled(text: string, variables: readonly string[]): Condition {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(text);
  } catch (error) {
    throw new ConditionFault(error instanceof Error ? error.message : 'the expression cannot be read');
  }
  const uses = usesOf(parsed.expr);
  if (uses[0] !== undefined && !variables.includes('origins')) {
    throw new ConditionFault(`${uses[0].name} is about arguments of a call, so it is for rules on calls only`);
  }
  const shape = shapeOf(parsed.expr);
  // Names of types (`type(x) == string`) are identifiers too.
  const unknown = [...shape.variables].find(
    (name) => !variables.includes(name) && !TYPE_NAMES.has(name) && !uses.some((use) => use.variable === name),
  );
  if (unknown !== undefined) throw new ConditionFault(`${unknown} is not known here; known: ${variables.join(', ')}`);
  const cost = costOf(parsed.expr);
  if (cost > maxRuleCost) {
    throw new ConditionFault(`may take ${cost} steps for lists of ${maxRuleList}; at most ${maxRuleCost} are allowed`);
  }
  let run: (values: Record<string, CelInput>) => unknown;
  try {
    run = plan(ENVIRONMENT, parsed) as typeof run;
  } catch (error) {
    throw new ConditionFault(error instanceof Error ? error.message : 'the expression cannot be planned');
  }
  const used = new Set(variables.filter((name) => shape.variables.has(name)));
  return {
    variables: used,
    uses,
    evaluate(values, provenance) {
      const bindings: Record<string, CelInput> = {};
      if (uses.length > 0) {
        if (provenance === undefined) return undefined;
        for (const use of uses) bindings[use.variable] = provenance.answer(use);
      }
      for (const name of used) {
        const known = values[name];
        const prepared = known instanceof LaterValue ? known.prepared : known;
        if (prepared === undefined || (shape.iterates && prepared.longest > maxRuleList)) return undefined;
        bindings[name] = prepared.value;
      }
      try {
        const result = run(bindings);
        return isCelError(result) || typeof result !== 'boolean' ? undefined : result;
      } catch {
        return undefined;
      }
    },
  };
}

function usesOf(expression: Parameters<typeof takeProvenance>[0]): readonly ProvenanceUse[] {
  try {
    return takeProvenance(expression);
  } catch (error) {
    throw new ConditionFault((error as Error).message);
  }
}

const TYPE_NAMES = new Set(['bool', 'bytes', 'double', 'int', 'list', 'map', 'null_type', 'string', 'type', 'uint']);

/** CEL takes no such value: a condition that comes to it fails. */
const UNREADABLE = Symbol('a number that CEL cannot hold') as unknown as CelInput;

// Whole numbers from 2^53 on are integers: as doubles they would equal their neighbours.
function ruleNumber(value: number | ExactNumber): CelInput {
  if (typeof value !== 'number') return int64Of(value) ?? UNREADABLE;
  return Number.isSafeInteger(value) || !Number.isInteger(value) ? value : (int64Of(value) ?? value);
}

/** Prepares a JSON value for CEL. Objects become maps, so that no inherited property can be seen. */
export function ruleValue(json: JsonValue): RuleValue {
  let longest = 0;
  const convert = (value: JsonValue): CelInput => {
    if (typeof value === 'number') return ruleNumber(value);
    if (value === null || typeof value !== 'object') return value;
    if (isExactNumber(value)) return ruleNumber(value);
    if (Array.isArray(value)) {
      longest = Math.max(longest, value.length);
      return value.map(convert) as CelInput;
    }
    const entries = Object.entries(value);
    longest = Math.max(longest, entries.length);
    return new Map(entries.map(([key, member]) => [key, convert(member)])) as CelInput;
  };
  const value = convert(json);
  return { value, longest };
}
