import { hkdfSync } from 'node:crypto';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Postgres } from '@sallyport/chassis/postgres';
import { sealer } from '@sallyport/chassis/seal';
import { sweepExpired } from '@sallyport/chassis/sweep-expired';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { sha256 } from '../digests.ts';

/** A call that its caller gave a key. */
export interface OnceCall {
  readonly principal: Pick<Principal, 'tenant' | 'id' | 'user' | 'actors'>;
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
  /** Takes a key. Who takes it first makes the call, within `runningMs`. Rejects with `rate_limited` where one holds too many. */
  begin(call: OnceCall, runningMs: number): Promise<Begun>;
  done(call: OnceCall, outcome: string): Promise<void>;
  /** The call was certainly not made. */
  release(call: OnceCall): Promise<void>;
  /** Forgets some of what has expired before a time (epoch milliseconds); answers how much. */
  sweep(nowMs: number): Promise<number>;
}

const TTL_MS = 24 * 3_600_000;
/** Keys that one principal may hold: each keeps an outcome for a day. */
const MAX_OF_ONE = 10_000;
const OWN = 'tenant = $1 and principal_id = $2 and user_id = $3 and key = $4';
const after = (at: number) => `now() + $${at}::float8 * interval '1 ms'`;

/** The key was not taken, so the call was not made. */
const NOT_MADE = { details: { notMade: true } };

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
        const { rowCount: full } = await client.query(
          `select 1 from once_calls where tenant = $1 and principal_id = $2 and user_id = $3 and key <> $4
             offset ${MAX_OF_ONE - 1} limit 1`,
          own,
        );
        if (full !== 0)
          throw new GatewayError('rate_limited', 'Too many keys of calls are kept for you already.', NOT_MADE);
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
    sweep: (nowMs) => sweepExpired(postgres, ['once_calls'], nowMs),
  };
}

/** What a call came to under the credentials of one chain of actors is nothing for another. */
function whose({ principal, key }: OnceCall): string[] {
  const { tenant, id, user, actors } = principal;
  return [tenant, id, user, sha256(JSON.stringify([key, ...actors.map((actor) => actor.id)]))];
}
