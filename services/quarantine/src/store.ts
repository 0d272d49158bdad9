import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import type { Sealer } from '@sallyport/chassis/seal';
import { sweepExpired } from '@sallyport/chassis/sweep-expired';
import type { Extraction, ExtractionStore, Reader, Shown } from './extraction-store.ts';
import type { HandleRecord } from './handle-record.ts';

/** The schema version this store needs: the number of its newest migration. */
export const SCHEMA_VERSION = 2;

const TABLES = ['presentations', 'extractions'] as const;
const RUN_BITS = `select coalesce(sum(bits), 0)::float8 from presentations where tenant = $1 and trajectory = $2`;

// A handle as its presentation keeps it: the tool is the row's, and most handles show the path that they have.
type Kept = [id: string, value: HandleRecord['value'], path: string, shownPath?: string];

/** Keeps extractions in Postgres, sealed; each sealed value is bound to its row, so that it opens nowhere else. */
export function createExtractionStore(postgres: Postgres, sealer: Sealer): ExtractionStore {
  const seal = (value: unknown, place: readonly string[]) =>
    sealer.seal(Buffer.from(JSON.stringify(value), 'utf8'), aad(place));
  const open = (sealed: unknown, place: readonly string[]): unknown =>
    JSON.parse(sealer.open(sealed as Uint8Array, aad(place)).toString('utf8'));

  const sealShown = (shown: Shown, place: readonly string[]) => {
    const handles = shown.handles.map(({ id, value, path, shownPath }): Kept => {
      return shownPath === path ? [id, value, path] : [id, value, path, shownPath];
    });
    return seal({ ...shown, handles }, place);
  };
  const openShown = (sealed: unknown, reader: Reader, tool: string, fingerprint: string): Shown => {
    const place = presentationPlace(reader, tool, fingerprint);
    const kept = open(sealed, place) as Omit<Shown, 'handles'> & { readonly handles: readonly Kept[] };
    const handles = kept.handles.map(([id, value, path, shownPath = path]) => {
      return { id, value, from: tool, path, shownPath };
    });
    return { ...kept, handles };
  };
  const presented = async (client: TenantClient, reader: Reader, tool: string, fingerprints: readonly string[]) => {
    const { tenant, trajectory, principalId } = reader;
    const { rows } = await client.query(
      `select fingerprint, sealed, (${RUN_BITS}) as run_bits from presentations
        where tenant = $1 and trajectory = $2 and principal_id = $3 and tool = $4 and fingerprint = any($5::text[])
          and expires_at > now() limit 1`,
      [tenant, trajectory, principalId, tool, fingerprints],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    return {
      shown: openShown(row.sealed, reader, tool, row.fingerprint as string),
      runBits: row.run_bits as number,
    };
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

    show: (reader, { tool, fingerprint, shown }, mostBits, expiresAtMs) =>
      postgres.withTenant(reader.tenant, async (client) => {
        const { tenant, trajectory, principalId } = reader;
        // One run at a time, so that two readings at once cannot both fit into what is left of the budget.
        await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`${tenant} ${trajectory}`]);
        const before = await presented(client, reader, tool, [fingerprint]);
        if (before !== undefined) return before;
        const { rows } = await client.query(`select (${RUN_BITS}) as bits`, [tenant, trajectory]);
        const used = rows[0]?.bits as number;
        if (used + shown.bits > mostBits) return { runBits: used };
        await client.query(
          `insert into presentations
             (tenant, trajectory, principal_id, fingerprint, tool, sealed, bits, handle_ids, expires_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8::uuid[], to_timestamp($9::float8 / 1000))
           on conflict (tenant, trajectory, principal_id, fingerprint, tool) do update
             set sealed = excluded.sealed, bits = excluded.bits, handle_ids = excluded.handle_ids,
               expires_at = excluded.expires_at`,
          [
            tenant,
            trajectory,
            principalId,
            fingerprint,
            tool,
            sealShown(shown, presentationPlace(reader, tool, fingerprint)),
            shown.bits,
            shown.handles.map(({ id }) => handleUuid(id)),
            expiresAtMs,
          ],
        );
        return { shown, runBits: used + shown.bits };
      }),

    resolve: (reader, ids) =>
      postgres.withTenant(reader.tenant, async (client) => {
        const wanted = new Set(ids.filter((id) => handleUuid(id) !== undefined));
        // Found by the run's own index: of its presentations, those that hold one of the ids.
        const { rows } = await client.query(
          `select fingerprint, tool, sealed from presentations where tenant = $1 and trajectory = $2
              and principal_id = $3 and handle_ids && $4::uuid[] and expires_at > now()`,
          [reader.tenant, reader.trajectory, reader.principalId, [...wanted].map(handleUuid)],
        );
        return rows.flatMap(({ fingerprint, tool, sealed }) =>
          openShown(sealed, reader, tool as string, fingerprint as string).handles.filter(({ id }) => wanted.has(id)),
        );
      }),

    sweep: (nowMs) => sweepExpired(postgres, TABLES, nowMs),
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

// The 128 bits of a handle's id as Postgres keeps them best; undefined for what was never one.
function handleUuid(id: string): string | undefined {
  const bytes = Buffer.from(id.slice(2), 'base64url');
  return bytes.length === 16 && `h_${bytes.toString('base64url')}` === id ? bytes.toString('hex') : undefined;
}

// JSON keeps the parts apart whatever characters they hold.
function aad(place: readonly string[]): string {
  return JSON.stringify(place);
}
