import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { betweenMarks } from './marks.ts';
import { dialects, type Fate, fronts, type Proof, prove } from './prove.ts';

const SIGNS: Readonly<Record<Fate, string>> = { carried: '●', 'left-out': '◌', refused: '○', unsaid: '·', lost: '✗' };
const BEGIN = '<!-- features: made by `make generate` of what the codecs prove -->';
const END = '<!-- features end -->';

/** The table as Markdown: a row a feature, a column a dialect of providers, in each cell a sign for each front. */
export function featuresTable(proof: Proof): string {
  const rows = Object.entries(proof).map(([feature, ofFeature]) => {
    const cells = dialects.map((dialect) =>
      fronts.map((front) => SIGNS[ofFeature[front]?.[dialect] ?? 'lost']).join(' '),
    );
    return `| ${feature} | ${cells.join(' | ')} |`;
  });
  return [
    `In each cell a sign for a client of ${fronts.map((front) => `\`${front}\``).join(', ')}, in this order: ● carried, ◌ left out`,
    'with a note, since the answer does not hang on it, ○ refused before the call with the name of the field, · the client has no',
    'word for it. Between the same dialects the bytes of the client go on with the least change.',
    '',
    `| | ${dialects.map((dialect) => `to ${dialect}`).join(' | ')} |`,
    `|---|${dialects.map(() => '---|').join('')}`,
    ...rows,
  ].join('\n');
}

/** A README with the table between its marks. Throws where it has none. */
export function withFeatures(readme: string, table: string): string {
  return betweenMarks(readme, BEGIN, END, table);
}

if (import.meta.main) {
  const file = join(import.meta.dirname, '../../../../README.md');
  await writeFile(file, withFeatures(await readFile(file, 'utf8'), featuresTable(prove())));
  console.log(file);
}
