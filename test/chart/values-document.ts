import { isMap, isScalar, type Node, parseDocument, type YAMLMap } from 'yaml';

/** One value of the chart: where, what it says in comments, its default, and what stands below. */
export interface ChartValue {
  /** Dotted path. */
  readonly path: string;
  readonly name: string;
  /** The comment above, without its `@schema` lines. */
  readonly text: string;
  /** The `@schema` lines, merged. */
  readonly hints: Readonly<Record<string, unknown>>;
  readonly value: unknown;
  readonly children: readonly ChartValue[];
}

/** Reads values.yaml with its comments. Throws when a `@schema` line is no JSON. */
export function readValues(text: string): ChartValue[] {
  const document = parseDocument(text);
  if (document.errors[0] !== undefined) throw document.errors[0];
  return entriesOf(document.contents as YAMLMap, '');
}

function entriesOf(map: YAMLMap, prefix: string): ChartValue[] {
  return map.items.map((pair, index) => {
    const key = pair.key as Node & { value: string };
    const path = prefix === '' ? key.value : `${prefix}.${key.value}`;
    // A comment above the first key of a map belongs to the map in the syntax tree.
    const comment = (index === 0 ? (map.commentBefore ?? key.commentBefore) : key.commentBefore) ?? '';
    const own = comment.split('\n\n').at(-1) ?? '';
    const lines = own.split('\n').map((line) => line.trim());
    const hints = lines.filter((line) => line.startsWith('@schema ')).map((line) => JSON.parse(line.slice(8)));
    const node = pair.value;
    return {
      path,
      name: key.value,
      text: lines.filter((line) => line !== '' && !line.startsWith('@schema ')).join(' '),
      hints: Object.assign({}, ...hints) as Record<string, unknown>,
      value: isMap(node) || !isScalar(node) ? (node as Node & { toJSON(): unknown }).toJSON() : node.value,
      children: isMap(node) ? entriesOf(node as YAMLMap, path) : [],
    };
  });
}
