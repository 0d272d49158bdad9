import { parse } from '@bufbuild/cel';
import { nearest } from './nearest.ts';
import { type CelExpression, costOf, maxRuleCost } from './rule-cost.ts';
import { ProvenanceFault, provenanceFunctions, takeProvenance } from './rule-provenance.ts';
import {
  fits,
  nameOfType,
  type RulePhase,
  type RuleType,
  ruleFunctions,
  ruleVariables,
  typeNames,
} from './rule-types.ts';

type Scope = ReadonlyMap<string, RuleType>;

class ExpressionFault extends Error {}

/**
 * Says what is wrong with a CEL expression that is to give a type (a rule's condition: bool), in one line, or nothing. It parses the expression, then looks for variables,
 * fields and functions that do not exist in that phase, for operations on types that cannot meet, for a result that is
 * no such type, and for a cost above the bound. `@bufbuild/cel` exports no type checker, hence this one; whatever comes
 * from a tool is `dyn`, so it says no only where evaluation would always fail.
 */
export function expressionFault(text: string, phase: RulePhase, wanted: RuleType = 'bool'): string | undefined {
  try {
    const expression = parsed(text);
    const scope = new Map<string, RuleType>(Object.entries(ruleVariables[phase]));
    for (const { name, variable } of takeProvenance(expression)) {
      if (phase !== 'calls') return `${name} is about arguments of a call, so it is for rules on calls only`;
      scope.set(variable, provenanceFunctions[name]);
    }
    const type = typeOf(expression, scope);
    if (!fits(type, wanted)) {
      const meant = wanted === 'bool' ? 'true or false' : `a ${nameOfType(wanted)}`;
      return `the ${wanted === 'bool' ? 'condition' : 'expression'} gives a ${nameOfType(type)}, not ${meant}`;
    }
    const cost = costOf(expression);
    return cost > maxRuleCost ? `the condition may take ${cost} steps; at most ${maxRuleCost} are allowed` : undefined;
  } catch (error) {
    if (error instanceof ExpressionFault || error instanceof ProvenanceFault) return error.message;
    // The stack gave out, which is all that can be said of an expression in so many brackets.
    if (error instanceof RangeError) return 'the condition nests too deep';
    throw error;
  }
}

/** True when the condition is there but is true whatever comes: `true`. */
export function alwaysTrue(text: string | undefined): boolean {
  if (text === undefined) return true;
  try {
    const kind = parse(text).expr.exprKind;
    return kind.case === 'constExpr' && kind.value.constantKind.case === 'boolValue' && kind.value.constantKind.value;
  } catch {
    return false;
  }
}

function parsed(text: string): CelExpression {
  try {
    return parse(text).expr;
  } catch (error) {
    const { rawMessage, location } = error as { rawMessage?: string; location?: { start: { offset: number } } };
    const where = location === undefined ? '' : ` at character ${location.start.offset + 1}`;
    throw new ExpressionFault(`syntax error${where}: ${rawMessage ?? (error as Error).message}`);
  }
}

function typeOf(node: CelExpression | undefined, scope: Scope): RuleType {
  if (node === undefined) return 'dyn';
  const kind = node.exprKind;
  switch (kind.case) {
    case 'constExpr':
      return typeOfConstant(kind.value.constantKind.case);
    case 'identExpr':
      return typeOfName(kind.value.name, scope);
    case 'selectExpr': {
      const operand = typeOf(kind.value.operand, scope);
      const field = typeOfField(operand, kind.value.field);
      return kind.value.testOnly ? 'bool' : field;
    }
    case 'callExpr':
      return typeOfCall(kind.value, scope);
    case 'listExpr':
      for (const element of kind.value.elements) typeOf(element, scope);
      return 'list';
    case 'structExpr':
      if (kind.value.messageName !== '') throw new ExpressionFault(`${kind.value.messageName}{…} is not available`);
      for (const entry of kind.value.entries) typeOf(entry.value, scope);
      return 'map';
    case 'comprehensionExpr': {
      const loop = kind.value;
      const range = typeOf(loop.iterRange, scope);
      if (!fits(range, 'list') && !fits(range, 'map')) {
        throw new ExpressionFault(`a ${nameOfType(range)} has no elements to walk through`);
      }
      const accumulated = typeOf(loop.accuInit, scope);
      const element: RuleType = range === 'strings' ? 'string' : 'dyn';
      const inside = new Map<string, RuleType>([...scope, [loop.iterVar, element], [loop.accuVar, 'dyn']]);
      if (loop.iterVar2 !== '') inside.set(loop.iterVar2, 'dyn');
      const step = typeOf(loop.loopStep, inside);
      typeOf(loop.result, inside);
      // exists_one counts in a number and compares at the end; all other macros end with what they accumulate.
      if (accumulated === 'number') return 'bool';
      return accumulated === 'bool' ? step : accumulated;
    }
    default:
      return 'dyn';
  }
}

function typeOfConstant(kind: string | undefined): RuleType {
  if (kind === 'boolValue') return 'bool';
  if (kind === 'stringValue') return 'string';
  if (kind === 'bytesValue') return 'bytes';
  return kind === 'nullValue' ? 'null' : 'number';
}

function typeOfName(name: string, scope: Scope): RuleType {
  const type = scope.get(name);
  if (type !== undefined) return type;
  if (typeNames.has(name)) return 'type';
  const known = [...scope.keys()].filter((key) => !key.startsWith('@'));
  throw new ExpressionFault(`${name} is not known here; ${guess(name, known)}`);
}

function typeOfField(operand: RuleType, field: string): RuleType {
  if (typeof operand === 'object') {
    const type = Object.hasOwn(operand.record, field) ? operand.record[field] : undefined;
    if (type === undefined)
      throw new ExpressionFault(`no such field: ${field}; ${guess(field, Object.keys(operand.record))}`);
    return type;
  }
  if (!fits(operand, 'map')) throw new ExpressionFault(`a ${nameOfType(operand)} has no field ${field}`);
  return 'dyn';
}

function guess(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return meant === undefined ? `known: ${known.join(', ')}` : `did you mean ${meant}?`;
}

type Call = {
  readonly function: string;
  readonly target?: CelExpression | undefined;
  readonly args: readonly CelExpression[];
};

function typeOfCall(call: Call, scope: Scope): RuleType {
  const args = call.args.map((argument) => typeOf(argument, scope));
  const target = call.target === undefined ? undefined : typeOf(call.target, scope);
  const operator = operators[call.function];
  if (operator !== undefined) return operator(args as [RuleType, RuleType, RuleType]);
  const known = Object.hasOwn(ruleFunctions, call.function) ? ruleFunctions[call.function] : undefined;
  if (known === undefined) {
    throw new ExpressionFault(
      `no such function: ${call.function}; ${guess(call.function, [...Object.keys(ruleFunctions), ...Object.keys(provenanceFunctions)])}`,
    );
  }
  // `x.size()` and `matches(x, y)` are the two that CEL allows in both forms.
  const both = call.function === 'size' || call.function === 'matches';
  const given = target === undefined ? args : [target, ...args];
  const wanted = known.on === undefined ? known.takes : [known.on, ...known.takes];
  if (!both && (target === undefined) !== (known.on === undefined)) {
    throw new ExpressionFault(
      `${call.function} is called as ${known.on === undefined ? `${call.function}(x)` : `x.${call.function}(…)`}`,
    );
  }
  if (given.length > wanted.length || given.length < wanted.length - (known.optional ?? 0)) {
    throw new ExpressionFault(`${call.function} takes ${known.takes.length} arguments`);
  }
  given.forEach((type, index) => {
    const want = wanted[index] ?? 'dyn';
    if (!fits(type, want))
      throw new ExpressionFault(`${call.function} wants a ${nameOfType(want)}, not a ${nameOfType(type)}`);
  });
  return known.returns;
}

type Operator = (args: readonly [RuleType, RuleType, RuleType]) => RuleType;

const wants =
  (sign: string, returns: RuleType, ...allowed: RuleType[]): Operator =>
  (args) => {
    for (const type of args) {
      if (!allowed.some((one) => fits(type, one)))
        throw new ExpressionFault(`${sign} cannot take a ${nameOfType(type)}`);
    }
    return returns;
  };

const meets =
  (sign: string, returns?: RuleType, ...allowed: RuleType[]): Operator =>
  ([left, right, none]) => {
    if (allowed.length > 0) wants(sign, 'dyn', ...allowed)([left, right, none].slice(0, 2) as never);
    const nullable = sign === '==' || sign === '!=' ? [left, right].includes('null') : false;
    if (!nullable && !fits(left, right)) {
      throw new ExpressionFault(`${sign} between a ${nameOfType(left)} and a ${nameOfType(right)}`);
    }
    return returns ?? (left === 'dyn' ? right : left);
  };

const operators: Readonly<Record<string, Operator>> = {
  '_&&_': wants('&&', 'bool', 'bool'),
  '_||_': wants('||', 'bool', 'bool'),
  '!_': wants('!', 'bool', 'bool'),
  '@not_strictly_false': () => 'bool',
  '_==_': meets('==', 'bool'),
  '_!=_': meets('!=', 'bool'),
  '_<_': meets('<', 'bool', 'number', 'string', 'bool', 'bytes'),
  '_<=_': meets('<=', 'bool', 'number', 'string', 'bool', 'bytes'),
  '_>_': meets('>', 'bool', 'number', 'string', 'bool', 'bytes'),
  '_>=_': meets('>=', 'bool', 'number', 'string', 'bool', 'bytes'),
  '_+_': meets('+', undefined, 'number', 'string', 'list', 'bytes'),
  '_-_': meets('-', undefined, 'number'),
  '_*_': meets('*', 'number', 'number'),
  '_/_': meets('/', 'number', 'number'),
  '_%_': meets('%', 'number', 'number'),
  '-_': wants('-', 'number', 'number'),
  '@in': ([, range]) => wants('in', 'bool', 'list', 'map')([range] as never),
  '_[_]': ([of]) => (of === 'strings' ? 'string' : wants('[]', 'dyn', 'list', 'map')([of] as never)),
  '_?_:_': ([condition, yes, no]) => {
    wants('?', 'bool', 'bool')([condition] as never);
    return fits(yes, no) && yes !== 'dyn' ? yes : 'dyn';
  },
};
