import { isKind, type Kind, kindNames, kinds } from '@sallyport/custom-resources';
import { stringify } from 'yaml';
import { adminClient } from '../admin-client.ts';
import { CommandError, connectionOptions, readArguments } from '../arguments.ts';
import { columns, printable } from '../columns.ts';

interface ResourceView {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly spec: unknown;
  readonly status: { readonly conditions?: readonly ConditionView[] };
}

interface ConditionView {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** `sallyport get [kind] [name]`. Gives the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(args, connectionOptions);
  const [word, name] = positionals;
  const kind = word === undefined ? undefined : kindOf(word);
  const answer = (await adminClient(values)('resources', kind === undefined ? {} : { kind })) as {
    items: ResourceView[];
  };
  const items = answer.items.filter((item) => name === undefined || item.name === name);
  if (name !== undefined && items.length === 0) throw new CommandError(`there is no ${kind} ${name}`, 1);
  if (values.json) process.stdout.write(`${JSON.stringify(items, null, 2)}\n`);
  else if (name !== undefined) process.stdout.write(printable(stringify(items[0])));
  else process.stdout.write(table(items));
  return 0;
}

/** The kind that a word means: its name, plural or a short name, whatever the case. */
export function kindOf(word: string): Kind {
  const lower = word.toLowerCase();
  const found = kindNames.find((kind) => {
    const { plural, shortNames } = kinds[kind];
    return kind.toLowerCase() === lower || plural === lower || (shortNames as readonly string[]).includes(lower);
  });
  if (found === undefined || !isKind(found))
    throw new CommandError(`there is no kind ${word}; know ${kindNames.join(', ')}`);
  return found;
}

function table(items: readonly ResourceView[]): string {
  if (items.length === 0) return 'No resources.\n';
  const order = (kind: string) => kindNames.indexOf(kind as Kind);
  const rows = [...items]
    .sort((a, b) => order(a.kind) - order(b.kind) || a.name.localeCompare(b.name))
    .map((item) => {
      const conditions = item.status.conditions ?? [];
      const ready = conditions.find(({ type }) => type === 'Ready');
      // The first condition that fails says more than Ready, which only sums up.
      const cause = conditions.find(({ type, status }) => status !== 'True' && !QUIET.has(type)) ?? ready;
      return [item.kind, item.name, ready?.status ?? 'Unknown', cause?.reason ?? '', cause?.message ?? ''].map(
        printable,
      );
    });
  return columns([['KIND', 'NAME', 'READY', 'REASON', 'MESSAGE'], ...rows]);
}

/** Conditions for which False is the good news. */
const QUIET = new Set(['DefinitionDrift', 'DefinitionSuspect', 'ExpiresSoon']);
