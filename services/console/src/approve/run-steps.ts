import { type Html, html } from '@sallyport/chassis/pages/html';
import { visible } from '@sallyport/chassis/pages/visible';
import { Record_Kind, type Record as RunRecord } from '@sallyport/proto/audit/v1/audit_pb';
import type { Clients } from '../clients.ts';
import type { Patience } from '../route.ts';
import { instant } from './words.ts';

const SHOWN = 8;

/** The last steps of a run, oldest first; undefined when the log does not answer: a decision need not wait for it. */
export async function lastSteps(
  { queries }: Pick<Clients, 'queries'>,
  run: { readonly tenant: string; readonly id: string },
  patience: Patience,
): Promise<{ readonly steps: readonly Html[]; readonly earlier: number } | undefined> {
  try {
    const { records } = await queries.getTrajectory(run, patience);
    // What an outcome tells, its intent told before: one line a step.
    const answered = new Set(records.map(({ intentId }) => intentId).filter((id) => id !== ''));
    const told = records.filter(({ id, kind }) => kind !== Record_Kind.TOOL_INTENT || !answered.has(id));
    return { steps: told.slice(-SHOWN).map(stepOf), earlier: Math.max(0, told.length - SHOWN) };
  } catch {
    return undefined;
  }
}

function stepOf(record: RunRecord): Html {
  return html`${instant(record.startedAtMs)}: ${whatOf(record)}`;
}

function whatOf(record: RunRecord): Html {
  const tool = html`<code>${visible(record.toolName || 'a tool')}</code>`;
  const why = record.reason === '' ? '' : html`: ${visible(record.reason)}`;
  const rule = record.rule === '' ? '' : html` by <code>${visible(record.rule)}</code>`;
  switch (record.kind) {
    case Record_Kind.MODEL_CALL:
      return html`the model <code>${visible(record.model)}</code> answered (${visible(record.outcome)})`;
    case Record_Kind.TOOL_INTENT:
      return html`${tool} was called; no answer is recorded yet`;
    case Record_Kind.TOOL_OUTCOME:
      return html`${tool} was called (${visible(record.outcome)})`;
    case Record_Kind.TOOL_REFUSAL:
      return html`${tool} was refused${rule}${why}`;
    case Record_Kind.APPROVAL:
      return html`${tool} was put before a person (${visible(record.outcome)})${why}`;
    case Record_Kind.QUARANTINE:
      return html`a model without tools read a result of ${tool}`;
    case Record_Kind.ADMISSION_REFUSAL:
      return html`a request was refused${why}`;
    default:
      return html`another step (${visible(record.outcome)})`;
  }
}
