import { parse } from '@bufbuild/cel';
import type { CelExpression } from './rule-cost.ts';

/** Values that a part of a condition can have at all, by its text: `tool.class` → read, write … */
export type Domains = Readonly<Record<string, (value: string) => boolean>>;

/** What can be said of a condition before it is ever asked; undefined: it depends, or it is too long to tell. */
export type Constancy = 'never' | 'always' | undefined;

type Kind = CelExpression['exprKind'];
type Formula =
  | { readonly is: 'and' | 'or'; readonly parts: readonly Formula[] }
  | { readonly is: 'not'; readonly part: Formula }
  | { readonly is: 'constant'; readonly value: boolean }
  | { readonly is: 'atom'; readonly key: string };

// Each further question doubles the work.
const MAX_ATOMS = 12;
const ORIGINS: ReadonlySet<string> = new Set(
  'typed attached system result handle composed unknown mixed absent'.split(' '),
);
const TYPED_ORIGINS: ReadonlySet<string> = new Set(['typed', 'absent']);

/**
 * Tells whether a condition can never hold, or always does, whatever the call: every combination of answers to its
 * questions is tried, without those that contradict each other (two values at once, a value that does not exist, an
 * argument typed but not known). Text that cannot be read depends.
 */
export function constancyOf(text: string, domains: Domains): Constancy {
  let formula: Formula;
  try {
    formula = formulaOf(parse(text).expr, domains);
  } catch {
    return undefined;
  }
  const atoms = [...new Set(atomsOf(formula))];
  if (atoms.length > MAX_ATOMS) return undefined;
  let sometimes = false;
  let notAlways = false;
  for (let bits = 0; bits < 2 ** atoms.length; bits++) {
    const holds = new Map(atoms.map((key, index) => [key, (bits & (2 ** index)) !== 0]));
    if (!consistent(holds)) continue;
    if (truthOf(formula, holds)) sometimes = true;
    else notAlways = true;
    if (sometimes && notAlways) return undefined;
  }
  return sometimes ? 'always' : 'never';
}

function formulaOf(node: CelExpression | undefined, domains: Domains): Formula {
  const kind = node?.exprKind;
  if (kind?.case === 'constExpr' && kind.value.constantKind.case === 'boolValue') {
    return { is: 'constant', value: kind.value.constantKind.value };
  }
  if (kind?.case !== 'callExpr') return { is: 'atom', key: textOf(kind) };
  const { function: name, args } = kind.value;
  const [left, right, otherwise] = args;
  switch (name) {
    case '_&&_':
      return { is: 'and', parts: args.map((one) => formulaOf(one, domains)) };
    case '_||_':
      return { is: 'or', parts: args.map((one) => formulaOf(one, domains)) };
    case '!_':
      return { is: 'not', part: formulaOf(left, domains) };
    case '_?_:_': {
      const [condition, yes, no] = [left, right, otherwise].map((one) => formulaOf(one, domains)) as [
        Formula,
        Formula,
        Formula,
      ];
      const chosen: Formula = { is: 'and', parts: [condition, yes] };
      return { is: 'or', parts: [chosen, { is: 'and', parts: [{ is: 'not', part: condition }, no] }] };
    }
    case '_==_':
      return equality(left, right, domains) ?? { is: 'atom', key: textOf(kind) };
    case '_!=_': {
      const same = equality(left, right, domains);
      return same === undefined ? { is: 'atom', key: textOf(kind) } : { is: 'not', part: same };
    }
    case '@in': {
      const list = right?.exprKind;
      const each =
        list?.case === 'listExpr' ? list.value.elements.map((one) => equality(left, one, domains)) : [undefined];
      return each.every((one) => one !== undefined)
        ? { is: 'or', parts: each as Formula[] }
        : { is: 'atom', key: textOf(kind) };
    }
    default:
      return { is: 'atom', key: textOf(kind) };
  }
}

/** `term == "text"`, where one side is a text. */
function equality(
  left: CelExpression | undefined,
  right: CelExpression | undefined,
  domains: Domains,
): Formula | undefined {
  const [term, literal] = literalOf(right) === undefined ? [right, literalOf(left)] : [left, literalOf(right)];
  if (term === undefined || literal === undefined) return undefined;
  const key = textOf(term.exprKind);
  const possible = key.startsWith('origin(') ? ORIGINS.has(literal) : (domains[key]?.(literal) ?? true);
  return possible ? { is: 'atom', key: `${key} == ${JSON.stringify(literal)}` } : { is: 'constant', value: false };
}

function literalOf(node: CelExpression | undefined): string | undefined {
  const kind = node?.exprKind;
  if (kind?.case !== 'constExpr' || kind.value.constantKind.case !== 'stringValue') return undefined;
  return kind.value.constantKind.value;
}

function textOf(kind: Kind | undefined): string {
  if (kind?.case === 'identExpr') return kind.value.name;
  if (kind?.case === 'selectExpr' && !kind.value.testOnly) {
    return `${textOf(kind.value.operand?.exprKind)}.${kind.value.field}`;
  }
  if (kind?.case === 'callExpr' && kind.value.target === undefined) {
    return `${kind.value.function}(${kind.value.args.map((one) => textOf(one.exprKind)).join(', ')})`;
  }
  // Ids of nodes differ from place to place and say nothing.
  return JSON.stringify(kind, (key, value) =>
    key === 'id' ? undefined : typeof value === 'bigint' ? `${value}n` : value,
  );
}

function atomsOf(formula: Formula): string[] {
  if (formula.is === 'atom') return [formula.key];
  if (formula.is === 'not') return atomsOf(formula.part);
  return formula.is === 'constant' ? [] : formula.parts.flatMap(atomsOf);
}

function truthOf(formula: Formula, holds: ReadonlyMap<string, boolean>): boolean {
  switch (formula.is) {
    case 'and':
      return formula.parts.every((one) => truthOf(one, holds));
    case 'or':
      return formula.parts.some((one) => truthOf(one, holds));
    case 'not':
      return !truthOf(formula.part, holds);
    case 'constant':
      return formula.value;
    case 'atom':
      return holds.get(formula.key) ?? false;
  }
}

function consistent(holds: ReadonlyMap<string, boolean>): boolean {
  const values = new Map<string, string>();
  for (const [key, held] of holds) {
    const [, term = '', literal = ''] = /^(.*) == (".*")$/s.exec(key) ?? [];
    if (!held || term === '') continue;
    if (values.has(term)) return false;
    values.set(term, JSON.parse(literal));
  }
  for (const [key, held] of holds) {
    const [, name, path] = /^(typed|endorsed)\((.*)\)$/s.exec(key) ?? [];
    if (!held || path === undefined) continue;
    if (holds.get(`known(${path})`) === false) return false;
    const origin = values.get(`origin(${path})`);
    if (name === 'typed' && origin !== undefined && !TYPED_ORIGINS.has(origin)) return false;
  }
  return true;
}
