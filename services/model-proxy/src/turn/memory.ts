import type { EndSignal } from '@sallyport/chassis/ending';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { gatherMs } from '@sallyport/peers/batch-time';
import type { Recorder } from '@sallyport/peers/records';
import { batchLength, type Releases } from '@sallyport/peers/release-batch';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import type { TrajectoryService } from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';

type Release = Releases[number];

/** Tells policy what was released, so that it is known when it comes back. */
export interface Memory {
  readonly name: string;
  /** In the next batch, again while policy is away, within bounds. Words that are lost on the way are unknown when they return. */
  later(released: Release): void;
  /** Before something is released that must be known when it returns. */
  now(released: Release, signal: EndSignal): Promise<void>;
  /** Resolves when what this principal was told is sent: its next request may come before the batch is due. */
  caughtUp(principal: Pick<Principal, 'tenant' | 'id'>): Promise<void>;
  /**
   * True where policy does not know of something untrusted that this principal was brought: it is told in vain at present,
   * or was, since this process began. Then nothing of theirs is trusted.
   */
  forgets(principal: Pick<Principal, 'tenant' | 'id' | 'user'>): boolean;
  stop(): Promise<void>;
}

/** What a memory works with; times in ms. */
export interface MemoryOptions {
  readonly client: Pick<Client<typeof TrajectoryService>, 'remember'>;
  readonly log: Logger;
  readonly recorder: Pick<Recorder, 'append'>;
  /** Counts releases that policy never heard of. */
  readonly lost: { inc(by?: number): void };
  /** How long a batch gathers; absent: by how many the last one had. Who comes back sooner is waited for (`caughtUp`). */
  readonly everyMs?: number;
  readonly maxWaiting?: number;
  /** How long after a failure policy is told again at first; twice as long after each further one. */
  readonly firstRetryMs?: number;
  /** How long the oldest batch is told again before it is given up. */
  readonly giveUpMs?: number;
}

const BATCH = 512;
const SOON_MS = 50;
const MAX_WAITING = 10_000;
/** Values of results take more room than all else: at most so many wait. */
const MAX_VALUES = 100_000;
const TIMEOUT_MS = 2_000;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5_000;
const GIVE_UP_MS = 30_000;
/** Beyond so many nobody is trusted. */
const MAX_FORGOTTEN = 10_000;

/** Makes the memory over policy's TrajectoryService. */
export function trajectoryMemory(options: MemoryOptions): Memory {
  const { client, log, recorder } = options;
  const { maxWaiting = MAX_WAITING } = options;
  const { firstRetryMs = FIRST_RETRY_MS, giveUpMs = GIVE_UP_MS } = options;
  let waiting: Release[] = [];
  let values = 0;
  let everyMs = options.everyMs ?? gatherMs(0);
  /** How many releases of a principal are not acknowledged yet; of those that taint also by name. */
  const unsent = new Map<string, number>();
  const untold = new Map<string, number>();
  const forgotten = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let hastened = false;
  let sending: Promise<void> = Promise.resolve();
  /** When the oldest batch was told in vain first, and when it is told again. */
  let failingSince: number | undefined;
  let retryMs = firstRetryMs;
  let retryAt = 0;

  const count = (release: Release, by: 1 | -1) => {
    add(unsent, keyOf(release), by);
    values += by * (release.fingerprints?.length ?? 0);
    if (taints(release)) for (const key of holdersOf(release)) add(untold, key, by);
  };

  const lose = (releases: readonly Release[], error?: unknown) => {
    if (releases.length === 0) return;
    options.lost.inc(releases.length);
    const tainting = releases.filter(taints);
    log.warn('What was released could not be remembered', {
      count: releases.length,
      tainting: tainting.length,
      error,
    });
    for (const release of tainting) {
      const holders = holdersOf(release);
      if (holders.every((key) => forgotten.has(key)) || forgotten.size >= MAX_FORGOTTEN) continue;
      for (const key of holders) forgotten.add(key);
      recorder.append(recordOf(release));
    }
  };

  /** Tells policy; resolves with what it will never take, rejects where it may take it another time. */
  const tell = async (batch: Release[]): Promise<Release[]> => {
    try {
      await client.remember({ released: batch }, { timeoutMs: TIMEOUT_MS });
      return [];
    } catch (error) {
      if (!(error instanceof GatewayError) || !REFUSALS.has(error.code)) throw error;
      const foreign = error.details?.foreign;
      // Policy kept all but these.
      if (Array.isArray(foreign)) return batch.filter(({ trajectory }) => foreign.includes(trajectory));
      if (batch.length === 1) return batch;
      const middle = batch.length >> 1;
      return [...(await tell(batch.slice(0, middle))), ...(await tell(batch.slice(middle)))];
    }
  };

  /** Waits for its time after a failure; true where the time is over in which it is told again. */
  const isGivenUp = (): boolean => {
    const now = performance.now();
    failingSince ??= now;
    if (now - failingSince >= giveUpMs) return true;
    retryAt = now + retryMs;
    clearTimeout(timer);
    timer = setTimeout(flush, retryMs);
    retryMs = Math.min(LAST_RETRY_MS, retryMs * 2);
    return false;
  };

  const send = async () => {
    // What comes meanwhile waits for its own time: sent at once, batches would be as small as the network is fast.
    for (let left = waiting.length; left > 0; ) {
      const batch = waiting.slice(0, batchLength(waiting, BATCH));
      everyMs = options.everyMs ?? gatherMs(batch.length);
      try {
        lose(await tell(batch));
        retryMs = firstRetryMs;
        failingSince = undefined;
      } catch (error) {
        if (!isGivenUp()) return;
        lose(batch, error);
        // Others wait still: whom they concern is untrusted until policy has them.
        failingSince = performance.now();
      }
      left -= batch.length;
      waiting = waiting.slice(batch.length);
      for (const one of batch) count(one, -1);
    }
  };
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    hastened = false;
    sending = sending.then(send);
    return sending;
  };
  return {
    name: 'trajectory memory',
    later(released) {
      if (waiting.length >= maxWaiting || values >= MAX_VALUES) return lose([released]);
      waiting.push(released);
      count(released, 1);
      timer ??= setTimeout(flush, everyMs);
      // Until policy knows of it, another run could take it for clean.
      if (everyMs > SOON_MS && !hastened && failingSince === undefined && taints(released)) {
        hastened = true;
        clearTimeout(timer);
        timer = setTimeout(flush, SOON_MS);
      }
    },
    async now(released, signal) {
      await client.remember({ released: [released] }, { timeoutMs: TIMEOUT_MS, signal });
    },
    caughtUp({ tenant, id }) {
      if (!unsent.has(`${tenant}\n${id}`)) return Promise.resolve();
      return failingSince !== undefined && performance.now() < retryAt ? Promise.resolve() : flush();
    },
    forgets({ tenant, id, user }) {
      if (forgotten.size === 0 && failingSince === undefined) return false;
      if (forgotten.size >= MAX_FORGOTTEN) return true;
      const holders = holdersOf({ tenant, principalId: id, user });
      return holders.some((key) => forgotten.has(key) || (failingSince !== undefined && untold.has(key)));
    },
    async stop() {
      await flush();
      clearTimeout(timer);
      lose(waiting.splice(0));
    },
  };
}

/** Policy looked at it and will say the same again. */
const REFUSALS: ReadonlySet<string> = new Set(['permission_denied', 'invalid_request', 'body_too_large']);

function add(counts: Map<string, number>, key: string, by: number): void {
  const left = (counts.get(key) ?? 0) + by;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}

/** Whether losing it would let something untrusted pass for clean; what was said only counts as unknown then. */
function taints({ fingerprints, label }: Release): boolean {
  return (fingerprints?.length ?? 0) > 0 || label?.trusted === false;
}

function keyOf({ tenant, principalId }: Release): string {
  return `${tenant}\n${principalId}`;
}

/** Untrusted values are known by the name of their user too, whatever key that one comes with. */
function holdersOf(release: Release): string[] {
  const key = keyOf(release);
  return release.user ? [key, `${release.tenant}\n\n${release.user}`] : [key];
}

function recordOf({ tenant, principalId, user, trajectory }: Release) {
  return {
    id: uuidv7(),
    kind: Record_Kind.ADMIN,
    tenant: tenant ?? '',
    trajectory: trajectory ?? '',
    step: 1,
    startedAtMs: Date.now(),
    principalId: principalId ?? '',
    user: user ?? '',
    reason: 'What this run brought could not be remembered: nothing of this principal is trusted by this replica.',
    outcome: 'error',
    errorCode: 'unavailable',
    detailJson: JSON.stringify({ action: 'forget' }),
  };
}
