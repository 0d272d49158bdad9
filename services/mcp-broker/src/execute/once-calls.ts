import { hkdfSync } from 'node:crypto';
import type { Postgres } from '@sallyport/chassis/postgres';
import { sealer } from '@sallyport/chassis/seal';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { sha256 } from '../digests.ts';

/** A call that its caller gave a key. */
export interface OnceCall {
  readonly principal: Pick<Principal, 'tenant' | 'id' | 'user'>;
  readonly key: string;
  /** Says which call it is: server, tool, definition, arguments. */
  readonly call: string;
}

/** How a key stands. */
export type Begun =
  /** It is new: the call is to be made now. */
  | { readonly state: 'first' }
  | { readonly state: 'done'; readonly outcome: string }
  /** Somebody makes the call now; nobody knows what became of it; the key stands for another call. */
  | { readonly state: 'running' | 'unknown' | 'other' };

/** Keeps which calls were made, and what they came to, for all replicas. */
export interface OnceCalls {
  /** Takes a key. Who takes it first makes the call, within `runningMs`. */
  begin(call: OnceCall, runningMs: number): Promise<Begun>;
  done(call: OnceCall, outcome: string): Promise<void>;
  /** The call was certainly not made. */
  release(call: OnceCall): Promise<void>;
  /** Forgets some of what has expired before a time (epoch milliseconds); answers how much. */
  sweep(nowMs: number): Promise<number>;
}

const TTL_MS = 24 * 3_600_000;
const SWEEP_ROWS = 500;
const OWN = 'tenant = $1 and principal_id = $2 and user_id = $3 and key = $4';
const after = (at: number) => `now() + $${at}::float8 * interval '1 ms'`;

type Row = { readonly call: string; readonly outcome: Buffer | null; readonly running: boolean };

/** Keeps them in Postgres for a day, outcomes sealed under a key that comes of `secret`. */
export function createOnceCalls(postgres: Postgres, secret: string): OnceCalls {
  const key = new Uint8Array(hkdfSync('sha256', secret, '', 'outcomes of calls', 32));
  const seal = sealer([{ id: 'outcomes', key }]);
  const bound = ({ principal, key: of, call }: OnceCall) => [principal.tenant, principal.id, of, call].join('\n');
  return {
    begin: (call, runningMs) =>
      postgres.withTenant(call.principal.tenant, async (client): Promise<Begun> => {
        const own = whose(call);
        await client.query(`delete from once_calls where ${OWN} and expires_at <= now()`, own);
        const { rowCount } = await client.query(
          `insert into once_calls (tenant, principal_id, user_id, key, call, running_until, expires_at)
             values ($1, $2, $3, $4, $5, ${after(6)}, ${after(7)}) on conflict do nothing`,
          [...own, sha256(call.call), runningMs, TTL_MS],
        );
        if (rowCount === 1) return { state: 'first' };
        const { rows } = await client.query<Row>(
          `select call, outcome, running_until > now() as running from once_calls where ${OWN}`,
          own,
        );
        const [row] = rows;
        if (row === undefined) return { state: 'running' };
        if (row.call !== sha256(call.call)) return { state: 'other' };
        if (row.outcome === null) return { state: row.running ? 'running' : 'unknown' };
        return { state: 'done', outcome: seal.open(row.outcome, bound(call)).toString() };
      }),
    done: (call, outcome) =>
      postgres.withTenant(call.principal.tenant, async (client) => {
        const sealed = seal.seal(Buffer.from(outcome), bound(call));
        await client.query(`update once_calls set outcome = $5 where ${OWN}`, [...whose(call), sealed]);
      }),
    release: (call) =>
      postgres.withTenant(call.principal.tenant, async (client) => {
        await client.query(`delete from once_calls where ${OWN} and outcome is null`, whose(call));
      }),
    sweep: (nowMs) =>
      postgres.withTenant('*', async (client) => {
        const { rowCount } = await client.query(
          `delete from once_calls where ctid in (select ctid from once_calls
            where expires_at < to_timestamp($1::float8 / 1000) limit ${SWEEP_ROWS} for update skip locked)`,
          [nowMs],
        );
        return rowCount ?? 0;
      }),
  };
}

function whose({ principal, key }: OnceCall): string[] {
  return [principal.tenant, principal.id, principal.user, sha256(key)];
}
