import type { CelExpression } from '@sallyport/custom-resources/rule-cost';

/** What the form of an expression tells before it is ever evaluated; its cost is `custom-resources/rule-cost`. */
export interface Shape {
  /** Free variables. */
  readonly variables: ReadonlySet<string>;
  /** True: it walks through a list or map. */
  readonly iterates: boolean;
}

/** Finds what an expression refers to, and whether it walks through anything. */
export function shapeOf(expression: CelExpression): Shape {
  const variables = new Set<string>();
  let iterates = false;

  const visitAll = (nodes: readonly (CelExpression | undefined)[], bound: ReadonlySet<string>): void => {
    for (const node of nodes) if (node !== undefined) visit(node, bound);
  };

  const visit = (node: CelExpression, bound: ReadonlySet<string>): void => {
    const kind = node.exprKind;
    switch (kind.case) {
      case 'identExpr':
        if (!bound.has(kind.value.name)) variables.add(kind.value.name);
        return;
      case 'selectExpr':
        visitAll([kind.value.operand], bound);
        return;
      case 'callExpr':
        visitAll([kind.value.target, ...kind.value.args], bound);
        return;
      case 'listExpr':
        visitAll(kind.value.elements, bound);
        return;
      case 'structExpr':
        for (const { keyKind, value } of kind.value.entries) {
          visitAll([keyKind.case === 'mapKey' ? keyKind.value : undefined, value], bound);
        }
        return;
      case 'comprehensionExpr': {
        iterates = true;
        const loop = kind.value;
        const inside = new Set([...bound, loop.iterVar, loop.iterVar2, loop.accuVar]);
        visitAll([loop.iterRange, loop.accuInit], bound);
        visitAll([loop.loopCondition, loop.loopStep, loop.result], inside);
        return;
      }
      default:
        return;
    }
  };

  visit(expression, new Set());
  return { variables, iterates };
}
