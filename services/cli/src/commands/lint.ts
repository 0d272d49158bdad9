import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, readArguments } from '../arguments.ts';
import { printable } from '../columns.ts';
import { lintFiles, type SourceFile } from '../lint.ts';

/** `sallyport lint <file or folder>…`: one line a fault; the exit code is 1 when there is any that is not a warning. */
export async function run(args: readonly string[]): Promise<number> {
  const { positionals } = readArguments(args, {});
  if (positionals.length === 0) throw new CommandError('lint: name a file or folder');
  const files = positionals.flatMap(filesAt);
  if (files.length === 0) throw new CommandError('lint: there is no YAML or JSON file', 1);
  const faults = lintFiles(files);
  for (const { file, line, subject, path, message, severity } of faults) {
    const parts = [`${file}:${line}`, severity === 'warning' ? 'warning' : '', subject, path, message].filter(Boolean);
    process.stdout.write(`${printable(parts.join(': '))}\n`);
  }
  const errors = faults.filter(({ severity }) => severity === 'error').length;
  const count = `${files.length} ${files.length === 1 ? 'file' : 'files'}`;
  process.stdout.write(errors === 0 ? `${count}, no faults\n` : `${count}, ${errors} faults\n`);
  return errors === 0 ? 0 : 1;
}

function filesAt(path: string): SourceFile[] {
  if (!existsSync(path)) throw new CommandError(`lint: ${path} is not there`);
  if (!statSync(path).isDirectory()) return [{ path, text: readFileSync(path, 'utf8') }];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ya?ml|json)$/.test(name) && !name.split('/').some((part) => part.startsWith('.')))
    .sort()
    .map((name) => ({ path: join(path, name), text: readFileSync(join(path, name), 'utf8') }));
}
