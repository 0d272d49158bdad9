import {
  boolArray,
  byteaArray,
  float8Array,
  int2Array,
  int4Array,
  int8Array,
  oneForAll,
  textArray,
  uuidArray,
} from '@sallyport/chassis/postgres-arrays';
import type { Record as AuditRecord } from '@sallyport/proto/audit/v1/audit_pb';
import { type Row, UUID } from './row.ts';

interface Column {
  readonly name: string;
  readonly type: string;
  /** SQL of the column's value, of SQL of the parameter's. */
  readonly source?: (value: string) => string;
  /** Every row has its own: a value that is the same in all is not given once, and may be null. */
  readonly each?: true;
  readonly write: (rows: readonly Row[]) => Buffer;
}

const MAX_SMALLINT = 2 ** 15 - 1;
const MAX_INT = 2 ** 31 - 1;
const MAX_TIME_MS = 8.64e15;

// A function for each column: one for all of them, which takes the name of the field, reads it several times slower.
const textColumn = (name: string, read: (record: AuditRecord) => string): Column => ({
  name,
  type: 'text',
  write: (rows) => textArray(oneForAll(rows.map(({ record }) => read(record))).map(plain)),
});
const countColumn = (name: string, read: (record: AuditRecord) => number): Column => ({
  name,
  type: 'int8',
  write: (rows) => int8Array(oneForAll(rows.map(({ record }) => read(record))).map((value) => within(value))),
});

/**
 * The columns of `records` that are filled from a row. Numbers are brought into the range of their column, so that no
 * single record can fail the commit of others.
 */
const COLUMNS: readonly Column[] = [
  // First, being the largest: pg's buffer grows by half at a time.
  { name: 'body', type: 'bytea', each: true, write: (rows) => byteaArray(rows.map(({ body }) => body)) },
  textColumn('tenant', ({ tenant }) => tenant),
  { name: 'id', type: 'uuid', each: true, write: (rows) => uuidArray(rows.map(({ id }) => id)) },
  {
    name: 'kind',
    type: 'int2',
    write: (rows) => int2Array(oneForAll(rows.map(({ record }) => within(record.kind, MAX_SMALLINT)))),
  },
  textColumn('trajectory', ({ trajectory }) => trajectory),
  textColumn('turn', ({ turn }) => turn),
  {
    name: 'step',
    type: 'int4',
    write: (rows) => int4Array(oneForAll(rows.map(({ record }) => within(record.step, MAX_INT)))),
  },
  {
    name: 'started_at',
    type: 'float8',
    source: (value) => `to_timestamp(${value} / 1000)`,
    each: true,
    write: (rows) => float8Array(rows.map(({ record }) => bounded(record.startedAtMs, MAX_TIME_MS))),
  },
  {
    name: 'duration_ms',
    type: 'float8',
    each: true,
    write: (rows) => float8Array(rows.map(({ record }) => bounded(record.durationMs, Number.MAX_VALUE))),
  },
  textColumn('principal_id', ({ principalId }) => principalId),
  textColumn('user_id', ({ user }) => user),
  {
    name: 'teams',
    type: 'text',
    // unnest() would take an array of arrays apart to the last, hence literals.
    source: (value) => `(${value})::text[]`,
    write: (rows) => textArray(oneForAll(rows.map(({ record }) => arrayLiteral(record.teams)))),
  },
  textColumn('customer', ({ customer }) => customer),
  textColumn('key_id', ({ keyId }) => keyId),
  textColumn('client', ({ client }) => client),
  textColumn('model', ({ model }) => model),
  textColumn('provider', ({ provider }) => provider),
  countColumn('input_tokens', ({ inputTokens }) => inputTokens),
  countColumn('output_tokens', ({ outputTokens }) => outputTokens),
  countColumn('cache_read_tokens', ({ cacheReadTokens }) => cacheReadTokens),
  countColumn('cache_write_tokens', ({ cacheWriteTokens }) => cacheWriteTokens),
  countColumn('reasoning_tokens', ({ reasoningTokens }) => reasoningTokens),
  {
    name: 'cost_nano_usd',
    type: 'int8',
    each: true,
    write: (rows) => int8Array(rows.map(({ record }) => (record.costNanoUsd < 0 ? null : within(record.costNanoUsd)))),
  },
  textColumn('prompt_version', ({ promptVersion }) => promptVersion),
  textColumn('variant', ({ variant }) => variant),
  textColumn('feature', ({ feature }) => feature),
  textColumn('project', ({ project }) => project),
  textColumn('outcome', ({ outcome }) => outcome),
  textColumn('error_code', ({ errorCode }) => errorCode),
  textColumn('tool', ({ tool }) => tool),
  {
    name: 'intent_id',
    type: 'uuid',
    each: true,
    write: (rows) => uuidArray(rows.map(({ record }) => (UUID.test(record.intentId) ? record.intentId : null))),
  },
  textColumn('verdict', ({ verdict }) => verdict),
  textColumn('enforced', ({ enforced }) => enforced),
  textColumn('rule', ({ rule }) => rule),
  textColumn('policy_revision', ({ policyRevision }) => policyRevision),
  {
    name: 'label_trusted',
    type: 'bool',
    write: (rows) => boolArray(oneForAll(rows.map(({ record }) => record.labelTrusted))),
  },
  {
    name: 'sealed_inputs',
    type: 'bytea',
    each: true,
    write: (rows) => byteaArray(rows.map(({ sealedInputs }) => sealedInputs)),
  },
];

const names = COLUMNS.map(({ name }) => name).join(', ');
const values = COLUMNS.map(({ name, type, each, source = (value) => value }, index) =>
  source(each ? name : `coalesce(${name}, ($${index + 1}::${type}[])[1])`),
).join(', ');

/** Adds rows; those whose id is there already are left alone. Its parameters are those of `insertValues`. */
export const INSERT = `insert into records (${names})
  select ${values}
    from unnest(${COLUMNS.map(({ type }, index) => `$${index + 1}::${type}[]`).join(', ')}) as r (${names})
  on conflict (tenant, id) do nothing`;

/** The parameters of `INSERT`: a binary array a column. */
export function insertValues(rows: readonly Row[]): Buffer[] {
  return COLUMNS.map(({ write }) => write(rows));
}

/** Postgres text cannot hold NUL; the body keeps it. */
function plain(value: string): string {
  return value.includes('\0') ? value.replaceAll('\0', '') : value;
}

function arrayLiteral(values: readonly string[]): string {
  if (values.length === 0) return '{}';
  return `{${values.map((value) => `"${plain(value).replace(/["\\]/g, '\\$&')}"`).join(',')}}`;
}

function within(value: number, max: number = Number.MAX_SAFE_INTEGER): number {
  return Math.round(bounded(value, max));
}

function bounded(value: number, max: number): number {
  return Number.isFinite(value) ? Math.min(max, Math.max(0, value)) : 0;
}
