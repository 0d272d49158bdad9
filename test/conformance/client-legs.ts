import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { freePort } from '@sallyport/cli/dev/ports';
import type { ConformanceHouse, ScenarioContext } from './house.ts';
import { type Outcome, outcomesOf } from './outcomes.ts';

const WITHIN_MS = 60_000;
const SCENARIO_MS = 45_000;

/** Our own server as authorization server. */
export async function asServer(house: ConformanceHouse, revision: string): Promise<Outcome[]> {
  const where = ['--url', house.issuer, '--client-id', house.clientId, '--resource', house.resource];
  const port = String(await freePort());
  let visiting: Promise<void> | undefined;
  const said: string[] = [];
  const outcomes = await outcomesOf(['authorization', ...where, '-p', port, '--spec-version', revision], {
    withinMs: WITHIN_MS,
    onLine(line) {
      said.push(line);
      const url = line.trim();
      if (url.startsWith(`${house.issuer}/authorize?`))
        visiting ??= house.authorize(url).catch((error) => void said.push(String(error)));
    },
  });
  await visiting;
  if (outcomes.length === 0) throw new Error(`the conformance suite wrote no checks: ${said.join('\n')}`);
  return outcomes;
}

/** Connects a tool server of the suite's to the broker and uses it; gives what was done. */
export type Use = (url: string, context: ScenarioContext, revision: string) => Promise<string[]>;

/** The broker as client of a server of the suite's; a program beside tells us where that is. */
export async function asClient(
  use: Use,
  revision: string,
  scenario: string,
): Promise<Outcome & { readonly said: string }> {
  let said = 'was not asked';
  const control = createServer((req, res) => {
    const query = new URL(req.url ?? '/', 'http://127.0.0.1').searchParams;
    const context = JSON.parse(query.get('context') || '{}') as ScenarioContext;
    use(query.get('url') ?? '', context, revision).then(
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
  const command = `${process.execPath} ${join(import.meta.dirname, 'client.ts')}`;
  const where = ['--command', command, '--scenario', scenario, '--spec-version', revision];
  const lines: string[] = [];
  const outcomes = await outcomesOf(['client', ...where, '--timeout', String(SCENARIO_MS)], {
    withinMs: WITHIN_MS,
    onLine: (line) => lines.push(line),
    env,
  });
  await new Promise((resolve) => control.close(resolve));
  const checks = outcomes.flatMap((outcome) => outcome.checks);
  if (checks.length === 0) said += ` | ${lines.slice(-5).join(' / ')}`;
  return { name: scenario, checks, said };
}
