import { dirname } from 'node:path';
import { CommandError, readArguments } from '../arguments.ts';
import { printable } from '../columns.ts';
import type { SourceFile } from '../lint.ts';
import { isCaseFile, readCases } from './case-file.ts';
import { filesAt, readResources } from './files.ts';
import { type CaseOutcome, type CaseRun, runCases } from './run-cases.ts';
import { originsLine, shownValue } from './words.ts';

/** `sallyport policy test [PATH…]`: decides the cases beside policies. Exit code 1 when one fails, or a rule stays untested. */
export async function testPolicies(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    json: { type: 'boolean', default: false },
    'every-rule': { type: 'boolean', default: false },
  });
  const runs = await runAll(positionals.length === 0 ? ['.'] : positionals);
  const failed = runs.flatMap(({ outcomes }) => outcomes.filter(({ differences }) => differences.length > 0));
  const untested = runs.flatMap((run) => run.untested.map((one) => ({ file: fileOf(run), ...one })));
  if (values.json) {
    const report = { cases: count(runs), failed: failed.map(asJson), untested };
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } else {
    for (const outcome of failed) process.stdout.write(printable(failureText(outcome)));
    for (const { file, rule, phase, missing } of untested) {
      process.stdout.write(printable(`${file}: ${rule} (${phase}) ${missing} in any case\n`));
    }
    const summary = `${count(runs)} cases, ${failed.length} failed, ${untested.length} rules not shown from both sides\n`;
    process.stdout.write(summary);
  }
  return failed.length > 0 || (values['every-rule'] && untested.length > 0) ? 1 : 0;
}

/** Runs every file of cases at some paths with the resources beside it. Throws CommandError where there is none. */
export async function runAll(paths: readonly string[]): Promise<CaseRun[]> {
  const files = paths.flatMap(filesAt);
  const cases = files.filter(isCaseFile);
  if (cases.length === 0) throw new CommandError(`there is no file of cases (tests.yaml) at ${paths.join(', ')}`, 1);
  const runs: CaseRun[] = [];
  for (const one of cases) runs.push(await runCases(readCases(one), readResources(beside(one))));
  return runs;
}

/** Resource files in the folder of a file. */
export function beside({ path }: SourceFile): SourceFile[] {
  const folder = dirname(path);
  return filesAt(folder).filter((one) => dirname(one.path) === folder && !isCaseFile(one));
}

/** A case that failed, so that its author sees at once what is not as it should be. */
export function failureText({ file, case: one, question, answer, differences }: CaseOutcome): string {
  const lines = [`${file.path}:${one.line}: ${one.name}`, `    ${one.phase} ${one.tool} ${shownValue(one.arguments)}`];
  for (const { what, expected, was } of differences) {
    lines.push(`    ${what.padEnd(9)} expected ${expected}`, `    ${''.padEnd(9)} but was  ${was}`);
  }
  if (question.origins.length > 0) lines.push(`    origins   ${originsLine(question.origins)}`);
  lines.push(`    because   ${answer.decision.rule}: ${answer.decision.reason}`);
  return `${lines.join('\n')}\n`;
}

function fileOf(run: CaseRun): string {
  return run.outcomes[0]?.file.path ?? '';
}

function count(runs: readonly CaseRun[]): number {
  return runs.reduce((sum, { outcomes }) => sum + outcomes.length, 0);
}

function asJson({ file, case: one, answer, differences }: CaseOutcome) {
  const { enforced, rule, reason } = answer.decision;
  return { file: file.path, line: one.line, name: one.name, differences, decision: enforced, rule, reason };
}
