// Holds the gate against the conformance suite of MCP: as authorization server, as server beside the fixture that it stands
// before, and as client. Run: node test/conformance/run.ts [authorization|served|exact|client|<scenario>]
import { existsSync } from 'node:fs';
import { asClient, asServer } from './client-legs.ts';
import { exactOutcomes } from './exact.ts';
import { conformanceHouse } from './house.ts';
import { BINARY, type Outcome, REVISIONS, scoredScenarios } from './outcomes.ts';
import { type Served, served } from './served.ts';
import { asAsked, asAskedOnce, beyond } from './served-legs.ts';
import { openVerdicts } from './verdicts.ts';

if (!existsSync(BINARY)) throw new Error('The conformance suite is not here: make conformance puts it in place.');
const only = process.argv[2];
const verdicts = openVerdicts();
const wants = (leg: string) => only === undefined || only === leg;
const isAuth = (name: string) => name.startsWith('auth/');
const clientScenarios = (revision: string, auth: boolean) =>
  scoredScenarios(revision, 'client').filter((name) => isAuth(name) === auth && (wants('client') || only === name));

await withFixture();
await withPeople();
const { line, asExpected } = verdicts.summary();
process.stdout.write(`${line}\n`);
process.exitCode = asExpected ? 0 : 1;

/** What needs no people: the fixture directly and behind the gate, and servers without authorization. */
async function withFixture(): Promise<void> {
  const asked = REVISIONS.some((one) => scoredScenarios(one, 'server').includes(only ?? ''));
  if (
    !wants('served') &&
    !wants('exact') &&
    !asked &&
    REVISIONS.every((one) => clientScenarios(one, false).length === 0)
  )
    return;
  const house = await served();
  try {
    for (const revision of REVISIONS) {
      if (wants('served') || asked) await serve(house, revision);
      if (wants('exact')) {
        for (const outcome of await exactOutcomes(house, revision)) verdicts.judge('exact', revision, outcome);
      }
      for (const name of clientScenarios(revision, false)) await client(house.use, revision, name);
    }
  } finally {
    await house.end();
  }
}

async function serve({ direct, gated }: Served, revision: string): Promise<void> {
  const at = (url: string): Promise<Outcome[]> =>
    only === undefined || only === 'served' ? asAsked(url, revision) : asAskedOnce(url, revision, only);
  const bare = new Map((await at(direct)).map((outcome) => [outcome.name, outcome]));
  const scored = new Set(scoredScenarios(revision, 'server'));
  for (const [name, outcome] of bare) if (scored.has(name)) verdicts.judge('direct', revision, outcome);
  for (const outcome of await at(gated)) {
    const rest = beyond(bare.get(outcome.name), outcome);
    // Of an extension that the fixture does not have, nothing is left to be held.
    if (rest.checks.length > 0 || scored.has(rest.name)) verdicts.judge('gated', revision, rest);
  }
  if (wants('served')) for (const leg of ['direct', 'gated']) verdicts.finish(leg, revision);
}

/** What needs somebody who signs in and allows. */
async function withPeople(): Promise<void> {
  if (!wants('authorization') && REVISIONS.every((one) => clientScenarios(one, true).length === 0)) return;
  const house = await conformanceHouse();
  try {
    for (const revision of REVISIONS) {
      if (wants('authorization')) {
        for (const outcome of await asServer(house, revision)) verdicts.judge('authorization', revision, outcome);
      }
      for (const name of clientScenarios(revision, true)) await client(house.use, revision, name);
    }
  } finally {
    await house.end();
  }
}

async function client(use: Parameters<typeof asClient>[0], revision: string, name: string): Promise<void> {
  const outcome = await asClient(use, revision, name);
  verdicts.judge('client', revision, outcome, outcome.said);
}
