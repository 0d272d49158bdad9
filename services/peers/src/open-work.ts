import { type Timed, unwatch, watch } from '@sallyport/chassis/deadlines';
import { abortSignalOf, Ending, type EndSignal } from '@sallyport/chassis/ending';
import { GatewayError } from '@sallyport/chassis/errors';
import { ABSENT, type Member, type Roster, roster } from '@sallyport/chassis/roster';
import type { Soon } from '@sallyport/chassis/soon';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Principals } from './principals.ts';
import { concerns, isLess, MISSED } from './revoked.ts';

/** A request under way. Its signal ends when the client leaves, the credential is revoked or its time is over. */
export interface OpenWork {
  readonly ended: EndSignal;
  /** `ended` for what takes an AbortSignal: made when it is asked for, since most requests need none. */
  readonly signal: AbortSignal;
  /** Says whose it is; `askAgain` tells who that is now, `unauthenticated` once the credential does not work any more. */
  own(principal: Principal, askAgain: () => Soon<Principal>): void;
  /** The client has left. */
  leave(): void;
  end(): void;
}

/** Requests under way. */
export interface OpenWorks {
  /** `gone` fires when the client leaves; whoever has no signal for that calls `leave`. */
  begin(gone?: AbortSignal): OpenWork;
}

/** One request under way, present among the others once it is known whose it is. */
class Work implements OpenWork, Member {
  place = ABSENT;
  principal: Principal | undefined;
  askAgain: (() => Soon<Principal>) | undefined;
  readonly ended = new Ending();
  #signal: AbortSignal | undefined;
  readonly #open: Roster<Work>;
  readonly #gone: AbortSignal | undefined;
  readonly #deadline: TurnDeadline | undefined;

  constructor(open: Roster<Work>, gone: AbortSignal | undefined, timeoutMs: number | undefined) {
    this.#open = open;
    this.#gone = gone;
    if (gone?.aborted) this.leave();
    else gone?.addEventListener('abort', this, { once: true });
    if (timeoutMs === undefined) return;
    this.#deadline = new TurnDeadline(this, timeoutMs);
    watch(this.#deadline);
  }

  get signal(): AbortSignal {
    this.#signal ??= abortSignalOf(this.ended);
    return this.#signal;
  }

  /** The signal that the client is gone has fired. */
  handleEvent(): void {
    this.leave();
  }

  leave(): void {
    this.abort(new GatewayError('cancelled', 'The client is gone.'));
  }

  abort(reason: GatewayError): void {
    this.ended.abort(reason);
  }

  own(principal: Principal, askAgain: () => Soon<Principal>): void {
    this.principal = principal;
    this.askAgain = askAgain;
    if (this.place === ABSENT) this.#open.add(this);
  }

  end(): void {
    if (this.#deadline !== undefined) unwatch(this.#deadline);
    this.#gone?.removeEventListener('abort', this);
    this.#open.remove(this);
  }
}

/** Beside the work and not in it: that is a member among those whose owner is known. */
class TurnDeadline implements Timed {
  place = ABSENT;
  readonly dueAt: number;
  readonly #work: Work;

  constructor(work: Work, timeoutMs: number) {
    this.#work = work;
    this.dueAt = performance.now() + timeoutMs;
  }

  late(): void {
    this.#work.abort(new GatewayError('deadline_exceeded', 'The turn took too long.'));
  }
}

/**
 * Follows requests under way, so that revocation ends them too (DESIGN section 8: open streams, within a second). Say whose
 * one is as soon as that is known: what is revoked before is not ended. `timeoutMs` bounds each; absent: its parts do.
 */
export function openWork(options: {
  readonly principals: Pick<Principals, 'onRevoked'>;
  readonly timeoutMs?: number;
}): OpenWorks {
  const { principals, timeoutMs } = options;
  const open = roster<Work>();
  const revoked = () => new GatewayError('unauthenticated', 'The credential was revoked.');
  principals.onRevoked((notice) => {
    const missed = notice === MISSED;
    if (!notice.ends && !missed) return;
    for (const work of open.present()) {
      const { principal, askAgain } = work;
      if (principal === undefined || askAgain === undefined) continue;
      if (!missed) {
        if (concerns(notice, principal)) work.abort(revoked());
        continue;
      }
      // Notices were lost: any of these may be revoked.
      Promise.resolve(askAgain()).then(
        (now) => {
          if (isLess(principal, now)) work.abort(revoked());
        },
        (error: unknown) => {
          if (error instanceof GatewayError && error.code === 'unauthenticated') work.abort(revoked());
        },
      );
    }
  });
  return { begin: (gone) => new Work(open, gone, timeoutMs) };
}
