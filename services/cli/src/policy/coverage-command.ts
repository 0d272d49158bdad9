import { type Coverage, coverageOf } from '@sallyport/custom-resources/coverage';
import { readArguments } from '../arguments.ts';
import { columns, printable } from '../columns.ts';
import { isCaseFile } from './case-file.ts';
import { filesAt, readResources } from './files.ts';

/** `sallyport policy coverage [PATH…]`: what stands outside of the protection in these files. */
export async function coverPolicies(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    json: { type: 'boolean', default: false },
    namespace: { type: 'string', default: 'default' },
  });
  const paths = positionals.length === 0 ? ['.'] : positionals;
  const found = coverageOf(readResources(paths.flatMap(filesAt).filter((one) => !isCaseFile(one))), values.namespace);
  process.stdout.write(values.json ? `${JSON.stringify(found, null, 2)}\n` : printable(coverageText(found)));
  return 0;
}

/** Coverage as text: how much is without any gap, then the gaps. */
export function coverageText({ totals, gaps }: Coverage): string {
  const open = (about: string) => new Set(gaps.filter((one) => one.about === about).map(({ name }) => name)).size;
  const share = (about: string, total: number) => `${total - open(about)} of ${total} ${about}s`;
  const summary = `without gap: ${share('key', totals.keys)}, ${share('client', totals.clients)}, ${share('model', totals.models)}, ${share('tool', totals.tools)}\n`;
  if (gaps.length === 0) return summary;
  return `${summary}\n${columns([['ABOUT', 'NAME', 'GAP'], ...gaps.map(({ about, name, gap }) => [about, name, gap])])}`;
}
