import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dialect } from '../chat/message.ts';
import type { ProviderDeclaration } from '../providers/define-provider.ts';
import { providers } from '../providers/index.ts';
import { betweenMarks } from './marks.ts';

const BEGIN = '<!-- providers: made by `make generate` of the declarations -->';
const END = '<!-- providers end -->';

/** The types of providers as Markdown: a row for each dialect in which they are spoken to. */
export function providersTable(all: readonly ProviderDeclaration[] = providers): string {
  const wires = [...new Set(all.map(({ wire }) => wire))];
  const row = (wire: Dialect) => {
    const types = all.filter((one) => one.wire === wire);
    const written = types.map(({ id, baseURLExample }) => (baseURLExample === undefined ? `\`${id}\`` : `\`${id}\` †`));
    return `| ${wire} | ${written.join(', ')} |`;
  };
  const told = all.filter(({ attribution }) => attribution !== undefined).map(({ id }) => `\`${id}\``);
  return [
    '| spoken to in | `type` of a ModelProvider; † needs `baseURL` |',
    '|---|---|',
    ...wires.map(row),
    '',
    `Told who asks, where \`attribution\` says so: ${told.join(', ')}.`,
  ].join('\n');
}

/** A README with the table between its marks. Throws where it has none. */
export function withProviders(readme: string, table: string): string {
  return betweenMarks(readme, BEGIN, END, table);
}

if (import.meta.main) {
  const file = join(import.meta.dirname, '../../../../README.md');
  await writeFile(file, withProviders(await readFile(file, 'utf8'), providersTable()));
  console.log(file);
}
