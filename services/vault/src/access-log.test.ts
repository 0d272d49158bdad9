import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { codecOf } from '@sallyport/chassis/rpc/codec/codec';
import { type Record as AuditRecord, RecordSchema } from '@sallyport/proto/audit/v1/audit_pb';
import { accessLog } from './access-log.ts';

const log = createLogger({ service: 'test', write: () => undefined });
const access = {
  tenant: 'acme',
  caller: 'model-proxy',
  actor: { principalId: 'key:k1', user: 'dana' },
  kind: 'ModelProvider',
  uid: 'u1',
  resourceName: 'openai',
  reference: 'openai/apiKey#1',
};

describe('the record of accesses', () => {
  it('[vault:access-recorded] says who had which reference for what and how often, and a failed write loses none', async () => {
    const written: AuditRecord[] = [];
    let failing = true;
    const accesses = accessLog({
      async write(records) {
        if (failing) throw new Error('away');
        written.push(...records.map(({ record }) => codecOf(RecordSchema).decode(record.bytes) as AuditRecord));
      },
      log,
      intervalMs: 60_000,
    });
    accesses.add(access);
    accesses.add(access);
    await accesses.stop?.(0);
    failing = false;
    accesses.add(access);
    accesses.add({ ...access, actor: { principalId: 'key:k2' } });
    await accesses.stop?.(0);
    expect(written).toHaveLength(2);
    expect(written[0]).toMatchObject({ tenant: 'acme', principalId: 'key:k1', user: 'dana' });
    expect(JSON.parse(written[0]?.detailJson ?? '')).toMatchObject({
      action: 'credentials.lease',
      target: { kind: 'ModelProvider', name: 'openai', uid: 'u1', reference: 'openai/apiKey#1' },
      change: { leasedTo: 'model-proxy', leases: 3 },
    });
  });
});
