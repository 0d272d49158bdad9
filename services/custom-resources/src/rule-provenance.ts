import type { CelExpression } from './rule-cost.ts';
import type { RuleType } from './rule-types.ts';

/** What rules on calls may ask about where arguments came from, and the type of the answer. */
export const provenanceFunctions = {
  known: 'bool',
  typed: 'bool',
  endorsed: 'bool',
  derived: 'bool',
  from: 'bool',
  origin: 'string',
  readers: 'strings',
} as const satisfies Record<string, RuleType>;

/** One of them. */
export type ProvenanceFunction = keyof typeof provenanceFunctions;

/** One question that an expression asks about the origin of an argument. */
export interface ProvenanceUse {
  readonly name: ProvenanceFunction;
  /** Unescaped tokens of the path below `args`; none: all arguments, and the answers. Those stand below `ANSWERS`. */
  readonly path: readonly string[];
  /** Name of the variable that stands for the answer in the rewritten expression. */
  readonly variable: string;
  /** Of `from`: "<server>/<tool>" in which `*` stands for any characters. */
  readonly tool: string;
  /** Of `from`: JSON pointer into the result in which `*` stands for one index or member. */
  readonly field: string;
}

/** Member of the arguments under which what a path below `answers` is about stands, as in `turn/answers`. */
export const ANSWERS = 'sallyport.dev/answers';

/** A wrong use; the message is for the author of the rule. */
export class ProvenanceFault extends Error {}

/**
 * Replaces each question about origins by a variable, in the given expression itself, since values lose their place as
 * soon as CEL has them. Only paths that stand in the text are known beforehand: `args.to`, `args.items[0].id`, `answers.name`.
 * Throws ProvenanceFault for any other use.
 */
export function takeProvenance(expression: CelExpression): readonly ProvenanceUse[] {
  const uses = new Map<string, ProvenanceUse>();
  const visit = (node: CelExpression | undefined, bound: ReadonlySet<string>): void => {
    if (node === undefined) return;
    const kind = node.exprKind;
    switch (kind.case) {
      case 'selectExpr':
        visit(kind.value.operand, bound);
        return;
      case 'callExpr': {
        const use = useOf(kind.value, bound);
        if (use === undefined) {
          visit(kind.value.target, bound);
          for (const argument of kind.value.args) visit(argument, bound);
          return;
        }
        const key = JSON.stringify(use);
        const known = uses.get(key) ?? { ...use, variable: `@origin${uses.size}` };
        uses.set(key, known);
        const value = { $typeName: 'cel.expr.Expr.Ident', name: known.variable } as const;
        node.exprKind = { case: 'identExpr', value } as CelExpression['exprKind'];
        return;
      }
      case 'listExpr':
        for (const element of kind.value.elements) visit(element, bound);
        return;
      case 'structExpr':
        for (const { keyKind, value } of kind.value.entries) {
          if (keyKind.case === 'mapKey') visit(keyKind.value, bound);
          visit(value, bound);
        }
        return;
      case 'comprehensionExpr': {
        const loop = kind.value;
        visit(loop.iterRange, bound);
        visit(loop.accuInit, bound);
        const inside = new Set([...bound, loop.iterVar, loop.iterVar2, loop.accuVar]);
        visit(loop.loopCondition, inside);
        visit(loop.loopStep, inside);
        visit(loop.result, inside);
        return;
      }
      default:
        return;
    }
  };
  visit(expression, new Set());
  return [...uses.values()];
}

type Call = {
  readonly function: string;
  readonly target?: CelExpression | undefined;
  readonly args: readonly CelExpression[];
};

function useOf(call: Call, bound: ReadonlySet<string>): Omit<ProvenanceUse, 'variable'> | undefined {
  if (!Object.hasOwn(provenanceFunctions, call.function)) return undefined;
  const name = call.function as ProvenanceFunction;
  const form = name === 'from' ? 'args.x.from("server/tool", "/field")' : `${name}(args.x)`;
  const onTarget = name === 'from';
  if ((call.target !== undefined) !== onTarget || call.args.length !== (onTarget ? 2 : 1)) {
    throw new ProvenanceFault(`${name} is called as ${form}`);
  }
  const path = pathOf(onTarget ? call.target : call.args[0], bound);
  if (path === undefined) {
    throw new ProvenanceFault(`${name} wants a path below args that is written out, or below answers, as in ${form}`);
  }
  if (!onTarget) return { name, path, tool: '', field: '' };
  const [tool, field] = call.args.map(textOf);
  if (tool === undefined || field === undefined) throw new ProvenanceFault(`from wants two texts, as in ${form}`);
  if (!/^[^/]+\/.+$/.test(tool)) {
    throw new ProvenanceFault(`from wants a tool as "server/tool", not "${tool}"`);
  }
  if (field !== '' && !field.startsWith('/')) {
    throw new ProvenanceFault(`from wants a field as JSON pointer, such as "/items/*/email", not "${field}"`);
  }
  return { name, path, tool, field };
}

function pathOf(node: CelExpression | undefined, bound: ReadonlySet<string>): string[] | undefined {
  const kind = node?.exprKind;
  if (kind?.case === 'identExpr') {
    const { name } = kind.value;
    if (bound.has(name)) return undefined;
    return name === 'args' ? [] : name === 'answers' ? [ANSWERS] : undefined;
  }
  if (kind?.case === 'selectExpr') {
    const parent = kind.value.testOnly ? undefined : pathOf(kind.value.operand, bound);
    return parent === undefined ? undefined : [...parent, kind.value.field];
  }
  if (kind?.case === 'callExpr' && kind.value.function === '_[_]') {
    const [of, at] = kind.value.args;
    const parent = pathOf(of, bound);
    const token = textOf(at) ?? indexOf(at);
    return parent === undefined || token === undefined ? undefined : [...parent, token];
  }
  return undefined;
}

function textOf(node: CelExpression | undefined): string | undefined {
  const kind = node?.exprKind;
  if (kind?.case !== 'constExpr' || kind.value.constantKind.case !== 'stringValue') return undefined;
  return kind.value.constantKind.value;
}

function indexOf(node: CelExpression | undefined): string | undefined {
  const kind = node?.exprKind;
  if (kind?.case !== 'constExpr' || kind.value.constantKind.case !== 'int64Value') return undefined;
  return kind.value.constantKind.value >= 0n ? String(kind.value.constantKind.value) : undefined;
}
