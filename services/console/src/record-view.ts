import { parseExact } from '@sallyport/peers/exact-json';
import { type Record as AuditRecord, Record_Kind, type Trajectory } from '@sallyport/proto/audit/v1/audit_pb';
import { z } from 'zod';
import { fields, timeOf } from './fields.ts';
import { costOf } from './money.ts';

const KINDS = {
  [Record_Kind.MODEL_CALL]: 'model_call',
  [Record_Kind.TOOL_INTENT]: 'tool_intent',
  [Record_Kind.TOOL_OUTCOME]: 'tool_outcome',
  [Record_Kind.TOOL_REFUSAL]: 'tool_refusal',
  [Record_Kind.QUARANTINE]: 'quarantine',
  [Record_Kind.ADMIN]: 'admin',
  [Record_Kind.ADMISSION_REFUSAL]: 'admission_refusal',
  [Record_Kind.APPROVAL]: 'approval',
} as const;

const text = z.string().optional();
const texts = z.array(z.string()).optional();
const amount = z.number().optional();
const json = z.json().optional();

/** A record as the API shows it: what does not apply to a step is left out. */
export const recordSchema = z
  .object({
    id: z.string(),
    kind: z.enum([
      'model_call',
      'tool_intent',
      'tool_outcome',
      'tool_refusal',
      'quarantine',
      'admin',
      'admission_refusal',
      'approval',
      'unknown',
    ]),
    turn: z.string(),
    step: z.int().describe('Position in the turn, from 1.'),
    startedAt: fields.time,
    durationMs: z.number(),
    outcome: z.string().describe('ok, error, cancelled, refused or unknown.'),
    errorCode: text,
    httpStatus: amount,
    principalKind: text,
    principalId: text,
    user: text,
    teams: texts,
    customer: text,
    keyId: text,
    client: text,
    tags: texts,
    endpoint: text,
    model: text,
    provider: text,
    upstreamModel: text,
    stream: z.boolean().optional(),
    inputTokens: amount,
    outputTokens: amount,
    cacheReadTokens: amount,
    cacheWriteTokens: amount,
    reasoningTokens: amount,
    usageEstimated: z.boolean().optional(),
    costUsd: fields.costUsd.optional(),
    costNanoUsd: fields.costNanoUsd.optional(),
    cache: text,
    firstTokenMs: amount,
    finishReason: text,
    attempts: json.describe(
      'Calls to providers: provider, model, status, error code, milliseconds, credential reference.',
    ),
    promptVersion: text,
    variant: text,
    feature: text,
    project: text,
    callId: text,
    tool: text.describe('Canonical tool identity.'),
    toolName: text,
    toolClass: text,
    intentId: text.describe('Record of the intent that this outcome belongs to.'),
    verdict: text.describe('What the rules said.'),
    enforced: text.describe('What was done; differs from the verdict in Observe mode.'),
    rule: text,
    reason: text,
    policyRevision: text,
    label: z.object({ trusted: z.boolean(), sources: z.array(z.string()) }),
    hidden: json.describe('Tools hidden from the model in this step, with rule and reason.'),
    limits: json.describe('Limits touched, with amounts.'),
    decisionInputs: json.describe('Arguments, origins and labels that the decision was made on.'),
    detail: json,
  })
  .meta({ id: 'Record', description: 'What the log keeps of one step.' });

/** A run as the API shows it. */
export const trajectorySchema = z
  .object({
    id: z.string(),
    principalId: z.string(),
    user: z.string(),
    keyId: z.string(),
    startedAt: fields.time,
    lastAt: fields.time,
    steps: fields.count,
    modelCalls: fields.count,
    toolCalls: fields.count,
    refusals: fields.count,
    quarantines: fields.count,
    inputTokens: fields.count,
    outputTokens: fields.count,
    costUsd: fields.costUsd,
    costNanoUsd: fields.costNanoUsd,
    untrusted: z.boolean().describe('Whether a model was asked with anything untrusted in its context.'),
    quarantinedResults: fields.count.describe('Tool results that no model with tools was shown as they were.'),
  })
  .meta({ id: 'Trajectory', description: 'One agent run over both planes.' });

type RecordView = z.output<typeof recordSchema>;

/** Shows a record. */
export function recordView(record: AuditRecord): RecordView {
  const view: { [K in keyof RecordView]?: unknown } = {
    id: record.id,
    kind: KINDS[record.kind as keyof typeof KINDS] ?? 'unknown',
    turn: record.turn,
    step: record.step,
    startedAt: timeOf(record.startedAtMs),
    durationMs: record.durationMs,
    outcome: record.outcome || 'unknown',
    label: { trusted: record.labelTrusted, sources: record.labelSources },
  };
  for (const name of TEXTS) if (record[name] !== '') view[name] = record[name];
  for (const name of LISTS) if (record[name].length > 0) view[name] = record[name];
  if (record.httpStatus !== 0) view.httpStatus = record.httpStatus;
  for (const [name, source] of JSONS) {
    const value = parsed(record[source]);
    if (value !== undefined) view[name] = value;
  }
  if (spends(record.kind)) {
    for (const name of AMOUNTS) view[name] = record[name];
    view.stream = record.stream;
    view.usageEstimated = record.usageEstimated;
    Object.assign(view, costOf(record.costNanoUsd));
  }
  return view as RecordView;
}

/** Shows a run. */
export function trajectoryView(trajectory: Trajectory): z.output<typeof trajectorySchema> {
  const { id, principalId, user, keyId, steps, modelCalls, toolCalls, refusals, quarantines } = trajectory;
  const { inputTokens, outputTokens, untrusted, quarantinedResults } = trajectory;
  return {
    id,
    principalId,
    user,
    keyId,
    startedAt: timeOf(trajectory.startedAtMs),
    lastAt: timeOf(trajectory.lastAtMs),
    steps,
    modelCalls,
    toolCalls,
    refusals,
    quarantines,
    inputTokens,
    outputTokens,
    ...costOf(trajectory.costNanoUsd),
    untrusted,
    quarantinedResults,
  };
}

const TEXTS = [
  'errorCode',
  'principalKind',
  'principalId',
  'user',
  'customer',
  'keyId',
  'client',
  'endpoint',
  'model',
  'provider',
  'upstreamModel',
  'cache',
  'finishReason',
  'promptVersion',
  'variant',
  'feature',
  'project',
  'callId',
  'tool',
  'toolName',
  'toolClass',
  'intentId',
  'verdict',
  'enforced',
  'rule',
  'reason',
  'policyRevision',
] as const;
const LISTS = ['teams', 'tags'] as const;
const AMOUNTS = [
  'inputTokens',
  'outputTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
  'reasoningTokens',
  'firstTokenMs',
] as const;
const JSONS = [
  ['attempts', 'attemptsJson'],
  ['hidden', 'hiddenJson'],
  ['limits', 'limitsJson'],
  ['decisionInputs', 'decisionInputsJson'],
  ['detail', 'detailJson'],
] as const;

/** Whether tokens and money of a kind mean something, so that a zero is shown. */
function spends(kind: Record_Kind): boolean {
  return kind === Record_Kind.MODEL_CALL || kind === Record_Kind.QUARANTINE;
}

function parsed(json: string): unknown {
  if (json === '') return undefined;
  try {
    return parseExact(json);
  } catch {
    // One unreadable field must not hide the rest of a run; what stands there is still shown.
    return json;
  }
}
