import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { GrantService } from '@sallyport/proto/vault/v1/grants_pb';
import { SignInService } from '@sallyport/proto/vault/v1/sign_ins_pb';
import { CredentialService, SecretService } from '@sallyport/proto/vault/v1/vault_pb';
import { keyFile, type Replica, type ServiceReplicas, serviceReplicas } from '../support/service-replicas.ts';
import { eventually } from '../support/suite.ts';

const timeoutMs = 5000;
const TENANTS = Array.from({ length: 12 }, (_, index) => `tenant-${index}`);
const ref = { name: 'openai', key: 'apiKey' };
const use = { ref, kind: 'ModelProvider', uid: 'u1', origin: 'https://api.openai.com' };
/** What a dump must hold so that credentials can be had again. */
const TABLES = ['data_keys', 'secrets', 'grants'];

describe('master keys of vault', () => {
  let suite: ServiceReplicas;
  let one: Replica;
  let two: Replica;
  let config: Record<string, unknown>;
  const files: string[] = [];

  const start = () => {
    const masterKeysFile = suite.file(`masters-${files.length}.json`, keyFile('m1'));
    files.push(masterKeysFile);
    return suite.replica({ ...config, masterKeysFile });
  };
  const leaseAll = async (replica: Replica) => {
    const client = replica.client(CredentialService, 'model-proxy');
    return await Promise.all(
      TENANTS.map(async (tenant) => (await client.resolve({ tenant, ...use }, { timeoutMs })).value),
    );
  };
  const masters = async () => {
    const { rows } = await suite.asRole('*', 'select distinct master_id from data_keys order by 1');
    return rows.map((row) => row.master_id as string);
  };

  beforeAll(async () => {
    suite = await serviceReplicas('vault');
    config = {
      upkeepInterval: '200ms',
      accessInterval: '200ms',
      peers: { audit: 'ipv4:127.0.0.1:9', identity: 'ipv4:127.0.0.1:9' },
    };
    [one, two] = await Promise.all([start(), start()]);
    const operator = one.client(SecretService, 'operator');
    for (const tenant of TENANTS) {
      await operator.put({ tenant, ref, value: `sk-${tenant}`, version: 'v1' }, { timeoutMs });
      await operator.grant({ tenant, ...use, name: 'openai' }, { timeoutMs });
    }
  }, 90_000);
  afterAll(() => suite?.close(), 30_000);

  it('[vault:rotation-replicas] rotates on two replicas without a refused lease, and says when it is through', async () => {
    const expected = TENANTS.map((tenant) => `sk-${tenant}`);
    const seen: string[][] = [];
    let going = true;
    const asking = (async () => {
      while (going) for (const replica of [one, two]) seen.push(await leaseAll(replica));
    })();
    writeFileSync(files[0] as string, keyFile('m2', 'm1'));
    await eventually(
      () => one.metric('sallyport_vault_data_keys_left'),
      (left) => left === TENANTS.length,
    );
    expect(await masters()).toEqual(['m1']);
    writeFileSync(files[1] as string, keyFile('m2', 'm1'));
    await eventually(masters, (ids) => ids.join() === 'm2');
    await eventually(
      () => one.metric('sallyport_vault_data_keys_left'),
      (left) => left === 0,
    );
    for (const file of files) writeFileSync(file, keyFile('m2'));
    await new Promise((resolve) => setTimeout(resolve, 500));
    const until = seen.length + 2;
    await eventually(
      async () => seen.length,
      (asked) => asked > Math.max(2, until),
    );
    going = false;
    await asking;
    expect(seen.length).toBeGreaterThan(2);
    for (const values of seen) expect(values).toEqual(expected);
  });

  it('[vault:access-recorded] keeps who had what for audit while audit is away, without a value', async () => {
    const waiting = async () => {
      const { rows } = await suite.asRole('tenant-3', 'select record from record_outbox');
      return rows.map((row) => (row.record as Buffer).toString('latin1')).join();
    };
    const text = await eventually(waiting, (records) => records.includes('credentials.lease'));
    expect(text).toContain('openai/apiKey#1');
    expect(text).not.toContain('sk-tenant');
  });

  it('[delegation:unkept] forgets the sign-ins of people with the grant that let them be kept', async () => {
    const [tenant, issuer] = ['tenant-5', 'https://idp.example'];
    const operator = one.client(SecretService, 'operator');
    const provider = { tenant, kind: 'IdentityProvider', uid: 'i1/sign-in' };
    const authJson = JSON.stringify({ type: 'SignIn', issuer, clientId: 'gateway' });
    await operator.grant({ ...provider, name: 'people', origin: issuer, url: issuer, authJson }, { timeoutMs });
    const signIn = {
      tenant,
      user: 'dana',
      uid: 'i1',
      issuer,
      tokenEndpoint: `${issuer}/token`,
      accessToken: 'canary-at',
    };
    await two.client(SignInService, 'identity').keep(signIn, { timeoutMs });
    const kept = async () => (await suite.asRole(tenant, 'select * from oauth_grants')).rows;
    expect((await kept()).map(({ uid, user_name: user }) => [uid, user])).toEqual([['i1/sign-in', 'dana']]);
    expect(JSON.stringify(await kept())).not.toContain('canary-at');
    const asConsole = one.client(GrantService, 'console');
    const { signIns } = await asConsole.listConnections({ tenant, user: 'dana' }, { timeoutMs });
    expect(signIns.map(({ server }) => server)).toEqual(['people']);
    await operator.revokeGrant(provider, { timeoutMs });
    expect(await kept()).toEqual([]);
  });

  it('[vault:restore] gives out the same credentials from a dump that was restored elsewhere', async () => {
    const dump = new Map<string, unknown[]>();
    for (const table of TABLES) {
      const { rows } = await suite.asRole('*', `select to_jsonb(t) as row from ${table} t`);
      dump.set(
        table,
        rows.map((row) => row.row),
      );
    }
    const restored = await serviceReplicas('vault');
    try {
      for (const [table, rows] of dump) {
        const sql = `insert into ${table} select * from jsonb_populate_recordset(null::${table}, $1)`;
        await restored.asRole('*', sql, [JSON.stringify(rows)]);
      }
      const fresh = { ...config, masterKeysFile: restored.file('masters.json', keyFile('m2')) };
      expect(await leaseAll(await restored.replica(fresh))).toEqual(TENANTS.map((tenant) => `sk-${tenant}`));
      // With another master key the same dump is not served, and the process says why.
      const wrong = { ...config, masterKeysFile: restored.file('wrong.json', keyFile('m3')) };
      await expect(Promise.race([restored.replica(wrong), refusedWithin(4_000)])).rejects.toThrow();
    } finally {
      await restored.close();
    }
  }, 90_000);
});

function refusedWithin(ms: number): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(new Error('not ready')), ms).unref());
}
