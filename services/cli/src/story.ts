import { printable } from './columns.ts';

/** A record as the admin API shows it; what does not apply is absent. */
export interface RecordView {
  readonly id: string;
  readonly kind: string;
  readonly turn: string;
  readonly step: number;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly outcome: string;
  readonly label: { readonly trusted: boolean; readonly sources: readonly string[] };
  readonly errorCode?: string;
  readonly endpoint?: string;
  readonly model?: string;
  readonly provider?: string;
  readonly upstreamModel?: string;
  readonly client?: string;
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cacheReadTokens?: number;
  readonly usageEstimated?: boolean;
  readonly costUsd?: string | null;
  readonly finishReason?: string;
  readonly toolName?: string;
  readonly toolClass?: string;
  readonly intentId?: string;
  readonly verdict?: string;
  readonly enforced?: string;
  readonly rule?: string;
  readonly reason?: string;
  readonly hidden?: unknown;
  readonly decisionInputs?: unknown;
  readonly detail?: unknown;
}

/** A run as the admin API shows it. */
export interface RunView {
  readonly id: string;
  readonly principalId: string;
  readonly user: string;
  readonly startedAt: string;
  readonly lastAt: string;
  readonly steps: number;
  readonly modelCalls: number;
  readonly toolCalls: number;
  readonly refusals: number;
  readonly quarantines: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costUsd: string | null;
  readonly untrusted: boolean;
  readonly records: readonly RecordView[];
}

const MAX_SHOWN = 400;

/** Tells a run as a story: who, then turn by turn each step with what it cost, what was decided, by which rule and why. */
export function story(run: RunView): string {
  const lines = [`Run ${run.id}`, ...heading(run)];
  const turns = [...new Set(run.records.map(({ turn }) => turn))];
  for (const [index, turn] of turns.entries()) {
    const records = run.records.filter((record) => record.turn === turn);
    const first = records[0] as RecordView;
    lines.push('', `Turn ${index + 1}  ${[first.startedAt, first.endpoint].filter(Boolean).join('  ')}`);
    for (const step of stepsOf(records)) lines.push(...tell(step));
  }
  return `${lines.map(printable).join('\n')}\n`;
}

function heading(run: RunView): string[] {
  const client = run.records.find((record) => record.client !== undefined)?.client;
  const who = [run.user === '' ? 'nobody stands behind it' : `for ${run.user}`, client && `by client ${client}`];
  const count = (amount: number, one: string, many = `${one}s`) => `${amount} ${amount === 1 ? one : many}`;
  return [
    `  ${run.principalId}, ${who.filter(Boolean).join(', ')}`,
    `  ${[
      count(run.modelCalls, 'model call'),
      count(run.toolCalls, 'tool call'),
      count(run.quarantines, 'quarantine exchange'),
      count(run.refusals, 'refusal'),
    ].join(', ')}; ${run.inputTokens} tokens in, ${run.outputTokens} out; ${money(run.costUsd)}`,
    `  ${run.untrusted ? 'Untrusted content came into this run.' : 'Nothing untrusted came into this run.'}`,
  ];
}

/** An outcome with its intent: what was decided stands in the intent, what came of it in the outcome. */
interface Step {
  readonly record: RecordView;
  readonly intent?: RecordView | undefined;
}

function stepsOf(records: readonly RecordView[]): Step[] {
  const intents = new Map(records.filter(({ kind }) => kind === 'tool_intent').map((intent) => [intent.id, intent]));
  const answered = new Set(records.filter(({ kind }) => kind === 'tool_outcome').map(({ intentId }) => intentId));
  return records
    .filter(({ id, kind }) => kind !== 'tool_intent' || !answered.has(id))
    .map((record) => ({ record, intent: intents.get(record.intentId ?? '') }));
}

function tell({ record, intent }: Step): string[] {
  const at = `  ${String(record.step).padStart(3)}  `;
  const details = detailsOf(record, intent).map((line) => `       ${line}`);
  switch (record.kind) {
    case 'model_call':
      return [`${at}model call   ${modelLine(record)}`, ...details];
    case 'tool_intent':
      return [`${at}tool call    ${toolOf(record)}  no answer was recorded: ${record.outcome}`, ...details];
    case 'tool_outcome':
      return [`${at}tool call    ${toolOf(record)}  ${milliseconds(record)}  ${outcomeOf(record)}`, ...details];
    case 'tool_refusal':
      return [`${at}tool REFUSED ${toolOf(record)}`, ...details];
    case 'quarantine':
      return [`${at}quarantine   ${record.model ?? ''} read ${toolOf(record)}  ${milliseconds(record)}`, ...details];
    case 'admission_refusal':
      return [`${at}REFUSED      ${record.errorCode ?? ''}`, ...details];
    default:
      return [`${at}${record.kind}  ${outcomeOf(record)}`, ...details];
  }
}

function modelLine(record: RecordView): string {
  const cached = record.cacheReadTokens ? ` (${record.cacheReadTokens} cached)` : '';
  const estimated = record.usageEstimated ? ' (estimated)' : '';
  return [
    `${record.model ?? '?'} → ${record.provider ?? '?'}/${record.upstreamModel ?? '?'}`,
    `${record.inputTokens ?? 0}${cached} in, ${record.outputTokens ?? 0} out${estimated}`,
    money(record.costUsd ?? null),
    milliseconds(record),
    outcomeOf(record),
  ].join('  ');
}

function detailsOf(record: RecordView, intent: RecordView | undefined): string[] {
  const lines: string[] = [];
  const inputs = intent?.decisionInputs ?? record.decisionInputs;
  const args = fieldOf(inputs, 'arguments') ?? fieldOf(inputs, 'args');
  if (args !== undefined) lines.push(`arguments ${shown(args)}`);
  if (intent !== undefined) lines.push(...decisionLine(intent, ''));
  const about = record.kind === 'tool_outcome' ? 'result ' : '';
  if (record.kind !== 'model_call') lines.push(...decisionLine(record, about));
  if (record.kind === 'admission_refusal' && record.reason !== undefined) lines.push(record.reason);
  const seen = fieldOf(record.detail, 'shown');
  if (record.kind === 'quarantine' && seen !== undefined) lines.push(`the model saw ${shown(seen)}`);
  if (Array.isArray(record.hidden)) {
    for (const one of record.hidden as { tool?: string; rule?: string; reason?: string }[]) {
      lines.push(`hidden from the model: ${one.tool ?? '?'} (${[one.rule, one.reason].filter(Boolean).join(': ')})`);
    }
  }
  if (!record.label.trusted && record.kind !== 'admission_refusal') {
    lines.push(`label untrusted${record.label.sources.length > 0 ? `, from ${record.label.sources.join(', ')}` : ''}`);
  }
  return lines;
}

function decisionLine(record: RecordView, about: string): string[] {
  if (record.verdict === undefined) return [];
  const observed = record.enforced !== undefined && record.enforced !== record.verdict;
  const verdict = observed ? `${record.verdict} (observed only; ${record.enforced} was done)` : record.verdict;
  const rule = record.rule === undefined ? '' : ` by ${record.rule}`;
  return [`${about}${verdict}${rule}${record.reason === undefined ? '' : `: ${record.reason}`}`];
}

function toolOf({ toolName, toolClass }: RecordView): string {
  return `${toolName ?? '?'}${toolClass === undefined ? '' : ` (${toolClass})`}`;
}

function outcomeOf({ outcome, errorCode, finishReason }: RecordView): string {
  return [outcome, errorCode, outcome === 'ok' && finishReason ? `(${finishReason})` : undefined]
    .filter(Boolean)
    .join(' ');
}

function milliseconds({ durationMs }: RecordView): string {
  return `${Math.round(durationMs)} ms`;
}

function money(usd: string | null): string {
  return usd === null ? 'price unknown' : `$${usd}`;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value, handleAsWord);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}… (${text.length} characters)` : text;
}

/** A handle as one word: what it stands for the model did not see, and its fields say nothing to a reader. */
function handleAsWord(_key: string, value: unknown): unknown {
  const { $handle: handle, type } = (value ?? {}) as { $handle?: unknown; type?: unknown };
  return typeof handle === 'string' ? `‹${String(type ?? 'value')} ${handle.slice(0, 8)}…›` : value;
}
