import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { Soon } from '@sallyport/chassis/soon';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { LeaseResponse, LimitService } from '@sallyport/proto/policy/v1/limit_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { type OpenShares, openShares } from './open-shares.ts';
import {
  type Amounts,
  type Dimension,
  type HeldShare,
  holdShare,
  isShort,
  type Reservation,
  refusalOf,
  setAside,
  shareId,
} from './share.ts';
import type { Snapshot } from './snapshot.ts';
import { standingOf } from './standing.ts';

export type { Allowance, Amounts, Dimension, Reservation } from './share.ts';

/** Whose limits are spent from. */
export interface LimitSubject {
  readonly principal: Principal;
  readonly model: string;
  readonly trajectory: string;
  readonly customer: string;
  /** True when this replica issued the trajectory id in this request. */
  readonly newTrajectory: boolean;
  /** Tool that is called, "<server>/<tool>"; absent for a model call. */
  readonly tool?: string;
  /** Only Limits that pick tools count: the turn that makes the call counts for the others. */
  readonly toolLimitsOnly?: boolean;
}

/** Limits spent locally from leased shares. */
export interface Limits {
  readonly name: string;
  start(): void;
  stop(): Promise<void>;
  /**
   * Sets amounts aside; GatewayError rate_limited, budget_exceeded or step_limit where a limit has not enough left,
   * unavailable where that cannot be known and a limit fails closed.
   */
  reserve(subject: LimitSubject, needed: Amounts): Soon<Reservation>;
}

/** What limits are spent with. */
export interface LimitSharesOptions {
  readonly client: Pick<Client<typeof LimitService>, 'lease' | 'settle'>;
  readonly snapshot: Pick<Snapshot, 'onChange' | 'revision'>;
  readonly log: Logger;
  readonly replica: string;
  readonly timeoutMs?: number;
}

interface KnownSubject {
  readonly shares: readonly string[];
  /** `performance.now()` after which policy is asked again; Infinity: when Limit changes. */
  readonly until: number;
}

const NOTHING: Reservation = { touched: [], amounts: {}, settle: () => {}, allowance: () => undefined };
const SETTLE_EVERY_MS = 250;
const MAX_SUBJECTS = 50_000;
/** How often a reservation looks again after others took of the share that was leased for it. */
const ROUNDS = 4;
/** How long an answer serves that policy gave by another revision of Limit than the one that is known here. */
const OTHER_REVISION_MS = 1_000;

/**
 * Spends limits from shares leased from policy (DESIGN section 3: the warm plain model call makes no hop). A subject that no
 * Limit selects is remembered as such until Limit changes. What was spent is reported every 250 ms and at the end.
 */
export function limitShares(options: LimitSharesOptions): Limits {
  const { log, replica, snapshot } = options;
  const timeoutMs = options.timeoutMs ?? 1_000;
  const subjects = knownSubjects();
  /** Tenants of which some Limit picks tools. Elsewhere what is known of a subject is known for all its tools. */
  const byTool = new Set<string>();
  const open: OpenShares = openShares({ client: options.client, log, replica, timeoutMs });
  let timer: NodeJS.Timeout | undefined;

  snapshot.onChange((kind) => {
    if (kind !== 'Limit') return;
    subjects.clear();
    byTool.clear();
    open.closeAll();
  });

  const toolOf = ({ principal, tool = '', toolLimitsOnly }: LimitSubject): string =>
    `${toolLimitsOnly === true ? '+' : ''}${byTool.has(principal.tenant) ? tool : ''}`;

  /** The shares of a subject; undefined: policy must be asked which there are. */
  const find = (subject: LimitSubject, needed: Amounts): HeldShare[] | undefined => {
    const now = performance.now();
    const what = toolOf(subject);
    const known = subjects.get(subject, needed, what, false) ?? subjects.get(subject, needed, what, true);
    if (known === undefined || now >= known.until) return undefined;
    const held: HeldShare[] = [];
    for (const id of known.shares) {
      const share = open.current(id);
      if (share === undefined) return undefined;
      held.push(share);
    }
    return held;
  };

  const ask = (subject: LimitSubject, needed: Amounts): Promise<LeaseResponse> => {
    const { principal, model, trajectory, customer, newTrajectory, tool = '', toolLimitsOnly = false } = subject;
    return options.client.lease(
      {
        requestId: uuidv7(),
        replica,
        subject: { principal, model, trajectory, customer, tool, toolLimitsOnly },
        needed: needed as Record<string, number>,
        newTrajectory,
      },
      { timeoutMs },
    );
  };

  /** Leases what is missing. True: limits are not known at present, and all that is short fails open. */
  const lease = async (subject: LimitSubject, needed: Amounts, held: readonly HeldShare[] | undefined) => {
    const { tenant } = subject.principal;
    const now = Date.now();
    const short = held?.filter((share) => isShort(share, needed, now)) ?? [];
    const asked = held ? only(needed, short) : needed;
    // Policy takes a lease for spent to its grant: what was spent beyond has to be told before more is asked for.
    if (short.some((share) => share.spent > share.granted)) await open.report();
    let answer: LeaseResponse;
    let askedAtMs = Date.now();
    try {
      answer = await ask(subject, asked);
      const ids = answer.shares.filter((share) => share.exhausted).map((share) => shareId(share, tenant));
      // Policy counts as used what lies idle here: given back, it may be enough.
      if (ids.length > 0 && open.giveBack(ids)) {
        await open.report();
        askedAtMs = Date.now();
        answer = await ask(subject, asked);
      }
    } catch (error) {
      // Policy was reached, and a Limit of which nobody knows what it allows selects this: no word on being open holds.
      if (error instanceof GatewayError && typeof error.details?.limit === 'string') throw error;
      if (held && short.every((share) => share.failurePolicy === 'Open')) {
        log.warn('Limits are not counted: policy cannot be reached', { model: subject.model, error });
        return true;
      }
      throw new GatewayError('unavailable', 'Limits cannot be checked right now.', {
        cause: error,
        retryAfterMs: 1_000,
      });
    }
    if (answer.byTool) byTool.add(tenant);
    const exhausted = answer.shares.find((share) => share.exhausted);
    if (exhausted) throw refusalOf(exhausted, Date.now());
    const leased = answer.unlimited ? [] : answer.shares.map((share) => holdShare(share, tenant, now));
    for (const share of leased) open.hold(share, askedAtMs);
    const kept = (held ?? []).filter((share) => !short.includes(share));
    const perTrajectory = [...kept, ...leased].some(({ id }) => id.includes('\ntrajectory:'));
    // A run's own entry must not be hidden by one from before there was a limit per run.
    const what = toolOf(subject);
    if (perTrajectory) subjects.delete(subject, needed, what);
    const sameRevision = answer.limitRevision === snapshot.revision('Limit');
    subjects.set(subject, needed, what, perTrajectory, {
      shares: [...new Set([...kept, ...leased].map(({ id }) => id))],
      until: sameRevision ? Number.POSITIVE_INFINITY : performance.now() + OTHER_REVISION_MS,
    });
    return false;
  };

  /** Leases what is missing and takes of it, unless others were quicker. */
  const reserveLeased = async (
    subject: LimitSubject,
    needed: Amounts,
    found: HeldShare[] | undefined,
  ): Promise<Reservation> => {
    let held = found;
    for (let round = 0; round < ROUNDS; round++) {
      if (await lease(subject, needed, held)) return setAside(held ?? [], needed);
      held = find(subject, needed);
      const taken = takenFrom(held, needed);
      if (taken !== undefined) return taken;
    }
    throw new GatewayError('rate_limited', 'Too many requests compete for what a limit has left.', {
      retryAfterMs: 1_000,
    });
  };

  return {
    name: 'limits',
    start() {
      timer = setInterval(() => void open.report(), SETTLE_EVERY_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      subjects.clear();
      await open.end();
    },
    reserve(subject, needed) {
      const held = find(subject, needed);
      return takenFrom(held, needed) ?? reserveLeased(subject, needed, held);
    },
  };
}

/** Sets amounts aside where enough is leased; undefined: it is not. */
function takenFrom(held: readonly HeldShare[] | undefined, needed: Amounts): Reservation | undefined {
  if (held === undefined) return undefined;
  if (held.length === 0) return NOTHING;
  const now = Date.now();
  for (const share of held) if (isShort(share, needed, now)) return undefined;
  return setAside(held, needed);
}

function only(needed: Amounts, shares: readonly HeldShare[]): Amounts {
  return Object.fromEntries(shares.map(({ dimension }) => [dimension, needed[dimension] ?? 0]));
}

/** What is known of subjects: first by who asks, whose key is long and hashed once, then by what for. */
function knownSubjects() {
  const byStanding = new Map<string, Map<string, KnownSubject>>();
  let size = 0;
  const clear = () => {
    byStanding.clear();
    size = 0;
  };
  return {
    clear,
    get: (subject: LimitSubject, needed: Amounts, tool: string, perTrajectory: boolean) =>
      byStanding.get(standingOf(subject.principal))?.get(keyOf(subject, needed, tool, perTrajectory)),
    set(subject: LimitSubject, needed: Amounts, tool: string, perTrajectory: boolean, known: KnownSubject): void {
      if (size >= MAX_SUBJECTS) clear();
      const standing = standingOf(subject.principal);
      const ofWho = byStanding.get(standing) ?? new Map<string, KnownSubject>();
      byStanding.set(standing, ofWho);
      const before = ofWho.size;
      ofWho.set(keyOf(subject, needed, tool, perTrajectory), known);
      size += ofWho.size - before;
    },
    /** Forgets what was known of a subject beside its trajectory. */
    delete(subject: LimitSubject, needed: Amounts, tool: string): void {
      if (byStanding.get(standingOf(subject.principal))?.delete(keyOf(subject, needed, tool, false))) size--;
    },
  };
}

const BITS: Readonly<Record<Dimension, number>> = { requests: 1, tokens: 2, nano_usd: 4, steps: 8, concurrency: 16 };

// Policy answers for the dimensions asked for, and for a trajectory only where one is named: both are in the key.
function keyOf(subject: LimitSubject, needed: Amounts, tool: string, perTrajectory: boolean): string {
  const { model, customer, trajectory } = subject;
  let dimensions = 0;
  for (const dimension in needed) dimensions |= BITS[dimension as Dimension];
  const run = perTrajectory || trajectory === '' ? trajectory : '*';
  return `${dimensions}\n${model}\n${customer}\n${run}\n${tool}`;
}
