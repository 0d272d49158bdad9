import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blocks } from '@sallyport/chassis/config';
import { httpServer } from '@sallyport/chassis/http/server';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { migrateAll } from '@sallyport/chassis/migrate';
import { postgres } from '@sallyport/chassis/postgres';
import { codecOf } from '@sallyport/chassis/rpc/codec/codec';
import { startPostgres } from '@sallyport/cli/dev/postgres';
import { type Record as AuditRecord, RecordSchema } from '@sallyport/proto/audit/v1/audit_pb';
import { Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { refused } from '../../services/identity/src/authentication.ts';
import { createDirectory } from '../../services/identity/src/directory/directory.ts';
import { identityApp } from '../../services/identity/src/http.ts';
import { type RevocationNotice, revocationsAfter } from '../../services/identity/src/revocations.ts';
import { createFindCaller } from '../../services/identity/src/scim/caller.ts';
import { scimFront } from '../../services/identity/src/scim/front.ts';
import { createIngress } from '../../services/peers/src/ingress.ts';
import { layDatabase } from './database.ts';
import { type HttpAnswer, httpClient } from './http-client.ts';

/** A provider that keeps people of a tenant by SCIM. */
export interface Keeper {
  readonly tenant: string;
  readonly provider: string;
}

/** Identity's SCIM over a real Postgres, in this process, without the services around it. */
export type ScimHouse = Awaited<ReturnType<typeof scimHouse>>;

/** Starts it for these providers, whose tokens are `<tenant>/<provider>`; end it by `end`. */
export async function scimHouse(keepers: readonly Keeper[]) {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-scim-'));
  const faults: string[] = [];
  const log = createLogger({ service: 'test', level: 'error', write: (line) => void faults.push(line) });
  await layDatabase(join(dir, 'postgres'));
  const database = await startPostgres({ dataDir: join(dir, 'postgres'), log });
  const password = 'of-the-test-alone';
  const migrations = new URL('../../services/identity/src/migrations', import.meta.url).pathname;
  await migrateAll({ adminUrl: database.adminUrl, services: [{ name: 'identity', dir: migrations, password }] });
  const passwordFile = join(dir, 'password');
  writeFileSync(passwordFile, password);
  const { host, port } = database;
  const store = postgres(blocks.postgres.parse({ host, port, user: 'sallyport_identity', passwordFile }), {
    service: 'identity',
    log,
  });
  const providers = keepers.map(({ tenant, provider }) => ({
    tenant,
    name: provider,
    uid: `${tenant}-${provider}`,
    spec: { scim: { secretRef: { name: provider, key: 'token' } } },
  }));
  const front = scimFront({
    postgres: store,
    findCaller: createFindCaller({
      snapshot: { items: () => providers } as never,
      secretOf: async ({ tenant, name }) => `${tenant}/${name}`,
      // A key of an Admin that is bound to a network.
      async authenticate(secret, _endpoint, address) {
        if (secret !== 'key-of-red' || address !== '192.0.2.7') throw refused();
        return { principal: { tenant: 'red', id: 'key:1', role: Principal_Role.ADMIN }, cacheTtlMs: 0 };
      },
    }),
    publicUrl: 'https://gateway.example.com',
    ingress: createIngress(
      { trustedProxies: ['127.0.0.1/32'], forwardedHeader: 'x-forwarded-for' },
      { log, metrics: createMetrics('ingress') },
    ),
    defaultTenant: 'red',
    hosts: { 'blue.example.com': 'blue' },
    onNotice: () => undefined,
  });
  const app = identityApp({ fronts: [front], log, metrics: createMetrics('test') });
  const server = httpServer({ listen: { host: '127.0.0.1', port: 0 }, app, log });
  await server.start();
  const base = `http://127.0.0.1:${server.port()}`;
  let heard = 0;
  return {
    base,
    /** Lines of level error that were logged. */
    faults,
    store,
    directory: createDirectory(store),
    /** What a provider asks for below its tenant's root. */
    by:
      ({ tenant, provider }: Keeper) =>
      (method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) =>
        httpClient(`${base}/scim/v2/${tenant}`, `${tenant}/${provider}`).send(method, path, body, { headers }),
    /** The notices since the last time, without what is the same in all. */
    async notices(): Promise<Pick<RevocationNotice, 'tenant' | 'user' | 'reason' | 'by'>[]> {
      const { head, notices } = await revocationsAfter(store, heard, 1_000);
      heard = head;
      return notices.map(({ tenant, user, reason, by }) => ({ tenant, user, reason, by }));
    },
    /** What the log will be told of acts on groups, oldest first. */
    async acts(): Promise<{ action: string; target: Record<string, unknown>; by: string }[]> {
      const { rows } = await store.withTenant('*', (client) =>
        client.query('select record from record_outbox order by id'),
      );
      return rows.map((row) =>
        JSON.parse((codecOf(RecordSchema).decode(row.record as Buffer) as AuditRecord).detailJson),
      );
    },
    /** What the look at the feed says of records that audit does not have, with all sent first where that is wished. */
    async recordsWait(sent: 'none' | 'acts' | 'all'): Promise<boolean> {
      await store.withTenant('*', async (client) => {
        if (sent !== 'none') await client.query('delete from record_outbox');
        if (sent === 'all') await client.query('update revocations set recorded = true');
      });
      return (await revocationsAfter(store, Number.MAX_SAFE_INTEGER, 1)).recordsWait;
    },
    /** What the log will be told, oldest first. */
    async said(): Promise<string[]> {
      const sql =
        'select told_by, user_name, coalesce(said, reason) as said from revocations where record_id is not null order by sequence';
      const { rows } = await store.withTenant('*', (client) => client.query(sql));
      return rows.map((row) => `${row.told_by}: ${row.user_name} ${row.said}`);
    },
    /** Keeps a grant of an application that acts for a user of tenant `red`. */
    async grant(id: string, user: string): Promise<void> {
      await store.withTenant('red', (client) =>
        client.query(
          `insert into oauth_grants (tenant, id, user_name, client, identity_provider, scopes, sealed, expires_at)
           values ('red', $1, $2, 'editor', 'okta', '{}', '', now() + interval '1 day')`,
          [id, user],
        ),
      );
    },
    /** Why a grant of tenant `red` ended, and by whom: `<reason> by <whom>`. */
    async endOf(id: string): Promise<string> {
      const { rows } = await store.withTenant('red', (client) =>
        client.query('select ended_reason, ended_by from oauth_grants where id = $1', [id]),
      );
      return `${rows[0]?.ended_reason} by ${rows[0]?.ended_by}`;
    },
    async end() {
      await server.stop(Date.now() + 1_000);
      await store.stop(Date.now() + 1_000);
      await database.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Id of the resource in an answer. Throws where the answer is none of success. */
export function idOf(answer: HttpAnswer): string {
  if (answer.status >= 300) throw new Error(`${answer.status} ${answer.text}`);
  return answer.json<{ id: string }>().id;
}
