import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@sallyport/cli/dev/ports';
import { parse } from 'yaml';
import { type ConformanceHouse, conformanceHouse, type ScenarioContext } from './house.ts';

/** A check of a scenario as the conformance suite writes it down. */
interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
}

interface Outcome {
  readonly name: string;
  readonly checks: readonly Check[];
}

const HERE = import.meta.dirname;
const BINARY = join(HERE, '../../.tools/conformance/node_modules/@modelcontextprotocol/conformance');
const REVISIONS = ['2025-11-25', '2026-07-28'] as const;
const SCENARIO_MS = 60_000;

/** The scored scenarios of a requirement set that are about authorization. Extensions are scored in neither. */
function clientScenarios(revision: string): string[] {
  const text = readFileSync(join(BINARY, 'requirements', `${revision}.yaml`), 'utf8');
  return (parse(text) as { readonly client: readonly string[] }).client.filter((name) => name.startsWith('auth/'));
}

/** Runs the conformance suite; `onLine` sees what it prints. */
function conformance(args: readonly string[], onLine: (line: string) => void, env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [join(BINARY, 'dist/index.js'), ...args], {
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
  const timer = setTimeout(() => child.kill('SIGKILL'), SCENARIO_MS);
  return new Promise<void>((resolve) => {
    child.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** The checks that a run wrote below a folder, by scenario. */
function outcomesIn(folder: string): Outcome[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('checks.json'))
    .map((file) => ({
      name: file.replace(/^authorization-server-|-\d{4}-\d{2}-\d{2}T[^/\\]*|[/\\]checks\.json$/g, ''),
      checks: JSON.parse(readFileSync(join(folder, file), 'utf8')) as Check[],
    }));
}

/** Our own server as authorization server. */
async function asServer(house: ConformanceHouse, revision: string): Promise<Outcome[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-conformance-'));
  const where = ['--url', house.issuer, '--client-id', house.clientId, '--resource', house.resource];
  const port = String(await freePort());
  const args = ['authorization', ...where, '-p', port, '--spec-version', revision, '-o', folder];
  let visiting: Promise<void> | undefined;
  const said: string[] = [];
  await conformance(args, (line) => {
    said.push(line);
    const url = line.trim();
    if (url.startsWith(`${house.issuer}/authorize?`))
      visiting ??= house.authorize(url).catch((error) => void said.push(String(error)));
  });
  await visiting;
  const outcomes = outcomesIn(folder);
  rmSync(folder, { recursive: true, force: true });
  if (outcomes.length === 0) throw new Error(`the conformance suite wrote no checks: ${said.join('\n')}`);
  return outcomes;
}

/** The broker as client of the suite's authorization server; a program beside tells us where it is. */
async function asClient(
  house: ConformanceHouse,
  revision: string,
  scenario: string,
): Promise<Outcome & { said: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-conformance-'));
  let said = 'was not asked';
  const control = createServer((req, res) => {
    const query = new URL(req.url ?? '/', 'http://127.0.0.1').searchParams;
    const context = JSON.parse(query.get('context') || '{}') as ScenarioContext;
    house.use(query.get('url') ?? '', context).then(
      (done) => {
        said = done.join('; ');
        res.end('ok');
      },
      (error: unknown) => {
        said = (error as Error).message;
        res.writeHead(500).end(said);
      },
    );
  });
  await new Promise<void>((resolve) => control.listen(0, '127.0.0.1', resolve));
  const env = { SALLYPORT_CONTROL: `http://127.0.0.1:${(control.address() as AddressInfo).port}` };
  const command = `${process.execPath} ${join(HERE, 'client.ts')}`;
  const where = ['--command', command, '--scenario', scenario, '--spec-version', revision, '--timeout', '45000'];
  const lines: string[] = [];
  await conformance(['client', ...where, '-o', folder], (line) => lines.push(line), env);
  await new Promise((resolve) => control.close(resolve));
  const checks = outcomesIn(folder).flatMap((outcome) => outcome.checks);
  rmSync(folder, { recursive: true, force: true });
  if (checks.length === 0) said += ` | ${lines.slice(-5).join(' / ')}`;
  return { name: scenario, checks, said };
}

const expected = (parse(readFileSync(join(HERE, 'expected-failures.yaml'), 'utf8')) ?? {}) as Record<
  string,
  Record<string, string> | null
>;

/** Prints a scenario; counts what fails against what is expected to. */
function judged(
  leg: string,
  revision: string,
  { name, checks }: Outcome,
  said = '',
): { unexpected: number; stale: number } {
  const failed = checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING');
  const reason = expected[`${leg} ${revision}`]?.[name];
  const bad = failed.length > 0 || checks.length === 0;
  const verdict = bad
    ? reason === undefined
      ? 'FAILED'
      : 'failed as expected'
    : reason === undefined
      ? 'ok'
      : 'STALE';
  const passed = checks.filter(({ status }) => status === 'SUCCESS').length;
  const held = `${passed} of ${passed + failed.length} checks`;
  process.stdout.write(`${leg} ${revision} ${name}: ${verdict}, ${held}\n`);
  if (bad && reason !== undefined) process.stdout.write(`    because ${reason}\n`);
  for (const check of failed) process.stdout.write(`    ${check.status} ${check.id}: ${check.errorMessage ?? ''}\n`);
  if (bad && said !== '') process.stdout.write(`    we: ${said.slice(0, 1_000)}\n`);
  return { unexpected: bad && reason === undefined ? 1 : 0, stale: !bad && reason !== undefined ? 1 : 0 };
}

if (!existsSync(BINARY)) throw new Error('The conformance suite is not here: make conformance puts it in place.');
const only = process.argv[2];
const house = await conformanceHouse();
const counted = { scenarios: 0, unexpected: 0, stale: 0 };
const count = (one: { unexpected: number; stale: number }) => {
  counted.scenarios += 1;
  counted.unexpected += one.unexpected;
  counted.stale += one.stale;
};
try {
  for (const revision of REVISIONS) {
    if (only === undefined || only === 'authorization') {
      for (const outcome of await asServer(house, revision)) count(judged('authorization', revision, outcome));
    }
    for (const name of clientScenarios(revision)) {
      if (only !== undefined && only !== 'client' && only !== name) continue;
      const outcome = await asClient(house, revision, name);
      count(judged('client', revision, outcome, outcome.said));
    }
  }
} finally {
  await house.end();
}
process.stdout.write(
  `${counted.scenarios} scenarios, ${counted.unexpected} failed, ${counted.stale} expected to and did not\n`,
);
process.exitCode = counted.unexpected + counted.stale === 0 && counted.scenarios > 0 ? 0 : 1;
