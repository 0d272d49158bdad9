import type { EndSignal } from '@sallyport/chassis/ending';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import { EncodedList } from '@sallyport/chassis/rpc/encoded';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { gatherMs } from '@sallyport/peers/batch-time';
import type { Recorder } from '@sallyport/peers/records';
import { BATCH_VALUES, type Releases, valuesIn } from '@sallyport/peers/release-batch';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import { ReleasedSchema, RememberRequestSchema, type TrajectoryService } from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';

type Release = Releases[number];

/** What goes to policy at once, and whom it concerns. */
interface Batch {
  readonly releases: EncodedList;
  values: number;
  /** Principals, and of those that it taints also by name. */
  readonly holders: Set<string>;
  readonly tainted: Set<string>;
  /** It is, or was, sent: nothing is added any more. */
  isSent: boolean;
}

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
  /** What policy has not acknowledged yet, oldest first; the last gathers. */
  const batches: Batch[] = [];
  let waiting = 0;
  let values = 0;
  let spare: EncodedList | undefined;
  let everyMs = options.everyMs ?? gatherMs(0);
  const forgotten = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let hastened = false;
  let sending: Promise<void> = Promise.resolve();
  /** When the oldest batch was told in vain first, and when it is told again. */
  let failingSince: number | undefined;
  let retryMs = firstRetryMs;
  let retryAt = 0;

  /** The batch that gathers, where there is room in it for so many values more. */
  const gathering = (more: number): Batch => {
    const last = batches.at(-1);
    const hasRoom = last !== undefined && !last.isSent && last.releases.length < BATCH;
    if (hasRoom && (last.values === 0 || last.values + more <= BATCH_VALUES)) return last;
    const releases = spare ?? new EncodedList(ReleasedSchema, RememberRequestSchema.field.released.number);
    spare = undefined;
    const made = { releases, values: 0, holders: new Set<string>(), tainted: new Set<string>(), isSent: false };
    batches.push(made);
    return made;
  };

  const done = (batch: Batch) => {
    batches.shift();
    waiting -= batch.releases.length;
    values -= batch.values;
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
  const tell = async (batch: EncodedList | Release[]): Promise<Release[]> => {
    try {
      await client.remember(Array.isArray(batch) ? { released: batch } : batch.request(), { timeoutMs: TIMEOUT_MS });
      return [];
    } catch (error) {
      if (!(error instanceof GatewayError) || !REFUSALS.has(error.code)) throw error;
      return await tellApart(Array.isArray(batch) ? batch : (batch.decoded() as Releases), error);
    }
  };

  const tellApart = async (batch: Release[], error: GatewayError): Promise<Release[]> => {
    const foreign = error.details?.foreign;
    // Policy kept all but these.
    if (Array.isArray(foreign)) return batch.filter(({ trajectory }) => foreign.includes(trajectory));
    if (batch.length === 1) return batch;
    const middle = batch.length >> 1;
    return [...(await tell(batch.slice(0, middle))), ...(await tell(batch.slice(middle)))];
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
    for (let left = batches.length; left > 0; left--) {
      const batch = batches[0] as Batch;
      const { releases } = batch;
      batch.isSent = true;
      everyMs = options.everyMs ?? gatherMs(releases.length);
      try {
        const refused = await tell(releases);
        lose(refused);
        retryMs = firstRetryMs;
        failingSince = undefined;
        done(batch);
        // A call that failed may hold its request still.
        if (refused.length > 0) continue;
        releases.clear();
        spare = releases;
      } catch (error) {
        if (!isGivenUp()) return;
        lose(releases.decoded() as Releases, error);
        // Others wait still: whom they concern is untrusted until policy has them.
        failingSince = performance.now();
        done(batch);
      }
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
      if (waiting >= maxWaiting || values >= MAX_VALUES) return lose([released]);
      const more = valuesIn(released);
      const batch = gathering(more);
      batch.releases.add(released);
      batch.values += more;
      batch.holders.add(keyOf(released));
      if (taints(released)) for (const key of holdersOf(released)) batch.tainted.add(key);
      waiting++;
      values += more;
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
      const key = `${tenant}\n${id}`;
      if (!batches.some(({ holders }) => holders.has(key))) return Promise.resolve();
      return failingSince !== undefined && performance.now() < retryAt ? Promise.resolve() : flush();
    },
    forgets({ tenant, id, user }) {
      if (forgotten.size === 0 && failingSince === undefined) return false;
      if (forgotten.size >= MAX_FORGOTTEN) return true;
      const holders = holdersOf({ tenant, principalId: id, user });
      if (holders.some((key) => forgotten.has(key))) return true;
      return failingSince !== undefined && batches.some(({ tainted }) => holders.some((key) => tainted.has(key)));
    },
    async stop() {
      await flush();
      clearTimeout(timer);
      for (const { releases } of batches.splice(0)) lose(releases.decoded() as Releases);
    },
  };
}

/** Policy looked at it and will say the same again. */
const REFUSALS: ReadonlySet<string> = new Set(['permission_denied', 'invalid_request', 'body_too_large']);

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
