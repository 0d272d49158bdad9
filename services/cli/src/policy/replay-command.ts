import { adminClient } from '../admin-client.ts';
import { CommandError, connectionOptions, readArguments } from '../arguments.ts';
import { columns, printable } from '../columns.ts';
import { isCaseFile } from './case-file.ts';
import { compileRules } from './compiled-rules.ts';
import { filesAt, readResources } from './files.ts';
import { isDecided, recordedCall } from './recorded-call.ts';
import { recordedRuns, spanMs } from './recorded-runs.ts';
import { fails, type Replay, type Replayed, replay } from './replay.ts';
import { namespaceOf, suiteResources, tried } from './suite-resources.ts';

const DIRECTIONS = ['stricter', 'looser', 'any', 'none'] as const;
const POSTURES = { enforce: 'enforce', observe: 'observe' } as const;

/** `sallyport policy replay --policies DIR`: what would change for recorded calls. Exit code 1 by `--fail-on`. */
export async function replayPolicies(args: readonly string[]): Promise<number> {
  const { values } = readArguments(args, {
    ...connectionOptions,
    policies: { type: 'string' },
    since: { type: 'string', default: '24h' },
    limit: { type: 'string', default: '1000' },
    posture: { type: 'string', default: 'enforce' },
    'fail-on': { type: 'string', default: 'none' },
  });
  const { policies, since } = values;
  if (policies === undefined) throw new CommandError('say which policies to try: --policies DIR');
  const failOn = DIRECTIONS.find((one) => one === values['fail-on']);
  if (failOn === undefined) throw new CommandError(`--fail-on is one of ${DIRECTIONS.join(', ')}`);
  const posture = Object.hasOwn(POSTURES, values.posture) ? (values.posture as keyof typeof POSTURES) : undefined;
  if (posture === undefined) throw new CommandError('--posture is enforce or observe, as that of the installation');
  const limit = Number(values.limit);
  if (!Number.isInteger(limit) || limit < 1) throw new CommandError('--limit must be a whole number above 0');
  const files = readResources(filesAt(policies).filter((one) => !isCaseFile(one)));
  const get = adminClient(values);
  const namespace = await namespaceOf(get);
  const rules = await compileRules(tried(files, await suiteResources(get), namespace));
  const onMore = () => void process.stderr.write(`There are older runs; only the newest ${limit} were looked at.\n`);
  const calls = async function* (): AsyncGenerator<Replayed> {
    for await (const run of recordedRuns(get, { sinceMs: Date.now() - spanMs(since), limit, onMore })) {
      for (const record of run.records.filter(isDecided)) {
        yield { run: run.id, call: recordedCall(record, namespace, posture) };
      }
    }
  };
  const found = await replay(calls(), rules);
  if (found.calls === 0)
    process.stderr.write('No recorded call could be decided again, so nothing is shown by this.\n');
  process.stdout.write(values.json ? `${JSON.stringify(found, null, 2)}\n` : printable(replayText(found)));
  return fails(found, failOn) ? 1 : 0;
}

/** A replay as text: how many calls, what would change for whom, and runs to look at. */
export function replayText({ calls, unchanged, otherRule, incomplete, changes }: Replay): string {
  const changed = calls - unchanged - otherRule;
  const summary = [
    `${calls} calls decided again: ${unchanged} as before, ${otherRule} as before by another rule, ${changed} otherwise`,
    ...(incomplete === 0 ? [] : [`${incomplete} records do not hold all that a decision needs and were left out`]),
  ];
  if (changes.length === 0) return `${summary.join('\n')}\n`;
  const rows = changes.map(({ tool, from, to, calls: count, principals, runs }) => [
    String(count),
    `${from.decision} → ${to.decision}`,
    tool,
    `${from.rule} → ${to.rule}`,
    Object.entries(principals)
      .map(([who, times]) => `${who} ${times}`)
      .join(', '),
    runs.join(' '),
  ]);
  return `${summary.join('\n')}\n\n${columns([['CALLS', 'CHANGE', 'TOOL', 'RULE', 'WHO', 'RUNS'], ...rows])}`;
}
