import type { RecordView } from './run-view.ts';

/** Said below a story in which values stand that the model did not see. */
export const STANDS_FOR = '‹…› stands for a value that the model could pass on and not see.';

/** What happened in one step, with the records that belong to it. */
export interface Step {
  readonly record: RecordView;
  /** Of an outcome: what was decided before. */
  readonly intent?: RecordView | undefined;
  /** Of a quarantine: the calls of the model that read. */
  readonly reading: readonly RecordView[];
  /** Of a refusal: why its tool was hidden from the model, which called it all the same. */
  readonly hiddenBefore?: string | undefined;
}

interface HiddenTool {
  readonly tool?: string;
  readonly rule?: string;
  readonly reason?: string;
}

const MAX_SHOWN = 400;
const INDENT = '       ';

/** The steps of the records of one turn: what was decided and what came of it are one, and so are a result's reading and its model calls. */
export function stepsOf(records: readonly RecordView[]): Step[] {
  const intents = new Map(records.filter(({ kind }) => kind === 'tool_intent').map((intent) => [intent.id, intent]));
  const answered = new Set(records.filter(({ kind }) => kind === 'tool_outcome').map(({ intentId }) => intentId));
  const readAt = new Set(records.filter(({ kind }) => kind === 'quarantine').map(({ step }) => step));
  const isReading = ({ kind, step }: RecordView) => kind === 'model_call' && readAt.has(step);
  const hidden = new Map<string, string>();
  return records.flatMap((record): Step[] => {
    for (const { tool = '', rule, reason } of hiddenIn(record)) hidden.set(tool, ruleText(rule, reason));
    if (record.kind === 'tool_intent' && answered.has(record.id)) return [];
    if (isReading(record)) return [];
    return [
      {
        record,
        intent: intents.get(record.intentId ?? ''),
        reading:
          record.kind === 'quarantine' ? records.filter((one) => isReading(one) && one.step === record.step) : [],
        hiddenBefore: record.kind === 'tool_refusal' ? hidden.get(record.toolName ?? '') : undefined,
      },
    ];
  });
}

/** A step in lines: what it was, and indented below it what is known of it. */
export function stepLines({ record, intent, reading, hiddenBefore }: Step): string[] {
  const at = `  ${String(record.step).padStart(3)}  `;
  const details = detailsOf(record, intent).map((line) => `${INDENT}${line}`);
  switch (record.kind) {
    case 'model_call':
      return [`${at}model call   ${modelLine(record)}`, ...details];
    case 'tool_intent':
      return [`${at}tool call    ${toolOf(record)}  no answer was recorded: ${record.outcome}`, ...details];
    case 'tool_outcome':
      return [`${at}tool call    ${toolOf(record)}  ${milliseconds(record)}  ${outcomeOf(record)}`, ...details];
    case 'tool_refusal': {
      const before =
        hiddenBefore === undefined
          ? []
          : [`${INDENT}it was hidden from the model, which called it all the same; hidden by ${hiddenBefore}`];
      return [`${at}tool REFUSED ${toolOf(record)}`, ...details, ...before];
    }
    case 'quarantine':
      return [
        `${at}quarantine   the result of ${record.toolName ?? '?'}  ${milliseconds(record)}  ${outcomeOf(record)}`,
        ...reading.map((one) => `${INDENT}read by ${modelLine(one)}`),
        ...details,
      ];
    case 'approval':
      return [`${at}approval     ${toolOf(record)}  ${approvalWords(record)}`, ...details];
    case 'admission_refusal':
      return [`${at}REFUSED      ${record.errorCode ?? ''}`, ...details];
    default:
      return [`${at}${record.kind}  ${outcomeOf(record)}`, ...details];
  }
}

/** An amount with its noun. */
export function countOf(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

/** A price in dollars; null where it is not known. */
export function moneyOf(usd: string | null): string {
  return usd === null ? 'price unknown' : `$${usd}`;
}

function modelLine(record: RecordView): string {
  const cached = record.cacheReadTokens ? ` (${record.cacheReadTokens} cached)` : '';
  const estimated = record.usageEstimated ? ' (estimated)' : '';
  return [
    `${record.model ?? '?'} → ${record.provider ?? '?'}/${record.upstreamModel ?? '?'}`,
    `${record.inputTokens ?? 0}${cached} tokens in, ${record.outputTokens ?? 0} out${estimated}`,
    moneyOf(record.costUsd ?? null),
    ...savedOf(record),
    milliseconds(record),
    outcomeOf(record),
  ].join('  ');
}

/** What a cache saved, here or at the provider. */
function savedOf(record: RecordView): string[] {
  const saved = fieldOf(record.detail, 'saved');
  const nanoUsd = fieldOf(saved, 'nanoUsd');
  if (typeof nanoUsd !== 'number' || nanoUsd <= 0) return [];
  const whence = fieldOf(saved, 'by') === 'answer' ? 'answered from the cache, ' : '';
  return [`${whence}saved ${moneyOf(decimal(nanoUsd))}`];
}

/** Nano-USD as decimal USD, without zeros at the end. */
function decimal(nanoUsd: number): string {
  return (nanoUsd / 1e9).toFixed(9).replace(/\.?0+$/, '');
}

function detailsOf(record: RecordView, intent: RecordView | undefined): string[] {
  const lines: string[] = [];
  const inputs = intent?.decisionInputs ?? record.decisionInputs;
  const args = fieldOf(inputs, 'arguments') ?? fieldOf(inputs, 'args');
  if (args !== undefined) lines.push(`arguments ${shown(args)}`);
  if (intent !== undefined) lines.push(...decisionLine(intent, 'call'));
  const about = record.kind === 'tool_outcome' ? 'result' : 'call';
  if (record.kind !== 'model_call') lines.push(...decisionLine(record, about));
  if (record.kind === 'admission_refusal' && record.reason !== undefined) lines.push(record.reason);
  const seen = fieldOf(record.detail, 'shown');
  if (record.kind === 'quarantine' && seen !== undefined) lines.push(`the calling model saw ${shown(seen)}`);
  for (const [why, tools] of Map.groupBy(hiddenIn(record), ({ rule, reason }) => ruleText(rule, reason))) {
    lines.push(`hidden from the model: ${tools.map(({ tool = '?' }) => tool).join(', ')}, by ${why}`);
  }
  if (!record.label.trusted && record.kind !== 'admission_refusal') lines.push(untrustedLine(record));
  return lines;
}

// A result in quarantine is untrusted by itself; a model call is because of all that was read before it.
function untrustedLine({ kind, label, enforced }: RecordView): string {
  const from = label.sources.map((source) => source.replace(/^tool:/, '')).join(', ');
  const source = from === '' ? '' : `, from ${from}`;
  if (kind === 'tool_outcome' && enforced === 'quarantine') return `untrusted${source}: kept from the calling model`;
  return `untrusted content in play${source}`;
}

const DONE: Readonly<Record<string, string>> = {
  allow: 'allowed',
  deny: 'denied',
  hide: 'refused as if there were no such tool',
  ask: 'put before a person',
  quarantine: 'put into quarantine',
};

function decisionLine(record: RecordView, about: 'call' | 'result'): string[] {
  const { verdict, enforced = verdict, rule, reason } = record;
  if (verdict === undefined) return [];
  const done = (word = '') => DONE[word] ?? word;
  const observed = enforced === verdict ? '' : `, which only observes: it was ${done(enforced)}`;
  const verb = observed === '' ? done(verdict) : `would be ${done(verdict)}`;
  return [
    `${about} ${verb}${rule === undefined ? '' : ` by ${rule}`}${observed}${reason === undefined ? '' : `: ${reason}`}`,
  ];
}

function ruleText(rule: string | undefined, reason: string | undefined): string {
  return [rule ?? '?', reason].filter(Boolean).join(': ');
}

function hiddenIn({ hidden }: RecordView): readonly HiddenTool[] {
  return Array.isArray(hidden) ? (hidden as HiddenTool[]) : [];
}

function approvalWords(record: RecordView): string {
  const [state, by] = ['state', 'by'].map((name) => fieldOf(record.detail, name));
  if (typeof state !== 'string') return outcomeOf(record);
  return typeof by === 'string' && by !== '' ? `${state} by ${by.replace(/^user:/, '')}` : state;
}

function toolOf({ toolName, toolClass }: RecordView): string {
  return `${toolName ?? '?'}${toolClass === undefined || toolClass === '' ? '' : ` (${toolClass})`}`;
}

function outcomeOf({ outcome, errorCode, finishReason }: RecordView): string {
  if (errorCode !== undefined && errorCode !== outcome) return `${outcome}: ${errorCode}`;
  return [outcome, outcome === 'ok' && finishReason ? `(${finishReason})` : undefined].filter(Boolean).join(' ');
}

function milliseconds({ durationMs }: RecordView): string {
  return `${Math.round(durationMs)} ms`;
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
