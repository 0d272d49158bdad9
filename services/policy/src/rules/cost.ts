import type { parse } from '@bufbuild/cel';

/** A parsed CEL expression. */
export type CelExpression = ReturnType<typeof parse>['expr'];

/**
 * Longest list or map that a rule may walk through. `@bufbuild/cel` has no limit at run time, so the bound on the work
 * is this times the nesting of the expression; a longer list makes the rule fail, which denies.
 */
export const MAX_LIST_SIZE = 128;

/** Most evaluation steps of one rule over lists of that size; measured at about 0.2 µs a step. */
export const MAX_COST = 150_000;

const PATTERN_COST = 20;

/** What the form of an expression tells before it is ever evaluated. */
export interface Shape {
  /** Evaluation steps in the worst case. */
  readonly cost: number;
  /** Free variables. */
  readonly variables: ReadonlySet<string>;
  /** True: it walks through a list or map. */
  readonly iterates: boolean;
}

/** Works out the worst case of an expression, and what it refers to. */
export function shapeOf(expression: CelExpression): Shape {
  const variables = new Set<string>();
  let iterates = false;

  const visitAll = (nodes: readonly (CelExpression | undefined)[], bound: ReadonlySet<string>): number =>
    nodes.reduce((sum, node) => sum + (node === undefined ? 0 : visit(node, bound)), 0);

  const visit = (node: CelExpression, bound: ReadonlySet<string>): number => {
    const kind = node.exprKind;
    switch (kind.case) {
      case 'identExpr':
        if (!bound.has(kind.value.name)) variables.add(kind.value.name);
        return 1;
      case 'selectExpr':
        return 1 + visitAll([kind.value.operand], bound);
      case 'callExpr': {
        const own = kind.value.function === 'matches' ? PATTERN_COST : 1;
        return own + visitAll([kind.value.target, ...kind.value.args], bound);
      }
      case 'listExpr':
        return 1 + visitAll(kind.value.elements, bound);
      case 'structExpr':
        return kind.value.entries.reduce((sum, entry) => {
          const key = entry.keyKind.case === 'mapKey' ? entry.keyKind.value : undefined;
          return sum + visitAll([key, entry.value], bound);
        }, 1);
      case 'comprehensionExpr': {
        iterates = true;
        const loop = kind.value;
        const inside = new Set([...bound, loop.iterVar, loop.iterVar2, loop.accuVar]);
        const each = visitAll([loop.loopCondition, loop.loopStep], inside);
        const rounds = loop.iterRange === undefined ? 0 : sizeOf(loop.iterRange);
        return 1 + visitAll([loop.iterRange, loop.accuInit], bound) + rounds * each + visitAll([loop.result], inside);
      }
      default:
        return 1;
    }
  };

  const cost = visit(expression, new Set());
  return { cost, variables, iterates };
}

// A list written out is as long as it is written; joined lists add up; all else is as long as a value may be.
function sizeOf(range: CelExpression): number {
  const kind = range.exprKind;
  if (kind.case === 'listExpr') return kind.value.elements.length;
  if (kind.case === 'structExpr') return kind.value.entries.length;
  if (kind.case === 'comprehensionExpr' && kind.value.iterRange !== undefined) {
    return Math.max(sizeOf(kind.value.iterRange), MAX_LIST_SIZE);
  }
  if (kind.case === 'callExpr' && (kind.value.function === '_+_' || kind.value.function === '_?_:_')) {
    return kind.value.args.reduce((sum, part) => sum + sizeOf(part), 0);
  }
  return MAX_LIST_SIZE;
}
