import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';

/** A check of a scenario as the conformance suite writes it down. */
export interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
}

/** What came of a scenario. */
export interface Outcome {
  readonly name: string;
  readonly checks: readonly Check[];
}

/** The revisions whose requirements are held. */
export const REVISIONS = ['2025-11-25', '2026-07-28'] as const;
/** Where `make conformance` puts the suite. */
export const BINARY = join(
  import.meta.dirname,
  '../../.tools/conformance/node_modules/@modelcontextprotocol/conformance',
);

/** The scored scenarios of a requirement set. Extensions are scored in neither. */
export function scoredScenarios(revision: string, role: 'client' | 'server'): readonly string[] {
  const text = readFileSync(join(BINARY, 'requirements', `${revision}.yaml`), 'utf8');
  return (parse(text) as Record<typeof role, readonly string[]>)[role];
}

/** How the conformance suite is run: what sees its lines, what is added to its environment, how long it may take. */
export interface Running {
  readonly onLine?: (line: string) => void;
  readonly env?: NodeJS.ProcessEnv;
  readonly withinMs: number;
}

/** Runs the conformance suite with these arguments and gives what it wrote down, by scenario. */
export async function outcomesOf(
  args: readonly string[],
  { onLine = () => undefined, env = {}, withinMs }: Running,
): Promise<Outcome[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-conformance-'));
  try {
    const child = spawn(process.execPath, [join(BINARY, 'dist/index.js'), ...args, '-o', folder], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    let rest = '';
    const take = (chunk: Buffer) => {
      const lines = (rest + chunk.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    const timer = setTimeout(() => child.kill('SIGKILL'), withinMs);
    await new Promise<void>((resolve) => child.once('close', () => resolve()));
    clearTimeout(timer);
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('checks.json'))
      .map((file) => ({
        name: file.replace(/^(authorization-)?server-|-\d{4}-\d{2}-\d{2}T[^/\\]*|[/\\]checks\.json$/g, ''),
        checks: JSON.parse(readFileSync(join(folder, file), 'utf8')) as Check[],
      }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whether a check counts against who is tested. */
export const isBad = ({ status }: Check) => status === 'FAILURE' || status === 'WARNING';
