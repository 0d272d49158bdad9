import type { Logger } from '@sallyport/chassis/log';
import { type Outbox, outbox } from '@sallyport/chassis/outbox';
import type { Postgres } from '@sallyport/chassis/postgres';
import type { Client } from '@sallyport/chassis/rpc/client';
import { codecOf } from '@sallyport/chassis/rpc/codec/codec';
import { Record_Kind, RecordSchema, type RecordService } from '@sallyport/proto/audit/v1/audit_pb';
import { CHANGED } from './revocations.ts';

const BATCH = 64;
const SEND_MS = 5_000;
const codec = codecOf(RecordSchema);

interface Row extends Record<string, unknown> {
  readonly tenant: string;
  readonly sequence: string;
  readonly key_id: string;
  readonly user_name: string;
  readonly client: string;
  readonly session_id: string;
  readonly reason: string;
  readonly told_by: string;
  readonly said: string | null;
  readonly record_id: string;
  readonly at_ms: number;
}

/**
 * Writes each revocation, and what the directory changed, into the log, with who and why, oldest first, until audit has
 * it. The notices are their own outbox: what was told to services is what is recorded. Any number of replicas may do so.
 */
export function recordingRevocations(options: {
  readonly postgres: Postgres;
  readonly client: Pick<Client<typeof RecordService>, 'commit'>;
  readonly retryMs: number;
  readonly log: Logger;
}): Outbox {
  const { postgres, client, retryMs, log } = options;
  // The rows stay locked while audit is asked, so that no two replicas send the same; records are idempotent by id.
  const sendSome = () =>
    postgres.withTenant('*', async (transaction) => {
      const { rows } = await transaction.query<Row>(
        `select tenant, sequence, key_id, user_name, client, session_id, reason, told_by, said, record_id,
                (extract(epoch from at) * 1000)::float8 as at_ms
           from revocations where record_id is not null and not recorded
          order by sequence limit ${BATCH} for update skip locked`,
      );
      if (rows.length === 0) return 0;
      await client.commit({ records: rows.map(recordOf) }, { timeoutMs: SEND_MS });
      await transaction.query(
        `update revocations r set recorded = true from unnest($1::text[], $2::bigint[]) as s (tenant, sequence)
          where r.tenant = s.tenant and r.sequence = s.sequence`,
        [rows.map((row) => row.tenant), rows.map((row) => row.sequence)],
      );
      return rows.length;
    });
  const waiting = 'records of revocations wait for audit';
  return outbox({ name: 'revocation-records', sendSome, batch: BATCH, retryMs, waiting, log });
}

function recordOf(row: Row): Uint8Array {
  const given = { key: row.key_id, user: row.user_name, client: row.client, session: row.session_id };
  const target = Object.fromEntries(Object.entries(given).filter(([, id]) => id !== ''));
  const by = row.told_by === '' ? 'system' : row.told_by;
  const reason = row.said ?? row.reason;
  const action = row.reason === CHANGED ? 'change' : 'revoke';
  return codec.encode({
    id: row.record_id,
    kind: Record_Kind.ADMIN,
    tenant: row.tenant,
    step: 1,
    startedAtMs: row.at_ms,
    principalKind: by.includes(':') ? by.slice(0, by.indexOf(':')) : by,
    principalId: by,
    user: row.user_name,
    keyId: row.key_id,
    client: row.client,
    reason,
    outcome: 'ok',
    detailJson: JSON.stringify({ action, target, by, reason }),
  });
}
