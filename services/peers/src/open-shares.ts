import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { LimitService } from '@sallyport/proto/policy/v1/limit_pb';
import { endBehind, type HeldShare, renewShare, replaceShare } from './share.ts';

/** The shares leased by this process, until each is finally settled. */
export interface OpenShares {
  /** The share that is spent from for a counter. */
  current(id: string): HeldShare | undefined;
  /** Spends from now on from this share, asked for at that time; the one before ends with its last reservation. */
  hold(share: HeldShare, askedAtMs: number): void;
  /** Closes idle shares of these counters. True: some of them wait to be reported. */
  giveBack(ids: readonly string[]): boolean;
  /** Closes all. */
  closeAll(): void;
  /** Tells policy what was spent, renews what is in use, ends what is over. Never rejects. */
  report(): Promise<void>;
  /** Ends all, whatever is still reserved. */
  end(): Promise<void>;
}

/** Policy takes settlements of a lease for this long after it expired. */
const LATE_MS = 15 * 60_000;
const MAX_OPEN = 50_000;
const BATCH = 5_000;

/** Keeps shares and settles them with policy. */
export function openShares(options: {
  readonly client: Pick<Client<typeof LimitService>, 'settle'>;
  readonly log: Logger;
  readonly replica: string;
  readonly timeoutMs: number;
}): OpenShares {
  const current = new Map<string, HeldShare>();
  /** All that is not finally settled, closing ones too. */
  const open = new Set<HeldShare>();
  let reporting: Promise<void> = Promise.resolve();

  const forget = (share: HeldShare, isLost: boolean) => {
    open.delete(share);
    if (current.get(share.id) === share) current.delete(share.id);
    else endBehind(current.get(share.id), share, isLost);
  };

  const send = async (ending: boolean): Promise<void> => {
    const now = Date.now();
    const batch: { share: HeldShare; final: boolean }[] = [];
    for (const share of open) {
      // An expired lease that nobody uses is over: one of a finished run would else stay for good.
      if (share.reserved === 0 && now >= share.expiresAtMs) share.closing = true;
      const final = ending || (share.closing && share.reserved === 0);
      // In use without spending (a long call under a concurrency limit): policy must not take it for abandoned.
      const renew = share.reserved > 0 && now >= share.renewAtMs;
      if (final || share.dirty || renew) batch.push({ share, final });
      if (batch.length >= BATCH) break;
    }
    if (batch.length === 0) return;
    const spent = batch.map(({ share, final }) => {
      share.dirty = false;
      if (final) {
        share.heldUntilMs = Math.min(share.heldUntilMs, now);
        share.reported = share.spent;
      }
      return { leaseId: share.leaseId, tenant: share.tenant, amount: share.spent, final };
    });
    try {
      const request = { replica: options.replica, spent };
      const { unknownLeaseIds } = await options.client.settle(request, { timeoutMs: options.timeoutMs });
      const unknown = new Set(unknownLeaseIds);
      for (const [index, { share, final }] of batch.entries()) {
        const isLost = unknown.has(share.leaseId);
        if (final) forget(share, isLost);
        else renewShare(share, spent[index]?.amount ?? 0, Date.now());
        if (final || !isLost) continue;
        // Counters that were lost know nothing of what is left in it: it would be spent beside what they grant anew.
        share.closing = true;
        share.heldUntilMs = 0;
        endBehind(current.get(share.id), share, true);
      }
    } catch (error) {
      for (const { share } of batch) share.dirty = true;
      options.log.debug('Spending could not be reported; it will be again', { error });
      for (const share of open) {
        if (share.expiresAtMs + LATE_MS < now || (open.size > MAX_OPEN && share.reserved === 0)) forget(share, true);
      }
      return;
    }
    if (batch.length >= BATCH) await send(ending);
  };

  const report = (ending: boolean) => {
    reporting = reporting.then(() => send(ending));
    return reporting;
  };

  return {
    current: (id) => current.get(id),
    hold(share, askedAtMs) {
      const before = current.get(share.id);
      if (before) replaceShare(before, share, askedAtMs);
      current.set(share.id, share);
      open.add(share);
    },
    giveBack(ids) {
      let some = false;
      for (const share of open) {
        if (share.reserved > 0 || !ids.includes(share.id)) continue;
        share.closing = true;
        some = true;
      }
      return some;
    },
    closeAll() {
      for (const share of open) share.closing = true;
      current.clear();
    },
    report: () => report(false),
    async end() {
      current.clear();
      await report(true);
    },
  };
}
