import { existsSync, readFileSync } from 'node:fs';
import { adminClient } from '../admin-client.ts';
import { CommandError, connectionOptions, readArguments } from '../arguments.ts';
import { printable } from '../columns.ts';
import type { RecordView, RunView } from '../run-view.ts';
import { readCases } from './case-file.ts';
import { compileRules } from './compiled-rules.ts';
import { explain } from './explain.ts';
import { readResources } from './files.ts';
import { ask } from './question.ts';
import { isDecided, recordedCall } from './recorded-call.ts';
import { runCases } from './run-cases.ts';
import { namespaceOf, suiteResources } from './suite-resources.ts';
import { beside } from './test-command.ts';

/** `sallyport policy explain --trajectory ID [--step N] | --case FILE [--name TEXT]`: why, rule by rule. */
export async function explainDecision(args: readonly string[]): Promise<number> {
  const { values } = readArguments(args, {
    ...connectionOptions,
    trajectory: { type: 'string' },
    step: { type: 'string' },
    case: { type: 'string' },
    name: { type: 'string' },
  });
  if ((values.trajectory === undefined) === (values.case === undefined)) {
    throw new CommandError('say which: --trajectory ID [--step N] or --case FILE [--name TEXT]');
  }
  const texts =
    values.case === undefined
      ? await ofRun(values, values.trajectory ?? '', values.step)
      : await ofCases(values.case, values.name);
  process.stdout.write(printable(texts.join('\n')));
  return 0;
}

async function ofCases(path: string, name: string | undefined): Promise<string[]> {
  if (!existsSync(path)) throw new CommandError(`${path} is not there`);
  const file = { path, text: readFileSync(path, 'utf8') };
  const { outcomes, rules } = await runCases(readCases(file), readResources(beside(file)));
  const chosen = outcomes.filter((one) => name === undefined || one.case.name.includes(name));
  if (chosen.length === 0) throw new CommandError(`no case of ${path} is called like that`, 1);
  return chosen.map((one) => `${one.case.name}\n${explain(one.question, rules)}`);
}

async function ofRun(
  connection: Parameters<typeof adminClient>[0],
  id: string,
  step: string | undefined,
): Promise<string[]> {
  const get = adminClient(connection);
  const namespace = await namespaceOf(get);
  const run = (await get(`trajectories/${encodeURIComponent(id)}`)) as RunView;
  const records = run.records.filter((one) => isDecided(one) && (step === undefined || String(one.step) === step));
  if (records.length === 0) throw new CommandError('no call was decided there', 1);
  const rules = await compileRules(await suiteResources(get));
  return records.map((record) => {
    const call = recordedCall(record, namespace, record.enforced === record.verdict ? 'enforce' : 'observe');
    if (call === undefined)
      return `${told(record)}\n  The record holds no more: policy was not asked, or it is older.\n`;
    const { decision } = ask(call.question, rules.snapshot);
    const same = decision.rule === call.before.rule && decision.enforced === call.before.decision;
    const changed = same ? '' : '  Decided anew by the rules of today, which decide otherwise:\n';
    return `${told(record)}\n${changed}${explain(call.question, rules)}`;
  });
}

function told({ step, toolName = '?', enforced = '?', rule = '?', reason = '' }: RecordView): string {
  return `step ${step}: ${toolName} ${enforced}, by ${rule}: ${reason}`;
}
