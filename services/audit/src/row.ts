import { GatewayError } from '@sallyport/chassis/errors';
import { codecOf } from '@sallyport/chassis/rpc/codec/codec';
import { type Record as AuditRecord, RecordSchema } from '@sallyport/proto/audit/v1/audit_pb';
import { withoutSecrets } from './secret-scan.ts';

/** A record as it is written. */
export interface Row {
  readonly tenant: string;
  readonly id: string;
  /** The record, for the columns that queries use. */
  readonly record: AuditRecord;
  /** The record as bytes, without secrets and decision inputs. */
  readonly body: Uint8Array;
  readonly sealedInputs: Uint8Array | null;
}

/** Seals the decision inputs of a record; only the same tenant and id open them. */
export type SealInputs = (tenant: string, id: string, inputs: string) => Uint8Array;

const codec = codecOf(RecordSchema);
/** Fields that hold what others wrote. */
const FREE_TEXT = ['reason', 'attemptsJson', 'hiddenJson', 'limitsJson', 'detailJson'] as const;

/** Matches a UUID in the form that Postgres and we write. */
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Reads an encoded record. Throws `invalid_request` when it is none. */
export function readRecord(bytes: Uint8Array): AuditRecord {
  try {
    return codec.decode(bytes) as AuditRecord;
  } catch (cause) {
    throw new GatewayError('invalid_request', 'A record cannot be read.', { cause });
  }
}

/** Why a record cannot be kept at all; undefined when it can. */
export function faultOf(record: AuditRecord): string | undefined {
  if (!UUID.test(record.id)) return 'its id is no UUID';
  if (record.tenant === '' || record.tenant === '*' || record.tenant.includes('\0')) return 'it names no tenant';
  return undefined;
}

/** Makes the row of a record that has no fault: secrets are taken out, inputs are sealed. The record is used up. */
export function rowOf(record: AuditRecord, bytes: Uint8Array, seal: SealInputs): Row {
  const { tenant, id } = record;
  let changed = false;
  for (const field of FREE_TEXT) {
    const clean = withoutSecrets(record[field]);
    if (clean === record[field]) continue;
    record[field] = clean;
    changed = true;
  }
  let sealedInputs: Uint8Array | null = null;
  if (record.decisionInputsJson !== '') {
    sealedInputs = seal(tenant, id, withoutSecrets(record.decisionInputsJson));
    record.decisionInputsJson = '';
    changed = true;
  }
  // Mostly nothing is taken out: then the sender's bytes are kept, which saves writing them again.
  return { tenant, id, record, body: changed ? codec.encode(record) : bytes, sealedInputs };
}
