import type { HarnessSummary } from './harness.ts';

const COLUMNS = [
  ['honest', 'honest'],
  ['under attack', 'utility_under_attack'],
  ['attacks, tool-borne', 'tool_borne_attacks'],
  ['attacks, text-only', 'text_only_attacks'],
  ['asked', 'interactions'],
  ['done unasked', 'done_with_at_most_0'],
] as const;

/** The figures of several drives as a table in Markdown, one row each; pairs read `count/of`. */
export function tableOf(rows: readonly (readonly [string, HarnessSummary])[]): string {
  const cells = rows.map(([name, summary]) => [name, ...COLUMNS.map(([, key]) => cellOf(summary[key]))]);
  const head = ['', ...COLUMNS.map(([title]) => title)];
  return [head, head.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function cellOf(value: HarnessSummary[string] | undefined): string {
  if (value === undefined) return '';
  return typeof value === 'number' ? String(value) : `${value[0]}/${value[1]}`;
}
