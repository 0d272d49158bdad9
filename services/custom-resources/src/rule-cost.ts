import type { parse } from '@bufbuild/cel';

/** A parsed CEL expression. */
export type CelExpression = ReturnType<typeof parse>['expr'];

/**
 * Longest list or map that a rule may walk through. `@bufbuild/cel` has no limit at run time, so the bound on the work
 * is this times the nesting of the expression; policy fails a rule (which denies) on a longer list.
 */
export const maxRuleList = 128;

/** Most evaluation steps of one rule over lists of that size. */
export const maxRuleCost = 150_000;

const patternCost = 20;

/** Evaluation steps of an expression in the worst case. */
export function costOf(node: CelExpression | undefined): number {
  if (node === undefined) return 0;
  const kind = node.exprKind;
  switch (kind.case) {
    case 'selectExpr':
      return 1 + costOf(kind.value.operand);
    case 'callExpr':
      return (kind.value.function === 'matches' ? patternCost : 1) + sum([kind.value.target, ...kind.value.args]);
    case 'listExpr':
      return 1 + sum(kind.value.elements);
    case 'structExpr':
      return kind.value.entries.reduce((total, entry) => {
        const key = entry.keyKind.case === 'mapKey' ? entry.keyKind.value : undefined;
        return total + sum([key, entry.value]);
      }, 1);
    case 'comprehensionExpr': {
      const loop = kind.value;
      const rounds = loop.iterRange === undefined ? 0 : longest(loop.iterRange);
      return 1 + sum([loop.iterRange, loop.accuInit, loop.result]) + rounds * sum([loop.loopCondition, loop.loopStep]);
    }
    default:
      return 1;
  }
}

const sum = (nodes: readonly (CelExpression | undefined)[]) => nodes.reduce((total, node) => total + costOf(node), 0);

// A list written out is as long as it is written; joined lists add up; all else is as long as a value may be.
function longest(range: CelExpression): number {
  const kind = range.exprKind;
  if (kind.case === 'listExpr') return kind.value.elements.length;
  if (kind.case === 'structExpr') return kind.value.entries.length;
  if (kind.case === 'comprehensionExpr' && kind.value.iterRange !== undefined) {
    return Math.max(longest(kind.value.iterRange), maxRuleList);
  }
  if (kind.case === 'callExpr' && (kind.value.function === '_+_' || kind.value.function === '_?_:_')) {
    return kind.value.args.reduce((total, part) => total + longest(part), 0);
  }
  return maxRuleList;
}
