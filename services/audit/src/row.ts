import { toBinary } from '@bufbuild/protobuf';
import { type Record as AuditRecord, RecordSchema } from '@sallyport/proto/audit/v1/audit_pb';
import { withoutSecrets } from './secret-scan.ts';

/** A record as it is written: names are the columns of `records`, bytes are base64. */
export interface Row {
  readonly tenant: string;
  readonly id: string;
  readonly body: string;
  readonly sealed_inputs: string | null;
  readonly [column: string]: unknown;
}

/** Seals the decision inputs of a record; only the same tenant and id open them. */
export type SealInputs = (tenant: string, id: string, inputs: string) => Uint8Array;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const MAX_INT = 2 ** 31 - 1;

/** Why a record cannot be kept at all; undefined when it can. */
export function faultOf(record: AuditRecord): string | undefined {
  if (!UUID.test(record.id)) return 'its id is no UUID';
  if (record.tenant === '' || record.tenant === '*' || record.tenant.includes('\0')) return 'it names no tenant';
  return undefined;
}

/**
 * Makes the row of a record that has no fault: secrets are taken out, numbers are brought into the range of their
 * column, so that no single record can fail the commit of others. The record is used up.
 */
export function rowOf(record: AuditRecord, seal: SealInputs): Row {
  for (const field of ['reason', 'attemptsJson', 'hiddenJson', 'limitsJson', 'detailJson'] as const) {
    if (record[field] !== '') record[field] = withoutSecrets(record[field]);
  }
  const inputs = withoutSecrets(record.decisionInputsJson);
  record.decisionInputsJson = '';
  return {
    tenant: record.tenant,
    id: record.id,
    kind: record.kind,
    trajectory: text(record.trajectory),
    turn: text(record.turn),
    step: within(record.step, MAX_INT),
    started_at_ms: Number.isFinite(record.startedAtMs) ? Math.min(Math.max(0, record.startedAtMs), 8.64e15) : 0,
    duration_ms: Number.isFinite(record.durationMs) ? Math.max(0, record.durationMs) : 0,
    principal_id: text(record.principalId),
    user_id: text(record.user),
    teams: record.teams.map(text),
    customer: text(record.customer),
    key_id: text(record.keyId),
    client: text(record.client),
    model: text(record.model),
    provider: text(record.provider),
    input_tokens: within(record.inputTokens),
    output_tokens: within(record.outputTokens),
    cache_read_tokens: within(record.cacheReadTokens),
    cache_write_tokens: within(record.cacheWriteTokens),
    reasoning_tokens: within(record.reasoningTokens),
    cost_nano_usd: record.costNanoUsd < 0 ? null : within(record.costNanoUsd),
    prompt_version: text(record.promptVersion),
    variant: text(record.variant),
    feature: text(record.feature),
    project: text(record.project),
    outcome: text(record.outcome),
    error_code: text(record.errorCode),
    tool: text(record.tool),
    intent_id: UUID.test(record.intentId) ? record.intentId : null,
    verdict: text(record.verdict),
    enforced: text(record.enforced),
    rule: text(record.rule),
    policy_revision: text(record.policyRevision),
    label_trusted: record.labelTrusted,
    body: Buffer.from(toBinary(RecordSchema, record)).toString('base64'),
    sealed_inputs: inputs === '' ? null : Buffer.from(seal(record.tenant, record.id, inputs)).toString('base64'),
  };
}

/** Postgres text cannot hold NUL; the body keeps it. */
function text(value: string): string {
  return value.includes('\0') ? value.replaceAll('\0', '') : value;
}

function within(value: number, max: number = Number.MAX_SAFE_INTEGER): number {
  return Number.isFinite(value) ? Math.min(max, Math.max(0, Math.round(value))) : 0;
}
