import type { Logger } from '@sallyport/chassis/log';
import type { Postgres } from '@sallyport/chassis/postgres';
import type { ClientSpec } from '@sallyport/custom-resources';
import type { Snapshot, SnapshotItem } from '@sallyport/peers/snapshot';
import { tellRevoked } from '../revocations.ts';
import { type SnapshotIntake, snapshotIntake } from '../snapshot-intake.ts';
import type { GrantStore } from './grant-store.ts';

const DISABLED = 'client disabled';
const DELETED = 'client deleted';

/**
 * Follows Client resources. Grants, refresh tokens and sessions of one that was disabled or is gone end, whenever that was:
 * what lies in the database is held against what is declared now. Only what the operator said in this run counts, never a
 * cached snapshot. Any number of replicas may do so.
 */
export function endingClients(options: {
  readonly postgres: Postgres;
  readonly snapshot: Pick<Snapshot, 'items' | 'fresh' | 'onChange'>;
  readonly grants: Pick<GrantStore, 'clientsOf' | 'endAll'>;
  readonly onNotice: () => void;
  readonly log: Logger;
}): SnapshotIntake {
  const { postgres, snapshot, grants, onNotice, log } = options;
  let seen: readonly SnapshotItem[] | undefined;

  const take = async () => {
    const now = snapshot.items('Client');
    for (const [before, reason] of endedSince(seen ?? [], now)) {
      if (await tellEnded(postgres, before.tenant, before.name, reason)) onNotice();
    }
    seen = now;
    for (const tenant of await tenantsWithGrants(postgres)) {
      const ended = await overIn(tenant, now, await grants.clientsOf(tenant), postgres);
      for (const [client, reason] of ended) {
        // A transaction ends so many; the others end in further ones.
        for (let count = -1; count !== 0; ) {
          count = await grants.endAll(tenant, { client }, { reason });
          if (count > 0) log.info('the grants of a client ended', { tenant, client, reason, count });
        }
      }
    }
  };
  return snapshotIntake({
    name: 'ended-clients',
    snapshot,
    take,
    // Until all kinds are fresh nothing is taken, so the one that comes last counts too.
    concerns: (kind) => kind === 'Client' || seen === undefined,
    failure: 'clients that ended could not be ended here; it is tried again',
    log,
  });
}

/** Clients that were enabled a moment ago; also those whose tokens come from an IdentityProvider, which have no grants here. */
export function endedSince(
  before: readonly SnapshotItem[],
  now: readonly SnapshotItem[],
): (readonly [SnapshotItem, string])[] {
  const at = new Map(now.map((item) => [item.uid, item]));
  return before.flatMap((item): (readonly [SnapshotItem, string])[] => {
    if ((item.spec as ClientSpec).disabled) return [];
    const after = at.get(item.uid);
    if (after === undefined) return [[item, DELETED]];
    return (after.spec as ClientSpec).disabled ? [[item, DISABLED]] : [];
  });
}

/** Which of the clients with grants are over, and why. Those that registered themselves or are documents have no resource. */
async function overIn(
  tenant: string,
  items: readonly SnapshotItem[],
  held: readonly string[],
  postgres: Postgres,
): Promise<(readonly [string, string])[]> {
  const declared = new Map<string, ClientSpec>();
  for (const item of items.toSorted((a, b) => a.createdAtMs - b.createdAtMs)) {
    const spec = item.spec as ClientSpec;
    const id = spec.clientId ?? item.name;
    if (item.tenant === tenant && spec.identityProvider === undefined && !declared.has(id)) declared.set(id, spec);
  }
  const disabled = held.filter((id) => declared.get(id)?.disabled === true);
  const unknown = held.filter((id) => !declared.has(id) && !id.startsWith('https://'));
  const { rows } = await postgres.withTenant(tenant, (client) =>
    client.query('select id from oauth_clients where id = any($1::text[])', [unknown]),
  );
  const registered = new Set(rows.map((row) => row.id as string));
  const deleted = unknown.filter((id) => !registered.has(id));
  return [...disabled.map((id) => [id, DISABLED] as const), ...deleted.map((id) => [id, DELETED] as const)];
}

async function tenantsWithGrants(postgres: Postgres): Promise<string[]> {
  const rows = await postgres.readOnce<{ tenant: string }>(
    '*',
    'select distinct tenant from oauth_grants where ended_at is null and expires_at > now()',
  );
  return rows.map(({ tenant }) => tenant);
}

/** Tells of a client once, whichever replica sees it first. */
async function tellEnded(postgres: Postgres, tenant: string, client: string, reason: string): Promise<boolean> {
  return postgres.withTenant(tenant, async (connection) => {
    await connection.query(
      "select pg_advisory_xact_lock(hashtextextended('sallyport client ' || $1 || ' ' || $2, 0))",
      [tenant, client],
    );
    const { rows } = await connection.query(
      "select from revocations where client = $1 and reason = $2 and at > now() - interval '10 seconds' limit 1",
      [client, reason],
    );
    if (rows.length > 0) return false;
    await tellRevoked(connection, tenant, [{ client, reason }]);
    return true;
  });
}
