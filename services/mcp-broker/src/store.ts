import type { Postgres } from '@sallyport/chassis/postgres';

/** The schema version this store needs: the number of its newest migration. */
export const SCHEMA_VERSION = 6;

/** Digests of definitions in force, by tool name. */
export type Pins = ReadonlyMap<string, string>;

/** Keeps which definition of each tool is in force. */
export interface PinStore {
  /**
   * Pins what was never seen and replaces what was reviewed, in one transaction; returns all pins of the server. Of two
   * replicas that see a tool first, both get the one digest that was stored.
   */
  pin(
    tenant: string,
    serverUid: string,
    seen: ReadonlyMap<string, string>,
    reviewed: ReadonlyMap<string, string>,
  ): Promise<Pins>;
}

/** Keeps pins in Postgres; row-level security bounds each transaction to its tenant. */
export function createPinStore(postgres: Postgres): PinStore {
  return {
    pin: (tenant, serverUid, seen, reviewed) =>
      postgres.withTenant(tenant, async (client) => {
        const scope = [tenant, serverUid];
        if (reviewed.size > 0) {
          await client.query(
            `insert into approved_definitions (tenant, server_uid, tool, digest)
               select $1, $2, tool, digest from unnest($3::text[], $4::text[]) as reviewed (tool, digest)
               order by tool
             on conflict (tenant, server_uid, tool) do update set digest = excluded.digest, first_seen = now()
               where approved_definitions.digest <> excluded.digest`,
            [...scope, [...reviewed.keys()], [...reviewed.values()]],
          );
        }
        if (seen.size > 0) {
          await client.query(
            `insert into approved_definitions (tenant, server_uid, tool, digest)
               select $1, $2, tool, digest from unnest($3::text[], $4::text[]) as seen (tool, digest)
               order by tool
             on conflict (tenant, server_uid, tool) do nothing`,
            [...scope, [...seen.keys()], [...seen.values()]],
          );
        }
        const { rows } = await client.query<{ tool: string; digest: string }>(
          `select tool, digest from approved_definitions where tenant = $1 and server_uid = $2`,
          scope,
        );
        return new Map(rows.map(({ tool, digest }) => [tool, digest]));
      }),
  };
}
