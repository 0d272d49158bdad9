import { CommandError, readArguments } from '../arguments.ts';
import { columns, printable } from '../columns.ts';
import { isCaseFile } from './case-file.ts';
import { filesAt, readResources } from './files.ts';
import { type TruthTable, truthTables } from './truth-table.ts';

const EVERYTHING = { origins: 5, context: 2, classes: 4, mode: 2 } as const;

/** `sallyport policy table [PATH…]`: what the rules decide of each tool in each state. */
export async function tablePolicies(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    json: { type: 'boolean', default: false },
    tool: { type: 'string' },
    namespace: { type: 'string', default: 'default' },
  });
  const paths = positionals.length === 0 ? ['.'] : positionals;
  const resources = readResources(paths.flatMap(filesAt).filter((one) => !isCaseFile(one)));
  const all = await truthTables(resources, values.namespace);
  const { tool } = values;
  const tables = all.filter((one) => tool === undefined || one.tools.some((name) => name.endsWith(`/${tool}`)));
  if (tables.length === 0) {
    const what = tool === undefined ? 'policy or tool server' : `tool ${tool} with a policy or tool server`;
    throw new CommandError(`there is no ${what} of namespace ${values.namespace} at ${paths.join(', ')}`, 1);
  }
  process.stdout.write(
    values.json ? `${JSON.stringify(tables, null, 2)}\n` : printable(tables.map(tableText).join('\n')),
  );
  return 0;
}

/** A table as text; a dash stands for what makes no difference. */
export function tableText(table: TruthTable): string {
  const oneClass = new Set(table.rows.flatMap((row) => row.classes)).size === 1;
  const cell = (values: readonly string[], of: number) => (values.length === of ? '–' : values.join(' '));
  const rows = table.rows.map((row) => [
    ...row.origins.map((values) => cell(values, EVERYTHING.origins)),
    cell(row.context, EVERYTHING.context),
    cell(row.classes, oneClass ? 0 : EVERYTHING.classes),
    cell(row.mode, EVERYTHING.mode),
    row.decision,
    row.rule,
  ]);
  const head = [...table.arguments, 'CONTEXT', 'CLASS', 'MODE', 'DECISION', 'RULE'];
  return `${table.tools.join(', ')}\n${columns([head, ...rows])
    .replace(/^/gm, '  ')
    .trimEnd()}\n`;
}
