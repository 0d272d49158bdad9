import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** How the harness drives a gate; the names are its own options. */
export interface HarnessOptions {
  /** Folder of the harness. */
  readonly folder: string;
  readonly endpoint: string;
  readonly key: string;
  readonly adminKey: string;
  readonly suites: readonly string[];
  readonly approver: 'exact' | 'absent' | 'careless';
  readonly quarantine: 'honest' | 'lying';
  readonly payload: 'important_instructions' | 'direct' | 'plain';
  readonly limit: number;
  readonly honestOnly: boolean;
  readonly mcpPort: number;
  readonly modelPort: number;
  /** Which of the programs beside this file drives. */
  readonly program: string;
  /** True: nothing is printed but errors. */
  readonly quiet?: boolean;
  readonly signal: AbortSignal;
}

/** One run as the harness tells it. */
export interface HarnessRun {
  readonly suite: string;
  readonly user_task: string;
  readonly injection_task: string | null;
  readonly text_only: boolean;
  readonly utility: boolean;
  readonly cannot: string | null;
  readonly attack?: boolean;
  readonly interactions: number;
  readonly problem: string | null;
  readonly text: string;
}

/** Figures of a set of runs; pairs are [count, of]. */
export type HarnessSummary = Readonly<Record<string, number | readonly [number, number]>>;

/** What a drive gave; `compared` and `different` are of noninterference.py alone. */
export interface HarnessResult {
  readonly summary?: HarnessSummary;
  readonly runs: readonly HarnessRun[];
  readonly compared: number;
  readonly different: readonly unknown[];
}

/** The interpreter of the harness's own environment, which its `run` makes on first use. */
export async function pythonOf(folder: string): Promise<string> {
  const venv = process.env.AGENTDOJO_VENV ?? join(tmpdir(), 'agentdojo-acceptance-venv');
  await promisify(execFile)(join(folder, 'run'), ['--help'], { env: { ...process.env, AGENTDOJO_VENV: venv } });
  return join(venv, 'bin/python');
}

/** Drives the harness's own reference gates; one row each, by mode. Rejects where they could not run. */
export async function driveControls(
  folder: string,
  modes: string,
  suites: readonly string[],
  signal: AbortSignal,
): Promise<(readonly [string, HarnessSummary])[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'sallyport-controls-'));
  const out = join(scratch, 'results.json');
  try {
    const flags = [
      '--controls',
      modes,
      '--suites',
      suites.join(','),
      '--mcp-port',
      '0',
      '--model-port',
      '0',
      '--out',
      out,
    ];
    const child = spawn(join(folder, 'run'), flags, { stdio: ['ignore', 'inherit', 'inherit'], signal });
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => resolve());
    });
    const { controls } = JSON.parse(readFileSync(out, 'utf8')) as {
      controls: Record<string, { summary: HarnessSummary }>;
    };
    return Object.entries(controls).map(([mode, { summary }]) => [mode, summary] as const);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Drives a gate and gives what the harness measured. Rejects where it could not run. */
export async function drive(options: HarnessOptions): Promise<HarnessResult> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-harness-'));
  const out = join(folder, 'results.json');
  try {
    const flags = [
      ['--endpoint', options.endpoint],
      ['--key', options.key],
      ['--admin-key', options.adminKey],
      ['--suites', options.suites.join(',')],
      ['--approver', options.approver],
      ['--quarantine', options.quarantine],
      ['--payload', options.payload],
      ['--limit', String(options.limit)],
      ['--mcp-port', String(options.mcpPort)],
      ['--model-port', String(options.modelPort)],
      ['--out', out],
      ...(options.honestOnly ? [['--honest-only']] : []),
    ].flat();
    const child = spawn(await pythonOf(options.folder), [resolve(import.meta.dirname, options.program), ...flags], {
      stdio: ['ignore', options.quiet === true ? 'ignore' : 'inherit', 'inherit'],
      env: { ...process.env, HARNESS: options.folder, PYTHONDONTWRITEBYTECODE: '1', PYTHONWARNINGS: 'ignore' },
      signal: options.signal,
    });
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => resolve());
    });
    return JSON.parse(readFileSync(out, 'utf8')) as HarnessResult;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
