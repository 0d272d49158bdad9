import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import type { Sealer } from '@sallyport/chassis/seal';
import type { Extraction, ExtractionStore, Reader, Shown } from './extraction-store.ts';
import type { HandleRecord } from './present.ts';

/** The schema version this store needs: the number of its newest migration. */
export const SCHEMA_VERSION = 1;

const SWEEP_ROWS = 1000;
const TABLES = ['handles', 'presentations', 'extractions'] as const;

/** Keeps extractions in Postgres, sealed; each sealed value is bound to its row, so that it opens nowhere else. */
export function createExtractionStore(postgres: Postgres, sealer: Sealer): ExtractionStore {
  const seal = (value: unknown, place: readonly string[]) =>
    sealer.seal(Buffer.from(JSON.stringify(value), 'utf8'), aad(place));
  const open = (sealed: unknown, place: readonly string[]): unknown =>
    JSON.parse(sealer.open(sealed as Uint8Array, aad(place)).toString('utf8'));

  const presented = async (client: TenantClient, reader: Reader, tool: string, fingerprints: readonly string[]) => {
    const { tenant, trajectory, principalId } = reader;
    const { rows } = await client.query(
      `select fingerprint, sealed from presentations where tenant = $1 and trajectory = $2 and principal_id = $3
          and tool = $4 and fingerprint = any($5::text[]) and expires_at > now() limit 1`,
      [tenant, trajectory, principalId, tool, fingerprints],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    return open(row.sealed, presentationPlace(reader, tool, row.fingerprint as string)) as Shown;
  };
  const extracted = async (client: TenantClient, reader: Reader, fingerprints: readonly string[]) => {
    const { rows } = await client.query(
      `select fingerprint, sealed from extractions
        where tenant = $1 and holder = $2 and fingerprint = any($3::text[]) and expires_at > now() limit 1`,
      [reader.tenant, holderOf(reader), fingerprints],
    );
    const row = rows[0];
    return row === undefined
      ? undefined
      : (open(row.sealed, extractionPlace(reader, row.fingerprint as string)) as Extraction);
  };

  return {
    presented: (reader, tool, fingerprints) =>
      postgres.withTenant(reader.tenant, (client) => presented(client, reader, tool, fingerprints)),
    extracted: (reader, fingerprints) =>
      postgres.withTenant(reader.tenant, (client) => extracted(client, reader, fingerprints)),

    keep: (reader, fingerprint, extraction, expiresAtMs) =>
      postgres.withTenant(reader.tenant, async (client) => {
        const { rowCount } = await client.query(
          `insert into extractions (tenant, holder, fingerprint, sealed, expires_at)
           values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000))
           on conflict (tenant, holder, fingerprint) do update
             set sealed = excluded.sealed, created_at = now(), expires_at = excluded.expires_at
             where extractions.expires_at <= now()`,
          [
            reader.tenant,
            holderOf(reader),
            fingerprint,
            seal(extraction, extractionPlace(reader, fingerprint)),
            expiresAtMs,
          ],
        );
        if (rowCount !== 0) return extraction;
        return (await extracted(client, reader, [fingerprint])) ?? extraction;
      }),

    show: (reader, shown, mostBits, expiresAtMs) =>
      postgres.withTenant(reader.tenant, async (client) => {
        const { tenant, trajectory, principalId } = reader;
        // One run at a time, so that two readings at once cannot both fit into what is left of the budget.
        await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`${tenant} ${trajectory}`]);
        const before = await presented(client, reader, shown.tool, [shown.fingerprint]);
        if (before !== undefined) return before;
        const { rows } = await client.query(
          `select coalesce(sum(bits), 0)::float8 as bits from presentations where tenant = $1 and trajectory = $2`,
          [tenant, trajectory],
        );
        if ((rows[0]?.bits as number) + shown.bits > mostBits) return undefined;
        const { answerJson, handles, model } = shown;
        await client.query(
          `insert into presentations (tenant, trajectory, principal_id, fingerprint, tool, sealed, bits, expires_at)
           values ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8::float8 / 1000))
           on conflict (tenant, trajectory, principal_id, fingerprint, tool) do update
             set sealed = excluded.sealed, bits = excluded.bits, expires_at = excluded.expires_at`,
          [
            tenant,
            trajectory,
            principalId,
            shown.fingerprint,
            shown.tool,
            seal({ answerJson, handles, model }, presentationPlace(reader, shown.tool, shown.fingerprint)),
            shown.bits,
            expiresAtMs,
          ],
        );
        await client.query(
          `insert into handles (tenant, id, trajectory, principal_id, sealed, expires_at)
           select $1, h.id, $2, $3, h.sealed, to_timestamp($6::float8 / 1000)
             from unnest($4::text[], $5::bytea[]) as h (id, sealed)`,
          [
            tenant,
            trajectory,
            principalId,
            handles.map((one) => one.id),
            handles.map((one) => seal(one, handlePlace(reader, one.id))),
            expiresAtMs,
          ],
        );
        return { answerJson, handles, model };
      }),

    resolve: (reader, ids) =>
      postgres.withTenant(reader.tenant, async (client) => {
        const { rows } = await client.query(
          `select id, sealed from handles where tenant = $1 and id = any($2::text[]) and trajectory = $3
              and principal_id = $4 and expires_at > now()`,
          [reader.tenant, ids, reader.trajectory, reader.principalId],
        );
        return rows.map((row) => open(row.sealed, handlePlace(reader, row.id as string)) as HandleRecord);
      }),

    sweep: (nowMs) =>
      postgres.withTenant('*', async (client) => {
        let gone = 0;
        for (const table of TABLES) {
          const { rowCount } = await client.query(
            `delete from ${table} where ctid in (select ctid from ${table}
              where expires_at < to_timestamp($1::float8 / 1000) limit ${SWEEP_ROWS} for update skip locked)`,
            [nowMs],
          );
          gone += rowCount ?? 0;
        }
        return gone;
      }),
  };
}

/** Whose extractions may be used again: the user's, else the principal's own. */
export function holderOf(reader: Reader): string {
  return reader.user === '' ? reader.principalId : `user:${reader.user}`;
}

function extractionPlace(reader: Reader, fingerprint: string): string[] {
  return ['extraction', reader.tenant, holderOf(reader), fingerprint];
}

function presentationPlace(reader: Reader, tool: string, fingerprint: string): string[] {
  return ['presentation', reader.tenant, reader.trajectory, reader.principalId, tool, fingerprint];
}

function handlePlace(reader: Reader, id: string): string[] {
  return ['handle', reader.tenant, reader.trajectory, reader.principalId, id];
}

// JSON keeps the parts apart whatever characters they hold.
function aad(place: readonly string[]): string {
  return JSON.stringify(place);
}
