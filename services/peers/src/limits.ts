import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { LimitService, Share } from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { type Dimension, type HeldShare, holdShare, leftIn, refusalOf } from './share.ts';
import type { Snapshot } from './snapshot.ts';

/** Amounts by dimension; nano_usd in 1e-9 USD. */
export type Amounts = Partial<Record<Dimension, number>>;

/** Whose limits are spent from. */
export interface LimitSubject {
  readonly principal: Principal;
  readonly model: string;
  readonly trajectory: string;
  readonly customer: string;
  /** True when this replica issued the trajectory id in this request. */
  readonly newTrajectory: boolean;
}

/** What was set aside; settle it exactly once with what was really spent. */
export interface Reservation {
  readonly touched: readonly { readonly limit: string; readonly dimension: Dimension }[];
  settle(spent: Amounts): void;
}

/** Limits spent locally from leased shares. */
export interface Limits {
  readonly name: string;
  start(): void;
  stop(): Promise<void>;
  /** Sets amounts aside; GatewayError rate_limited, budget_exceeded or step_limit where a limit has not enough left. */
  reserve(subject: LimitSubject, needed: Amounts): Promise<Reservation>;
}

interface KnownSubject {
  readonly shares: readonly string[];
  /** True where a limit counts per trajectory: then the entry serves that one trajectory only. */
  readonly perTrajectory: boolean;
}

const NOTHING: Reservation = { touched: [], settle: () => {} };
const SETTLE_EVERY_MS = 250;
const MAX_ENTRIES = 50_000;

/**
 * Spends limits from shares leased from policy (DESIGN section 3: the warm plain model call makes no hop). A subject that no
 * Limit selects is remembered as such until Limit changes. What was spent is reported every 250 ms and at the end.
 */
export function limitShares(options: {
  readonly client: Pick<Client<typeof LimitService>, 'lease' | 'settle'>;
  readonly snapshot: Pick<Snapshot, 'onChange'>;
  readonly log: Logger;
  readonly replica: string;
  readonly timeoutMs?: number;
}): Limits {
  const { client, log, replica } = options;
  const timeoutMs = options.timeoutMs ?? 1_000;
  const subjects = new Map<string, KnownSubject>();
  const shares = new Map<string, HeldShare>();
  /** Shares replaced by a new lease that still have reservations open or spending to report. */
  const ending = new Set<HeldShare>();
  let timer: NodeJS.Timeout | undefined;
  let settling: Promise<void> = Promise.resolve();

  options.snapshot.onChange((kind) => {
    if (kind !== 'Limit') return;
    subjects.clear();
    for (const share of shares.values()) ending.add(share);
    shares.clear();
  });

  const remember = (key: string, answer: readonly Share[], tenant: string): HeldShare[] => {
    const held = answer.map((share) => {
      const id = `${tenant}\n${share.limit}\n${share.subject}`;
      const before = shares.get(id);
      if (before?.leaseId === share.leaseId) {
        before.update(share);
        return { id, share: before };
      }
      const next = holdShare(share, tenant);
      if (before) ending.add(before);
      shares.set(id, next);
      return { id, share: next };
    });
    if (subjects.size >= MAX_ENTRIES) subjects.clear();
    subjects.set(key, {
      shares: held.map(({ id }) => id),
      perTrajectory: answer.some((share) => share.subject.startsWith('trajectory:')),
    });
    return held.map(({ share }) => share);
  };

  const lease = async (subject: LimitSubject, needed: Amounts, known: readonly HeldShare[]): Promise<HeldShare[]> => {
    const { principal, model, trajectory, customer, newTrajectory } = subject;
    try {
      const answer = await client.lease(
        {
          requestId: uuidv7(),
          replica,
          subject: { principal, model, trajectory, customer },
          needed: needed as Record<string, number>,
          newTrajectory,
        },
        { timeoutMs },
      );
      const perTrajectory = answer.shares.some((share) => share.subject.startsWith('trajectory:'));
      return remember(keyOf(subject, perTrajectory), answer.unlimited ? [] : answer.shares, principal.tenant);
    } catch (error) {
      const closed = known.find(
        (share) => leftIn(share, Date.now()) < (needed[share.dimension] ?? 0) && share.failurePolicy !== 'Open',
      );
      if (known.length > 0 && !closed) {
        log.warn('Limits are spent without policy, which cannot be reached', { model, error });
        return [...known];
      }
      throw new GatewayError('unavailable', 'Limits cannot be checked right now.', {
        cause: error,
        retryAfterMs: 1_000,
      });
    }
  };

  const find = (subject: LimitSubject): { known: KnownSubject | undefined; held: HeldShare[] } => {
    const plain = subjects.get(keyOf(subject, false));
    const known = plain && !plain.perTrajectory ? plain : subjects.get(keyOf(subject, true));
    const held = known?.shares.map((id) => shares.get(id)).filter((share) => share !== undefined) ?? [];
    return { known: known && held.length === known.shares.length ? known : undefined, held };
  };

  const flush = async () => {
    const dirty = [...shares.values(), ...ending].filter((share) => share.dirty || ending.has(share));
    if (dirty.length === 0) return;
    const now = Date.now();
    const spent = dirty.map((share) => ({
      leaseId: share.leaseId,
      tenant: share.tenant,
      amount: share.spent,
      final: ending.has(share) && share.reserved === 0,
    }));
    for (const share of dirty) share.dirty = false;
    try {
      await client.settle({ replica, spent }, { timeoutMs });
      for (const share of dirty) if (ending.has(share) && share.reserved === 0 && !share.dirty) ending.delete(share);
    } catch (error) {
      for (const share of dirty) share.dirty = true;
      log.debug('Spending could not be reported; it will be again', { error });
      // Past its window a lease means nothing to policy any more.
      for (const share of ending) if (share.expiresAtMs < now - 60_000) ending.delete(share);
    }
  };

  return {
    name: 'limits',
    start() {
      timer = setInterval(() => {
        settling = settling.then(flush);
      }, SETTLE_EVERY_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await settling;
      for (const share of shares.values()) ending.add(share);
      shares.clear();
      await flush();
    },
    async reserve(subject, needed) {
      let { known, held } = find(subject);
      const now = Date.now();
      const short = held.some((share) => leftIn(share, now) < (needed[share.dimension] ?? 0));
      if (!known || short) {
        held = await lease(subject, needed, known ? held : []);
        known = undefined;
      }
      if (held.length === 0) return NOTHING;
      const lacking = held.find(
        (share) =>
          leftIn(share, now) < (needed[share.dimension] ?? 0) &&
          !(share.failurePolicy === 'Open' && share.expiresAtMs < now),
      );
      if (lacking) throw refusalOf(lacking, now);
      return setAside(held, needed);
    },
  };
}

function setAside(held: readonly HeldShare[], needed: Amounts): Reservation {
  const parts = held.map((share) => ({ share, amount: needed[share.dimension] ?? 0 }));
  for (const { share, amount } of parts) share.reserved += amount;
  let settled = false;
  return {
    touched: parts
      .filter(({ amount }) => amount > 0)
      .map(({ share }) => ({ limit: share.limit, dimension: share.dimension })),
    settle(spent) {
      if (settled) return;
      settled = true;
      for (const { share, amount } of parts) {
        share.reserved -= amount;
        // Concurrency is given back whole when the work is over.
        const used = share.dimension === 'concurrency' ? 0 : (spent[share.dimension] ?? 0);
        if (used > 0) {
          share.spent += used;
          share.dirty = true;
        }
      }
    },
  };
}

function keyOf(subject: LimitSubject, perTrajectory: boolean): string {
  const { principal, model, customer, trajectory } = subject;
  return [principal.tenant, principal.id, principal.revision, model, customer, perTrajectory ? trajectory : ''].join(
    '\n',
  );
}
