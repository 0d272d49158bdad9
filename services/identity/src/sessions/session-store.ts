import { randomBytes } from 'node:crypto';
import type { Postgres } from '@sallyport/chassis/postgres';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { PERSON, type Person, personOf } from '../directory/person.ts';
import type { OAuthKeys } from '../oauth/keys.ts';
import { tellRevoked } from '../revocations.ts';

/** A person's session with the pages of console. */
export interface BrowserSession {
  /** uuid v7; says nothing of what the browser holds. */
  readonly id: string;
  /** IdentityProvider that signed the person in. */
  readonly provider: string;
  readonly person: Person;
  readonly startedAtMs: number;
  readonly usedAtMs: number;
  readonly expiresAtMs: number;
}

/** Why a session ends, and by whose will. */
export interface SessionEnd {
  readonly reason: string;
  /** Id of a principal. */
  readonly by: string;
}

/** Sessions of people. They end with the person, by themselves when unused, and at the latest after some hours. */
export interface SessionStore {
  /** Begins one; gives what the browser holds of it, which is new each time and kept nowhere. */
  begin(
    person: Pick<Person, 'tenant' | 'id'>,
    provider: string,
  ): Promise<{ readonly id: string; readonly value: string }>;
  /** The living session of what a browser holds, of a person who is active now; counts as use. */
  look(value: string): Promise<BrowserSession | undefined>;
  /** Living sessions of a person, newest first. */
  listOf(tenant: string, user: string): Promise<BrowserSession[]>;
  /** Ends a session of a person, and tells every service. False: there was none. */
  end(tenant: string, user: string, id: string, end: SessionEnd): Promise<boolean>;
}

/** How long a session lasts at most, seconds. */
export const SESSION_SECONDS = 8 * 3600;
/** How long it lasts without use, seconds. */
export const IDLE_SECONDS = 30 * 60;

const KIND = 'browser session';
/** Most sessions of one person; the oldest gives way. */
const MAX_OF_PERSON = 20;
const VALUE = /^([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)\.([\w-]{43})$/;
// Each page is a use; written down once a minute.
const TOUCH_SECONDS = 60;
const LIVING = `s.expires_at > now() and s.used_at > now() - interval '${IDLE_SECONDS} seconds' and u.active and u.deleted_at is null`;
const SESSION = `s.id as session_id, s.provider as session_provider, ${['started_at', 'used_at', 'expires_at']
  .map((column) => `floor(extract(epoch from s.${column}) * 1000)::float8 as session_${column}`)
  .join(', ')}`;
const FROM = 'browser_sessions s join users u on u.tenant = s.tenant and u.id = s.user_id';

/** Keeps sessions in Postgres, by keyed digests of what browsers hold. */
export function createSessionStore(postgres: Postgres, keys: Pick<OAuthKeys, 'digest' | 'candidates'>): SessionStore {
  return {
    async begin({ tenant, id: userId }, provider) {
      const id = uuidv7();
      const secret = randomBytes(32).toString('base64url');
      await postgres.withTenant(tenant, async (client) => {
        await client.query(
          `delete from browser_sessions where id in
             (select id from browser_sessions where user_id = $1 order by started_at desc offset ${MAX_OF_PERSON - 1})`,
          [userId],
        );
        await client.query(
          `insert into browser_sessions (tenant, id, digest, user_id, provider, expires_at)
           values ($1, $2, $3, $4, $5, now() + interval '${SESSION_SECONDS} seconds')`,
          [tenant, id, keys.digest(tenant, KIND, secret).digest, userId, provider],
        );
      });
      return { id, value: `${tenant}.${secret}` };
    },
    async look(value) {
      const [, tenant, secret] = VALUE.exec(value) ?? [];
      if (tenant === undefined || secret === undefined) return undefined;
      return postgres.withTenant(tenant, async (client) => {
        const { rows } = await client.query(
          `select ${PERSON}, ${SESSION} from ${FROM} where s.digest = any($1::bytea[]) and ${LIVING}`,
          [keys.candidates(tenant, KIND, secret)],
        );
        const session = rows[0] === undefined ? undefined : sessionOf(rows[0]);
        if (session !== undefined && Date.now() - session.usedAtMs > TOUCH_SECONDS * 1000) {
          await client.query('update browser_sessions set used_at = now() where id = $1', [session.id]);
        }
        return session;
      });
    },
    async listOf(tenant, user) {
      const { rows } = await postgres.withTenant(tenant, (client) =>
        client.query(`select ${PERSON}, ${SESSION} from ${FROM} where u.name = $1 and ${LIVING} order by s.id desc`, [
          user,
        ]),
      );
      return rows.map(sessionOf);
    },
    end: (tenant, user, id, { reason, by }) =>
      postgres.withTenant(tenant, async (client) => {
        const { rowCount } = await client.query(
          'delete from browser_sessions s using users u where u.id = s.user_id and u.name = $1 and s.id = $2',
          [user, id],
        );
        if (rowCount === 1) await tellRevoked(client, tenant, [{ sessionId: id, reason, by }]);
        return rowCount === 1;
      }),
  };
}

function sessionOf(row: Record<string, unknown>): BrowserSession {
  return {
    id: row.session_id as string,
    provider: row.session_provider as string,
    person: personOf(row),
    startedAtMs: row.session_started_at as number,
    usedAtMs: row.session_used_at as number,
    expiresAtMs: row.session_expires_at as number,
  };
}
