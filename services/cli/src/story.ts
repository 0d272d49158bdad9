import { printable } from './columns.ts';
import type { RecordView, RunView } from './run-view.ts';
import { countOf, moneyOf, STANDS_FOR, stepLines, stepsOf } from './story-steps.ts';

/** Tells a run as a story: who, then turn by turn each step with what it cost, what was decided, by which rule and why. */
export function story(run: RunView): string {
  const lines = [`Run ${run.id}`, ...heading(run)];
  const turns = [...new Set(run.records.map(({ turn }) => turn))];
  for (const [index, turn] of turns.entries()) {
    const records = run.records.filter((record) => record.turn === turn);
    const first = records[0] as RecordView;
    lines.push('', `Turn ${index + 1}  ${[first.startedAt, first.endpoint].filter(Boolean).join('  ')}`);
    for (const step of stepsOf(records)) lines.push(...stepLines(step));
  }
  if (lines.some((line) => line.includes('‹'))) lines.push('', STANDS_FOR);
  return `${lines.map(printable).join('\n')}\n`;
}

function heading(run: RunView): string[] {
  const client = run.records.find((record) => record.client !== undefined)?.client;
  const who = [run.user === '' ? 'nobody stands behind it' : `for ${run.user}`, client && `from client ${client}`];
  return [
    `  asked by ${run.principalId}, ${who.filter(Boolean).join(', ')}`,
    `  ${[
      countOf(run.modelCalls, 'model call'),
      countOf(run.toolCalls, 'tool call'),
      ...(run.quarantines === 0 ? [] : [`${countOf(run.quarantines, 'result')} read in quarantine`]),
      countOf(run.refusals, 'refusal'),
    ].join(', ')}; ${run.inputTokens} tokens in, ${run.outputTokens} out; ${moneyOf(run.costUsd)}`,
    `  ${trust(run)}`,
  ];
}

function trust({ untrusted, quarantines }: RunView): string {
  if (untrusted) return 'Untrusted content came into this run: the model read it as it was written.';
  if (quarantines === 0) return 'Nothing untrusted came into this run.';
  return 'Untrusted content was read in quarantine only: its words did not reach the model that calls the tools.';
}
