import { GatewayError } from '@sallyport/chassis/errors';
import type { Postgres } from '@sallyport/chassis/postgres';
import type { OAuthKeys } from './keys.ts';

/** What the library keeps of a code, token, session or interaction. */
export type ArtefactContent = Readonly<Record<string, unknown>>;

/** A kept artefact, opened. */
export interface Artefact {
  readonly content: ArtefactContent;
  /** `used`: it was consumed and answered, or something after it was; `open`: its use is under way somewhere. */
  readonly use: 'unused' | 'open' | 'used';
}

/** Where artefacts of the OAuth server are kept: by keyed digests of their handles, sealed. */
export interface ArtefactStore {
  save(tenant: string, kind: string, handle: string, content: ArtefactContent, ttlSeconds: number): Promise<void>;
  /** Like `save`, for what must not be there yet. False: it was. */
  saveOnce(
    tenant: string,
    kind: string,
    handle: string,
    content: ArtefactContent,
    ttlSeconds: number,
  ): Promise<boolean>;
  find(tenant: string, kind: string, handle: string): Promise<Artefact | undefined>;
  findByUid(tenant: string, kind: string, uid: string): Promise<Artefact | undefined>;
  /** Uses an artefact up, in one statement. False: it was used before, by whomever. */
  consume(tenant: string, kind: string, handle: string): Promise<boolean>;
  /** Remembers that the answer to its use went out: from now on a second use is a theft. */
  answered(tenant: string, kind: string, handle: string): Promise<void>;
  remove(tenant: string, kind: string, handle: string): Promise<void>;
  removeOfGrant(tenant: string, kind: string, grantId: string): Promise<void>;
}

/** How long a use may be under way; older ones without an answer were cut off with their process. */
export const USE_SECONDS = 10;

const LATER_USED = `exists (select from oauth_artefacts later
  where later.tenant = a.tenant and later.kind = a.kind and later.grant_id = a.grant_id
    and later.rotation > a.rotation and later.consumed_at is not null)`;
const USE = `case when a.consumed_at is null then 'unused'
  when a.answered_at is not null or a.kind <> 'RefreshToken' or ${LATER_USED} then 'used'
  when a.consumed_at > now() - interval '${USE_SECONDS} seconds' then 'open' else 'unused' end`;

/** Keeps them in Postgres; row-level security bounds each statement to its tenant. */
export function createArtefactStore(postgres: Postgres, keys: OAuthKeys): ArtefactStore {
  const seal = (tenant: string, kind: string, digest: Buffer, content: ArtefactContent) =>
    keys.seal.seal(Buffer.from(JSON.stringify(content), 'utf8'), boundTo(tenant, kind, digest));
  const opened = (tenant: string, kind: string, row: Record<string, unknown>): Artefact => ({
    content: JSON.parse(
      keys.seal.open(row.sealed as Buffer, boundTo(tenant, kind, row.digest as Buffer)).toString('utf8'),
    ) as ArtefactContent,
    use: row.use as Artefact['use'],
  });
  const read = async (tenant: string, kind: string, column: 'digest' | 'uid_digest', candidates: Buffer[]) => {
    const { rows } = await postgres.withTenant(tenant, (client) =>
      client.query(
        `select a.digest, a.sealed, ${USE} as use from oauth_artefacts a
          where a.kind = $1 and a.${column} = any($2::bytea[]) and a.expires_at > now()`,
        [kind, candidates],
      ),
    );
    return rows[0] === undefined ? undefined : opened(tenant, kind, rows[0]);
  };
  const insert = async (
    { tenant, kind, handle }: { tenant: string; kind: string; handle: string },
    content: ArtefactContent,
    ttlSeconds: number,
    onConflict: string,
  ): Promise<boolean> => {
    const { pepperId, digest } = keys.digest(tenant, kind, handle);
    const uid = kind === 'Session' && typeof content.uid === 'string' ? content.uid : undefined;
    const rotation = kind === 'RefreshToken' ? Number(content.rotations ?? 0) : null;
    return postgres.withTenant(tenant, async (client) => {
      if (rotation !== null && rotation > 0) {
        // Another one of this rotation was made for an answer that never went out: nobody has it.
        await client.query(
          `delete from oauth_artefacts where kind = $1 and grant_id = $2 and rotation = $3 and consumed_at is null`,
          [kind, content.grantId ?? null, rotation],
        );
      }
      const { rowCount } = await client.query(
        `insert into oauth_artefacts (tenant, kind, digest, pepper_id, uid_digest, grant_id, rotation, sealed, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9)) on conflict (tenant, kind, digest) ${onConflict}`,
        [
          tenant,
          kind,
          digest,
          pepperId,
          uid === undefined ? null : keys.digest(tenant, `${kind} uid`, uid).digest,
          content.grantId ?? null,
          rotation,
          seal(tenant, kind, digest, content),
          Math.max(1, ttlSeconds),
        ],
      );
      return rowCount === 1;
    });
  };
  return {
    async save(tenant, kind, handle, content, ttlSeconds) {
      await insert(
        { tenant, kind, handle },
        content,
        ttlSeconds,
        'do update set sealed = excluded.sealed, expires_at = excluded.expires_at, uid_digest = excluded.uid_digest, grant_id = excluded.grant_id',
      );
    },
    saveOnce: (tenant, kind, handle, content, ttlSeconds) =>
      insert({ tenant, kind, handle }, content, ttlSeconds, 'do nothing'),
    find: (tenant, kind, handle) => read(tenant, kind, 'digest', keys.candidates(tenant, kind, handle)),
    findByUid: (tenant, kind, uid) => read(tenant, kind, 'uid_digest', keys.candidates(tenant, `${kind} uid`, uid)),
    async consume(tenant, kind, handle) {
      const { rowCount } = await postgres.withTenant(tenant, (client) =>
        client.query(
          `update oauth_artefacts a set consumed_at = now()
            where a.kind = $1 and a.digest = any($2::bytea[]) and a.expires_at > now() and (${USE}) = 'unused'`,
          [kind, keys.candidates(tenant, kind, handle)],
        ),
      );
      return rowCount === 1;
    },
    async answered(tenant, kind, handle) {
      await postgres.withTenant(tenant, (client) =>
        client.query('update oauth_artefacts set answered_at = now() where kind = $1 and digest = any($2::bytea[])', [
          kind,
          keys.candidates(tenant, kind, handle),
        ]),
      );
    },
    async remove(tenant, kind, handle) {
      await postgres.withTenant(tenant, (client) =>
        client.query('delete from oauth_artefacts where kind = $1 and digest = any($2::bytea[])', [
          kind,
          keys.candidates(tenant, kind, handle),
        ]),
      );
    },
    async removeOfGrant(tenant, kind, grantId) {
      await postgres.withTenant(tenant, (client) =>
        client.query('delete from oauth_artefacts where kind = $1 and grant_id = $2', [kind, grantId]),
      );
    },
  };
}

/** Says that a use is under way: whoever asks now shall ask again. */
export function useUnderWay(): GatewayError {
  return new GatewayError('unavailable', 'This token is being used right now; try again.', {
    retryAfterMs: USE_SECONDS * 1000,
  });
}

function boundTo(tenant: string, kind: string, digest: Buffer): string {
  return JSON.stringify(['oauth', tenant, kind, digest.toString('base64')]);
}
