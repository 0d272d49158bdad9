#!/usr/bin/env node
import { CommandError } from './arguments.ts';
import { printable } from './columns.ts';
import { usageText } from './usage-text.ts';

// Loaded when asked for: `get` should not wait for what `dev` needs.
const commands: Readonly<Record<string, () => Promise<{ run(args: readonly string[]): Promise<number> }>>> = {
  dev: () => import('./commands/dev.ts'),
  trajectory: () => import('./commands/trajectory.ts'),
  approvals: () => import('./commands/approvals.ts'),
  get: () => import('./commands/get.ts'),
  promote: () => import('./commands/promote.ts'),
  lint: () => import('./commands/lint.ts'),
  import: () => import('./commands/import.ts'),
  policy: () => import('./policy/command.ts'),
  migrate: () => import('./commands/migrate.ts'),
  certificates: () => import('./commands/certificates.ts'),
};

async function main(): Promise<number> {
  const [name, ...args] = process.argv.slice(2);
  if (name === undefined || name === 'help' || name === '-h' || process.argv.includes('--help')) {
    process.stdout.write(usageText);
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw new CommandError(`there is no command ${name}; see sallyport help`);
  return (await command()).run(args);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const known = error instanceof CommandError || (error instanceof Error && error.name === 'ConfigError');
    process.stderr.write(
      // The words may be a server's.
      `sallyport: ${printable(known ? (error as Error).message : ((error as Error).stack ?? String(error)))}\n`,
    );
    process.exitCode = error instanceof CommandError ? error.exitCode : 1;
  },
);
