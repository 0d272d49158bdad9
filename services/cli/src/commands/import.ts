import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseYaml } from '@sallyport/custom-resources';
import { CommandError, readArguments } from '../arguments.ts';
import { printable } from '../columns.ts';
import type { Finding } from '../import/findings.ts';
import { importLiteLlm } from '../import/litellm/import-config.ts';
import { filesOf, SECRETS_FILE } from '../import/manifest.ts';

const USAGE = 'import: sallyport import litellm <config.yaml> [--out DIR] [--report text|json]';
const FILE_NAMES = [SECRETS_FILE, 'providers.yaml', 'models.yaml', 'limits.yaml', 'access.yaml'];
const HEADINGS: readonly (readonly [Finding['kind'], string])[] = [
  ['fill-in', 'to be filled in'],
  ['not-carried', 'not carried over'],
  ['changed', 'carried over otherwise'],
  ['secret', 'secrets that stood in the config'],
];

/**
 * `sallyport import litellm <config.yaml>`: writes resources that route alike into a folder and names the files on stdout; what
 * was not carried over goes to stderr.
 */
export async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    out: { type: 'string', default: 'litellm-import' },
    report: { type: 'string', default: 'text' },
  });
  const [from, file, ...more] = positionals;
  if (from !== 'litellm' || file === undefined || more.length > 0) throw new CommandError(USAGE);
  if (values.report !== 'text' && values.report !== 'json') throw new CommandError(USAGE);
  if (!existsSync(file)) throw new CommandError(`import: ${file} is not there`);
  const [document] = parseYaml(readFileSync(file, 'utf8'));
  const [fault] = document?.faults ?? [];
  if (document === undefined || fault !== undefined) {
    throw new CommandError(`import: ${file} cannot be read: ${fault?.message ?? 'it is empty'}`, 1);
  }
  const { manifests, findings } = importLiteLlm(document.value);
  const files = filesOf(manifests);
  mkdirSync(values.out, { recursive: true });
  // A file of an earlier import would stand beside those of this one.
  for (const name of FILE_NAMES) rmSync(join(values.out, name), { force: true });
  for (const [name, text] of files) {
    const path = join(values.out, name);
    writeFileSync(path, text, { mode: name === SECRETS_FILE ? 0o600 : 0o644 });
    if (name === SECRETS_FILE) chmodSync(path, 0o600);
    process.stdout.write(`${path}\n`);
  }
  const counts = Object.fromEntries(
    [...Map.groupBy(manifests, ({ kind }) => kind)].map(([kind, some]) => [kind, some.length]),
  );
  process.stderr.write(
    values.report === 'json'
      ? `${JSON.stringify({ resources: counts, findings: findings.all }, null, 2)}\n`
      : textOf(findings.all),
  );
  return files.size === 0 ? 1 : 0;
}

function textOf(findings: readonly Finding[]): string {
  const parts = HEADINGS.flatMap(([kind, heading]) => {
    const some = findings.filter((one) => one.kind === kind);
    if (some.length === 0) return [];
    return [`${heading} (${some.length})`, ...some.map(({ path, why }) => `  ${printable(`${path}: ${why}`)}`)];
  });
  return parts.length === 0 ? 'everything was carried over\n' : `${parts.join('\n')}\n`;
}
