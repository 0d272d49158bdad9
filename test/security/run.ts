// Holds the gate with its shipped policies against AgentDojo: make security [SUITES=banking,slack] [APPROVERS=exact,absent]
// [FLAGS="--quarantines lying --limit 5 …"]. Writes test/security/results.json. Options below.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '@sallyport/cli/dev/ports';
import { startGate } from './gate.ts';
import { drive, driveControls, type HarnessOptions, type HarnessResult } from './harness.ts';
import { tableOf } from './table.ts';

const { values: given } = parseArgs({
  options: {
    suites: { type: 'string', default: 'banking,slack,travel,workspace' },
    approvers: { type: 'string', default: 'exact,absent' },
    quarantines: { type: 'string', default: 'honest,lying' },
    payloads: { type: 'string', default: 'important_instructions' },
    limit: { type: 'string', default: '0' },
    'honest-only': { type: 'boolean', default: false },
    'no-trusted-fields': { type: 'boolean', default: false },
    // The harness's own gates beside ours: an open one, a latch, one that asks about everything, and so on.
    controls: { type: 'string', default: '' },
    // Which program drives: drive.py, poison.py (every field that outsiders write) or noninterference.py.
    program: { type: 'string', default: 'drive.py' },
    wait: { type: 'string', default: '2s' },
    harness: { type: 'string', default: join(import.meta.dirname, '../../../shared/acceptance/agentdojo') },
  },
});

if (!existsSync(join(given.harness, 'run'))) {
  process.stdout.write('security: skipped, there is no harness; name its folder with --harness\n');
  process.exit(0);
}
const ending = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ending.abort(new Error(name)));
const list = (text: string) => text.split(',').filter((one) => one !== '');
const suites = list(given.suites);
const results: Record<string, HarnessResult & { readonly policies: string; readonly seconds: number }> = {};

for (const quarantine of list(given.quarantines) as HarnessOptions['quarantine'][]) {
  for (const approver of list(given.approvers) as HarnessOptions['approver'][]) {
    for (const payload of list(given.payloads) as HarnessOptions['payload'][]) {
      ending.signal.throwIfAborted();
      const name = `${approver} approver, ${quarantine} quarantine, ${payload}`;
      process.stdout.write(`== ${name}\n`);
      results[name] = await one(approver, quarantine, payload);
      writeFileSync(join(import.meta.dirname, 'results.json'), `${JSON.stringify(results, null, 1)}\n`);
    }
  }
}

// noninterference.py has no figures of this kind and prints its own.
const rows = Object.entries(results).flatMap(([name, { summary }]) => (summary ? [[name, summary] as const] : []));
const controls = given.controls === '' ? [] : await driveControls(given.harness, given.controls, suites, ending.signal);
process.stdout.write(`${tableOf([...controls, ...rows])}\n`);

async function one(
  approver: HarnessOptions['approver'],
  quarantine: HarnessOptions['quarantine'],
  payload: HarnessOptions['payload'],
) {
  const began = Date.now();
  const [mcpPort, modelPort] = [await freePort(), await freePort()];
  const gate = await startGate({
    suites,
    mcpPort,
    modelPort,
    approvalWait: given.wait,
    trustedFields: !given['no-trusted-fields'],
  });
  try {
    const { endpoint, key, adminKey } = gate.suite;
    const result = await drive({
      folder: given.harness,
      endpoint,
      key,
      adminKey,
      suites,
      approver,
      quarantine,
      payload,
      limit: Number(given.limit),
      honestOnly: given['honest-only'],
      mcpPort,
      modelPort,
      program: given.program,
      signal: ending.signal,
    });
    return { ...result, policies: gate.policies, seconds: Math.round((Date.now() - began) / 1000) };
  } finally {
    await gate.stop();
  }
}
