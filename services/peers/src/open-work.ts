import { GatewayError } from '@sallyport/chassis/errors';
import { ABSENT, type Member, type Roster, roster } from '@sallyport/chassis/roster';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Principals } from './principals.ts';

/** A request under way. Its signal ends when the client leaves, the credential is revoked or its time is over. */
export interface OpenWork {
  readonly signal: AbortSignal;
  /** Says whose it is; `askAgain` rejects with `unauthenticated` once the credential does not work any more. */
  own(principal: Principal, askAgain: () => Promise<unknown>): void;
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
  askAgain: (() => Promise<unknown>) | undefined;
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #open: Roster<Work>;
  readonly #gone: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(open: Roster<Work>, gone: AbortSignal | undefined, timeoutMs: number | undefined) {
    this.signal = this.#controller.signal;
    this.#open = open;
    this.#gone = gone;
    if (gone?.aborted) this.leave();
    else gone?.addEventListener('abort', this, { once: true });
    if (timeoutMs === undefined) return;
    this.#timer = setTimeout(late, timeoutMs, this);
    this.#timer.unref();
  }

  /** The signal that the client is gone has fired. */
  handleEvent(): void {
    this.leave();
  }

  leave(): void {
    this.abort(new GatewayError('cancelled', 'The client is gone.'));
  }

  abort(reason: GatewayError): void {
    this.#controller.abort(reason);
  }

  own(principal: Principal, askAgain: () => Promise<unknown>): void {
    this.principal = principal;
    this.askAgain = askAgain;
    if (this.place === ABSENT) this.#open.add(this);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#gone?.removeEventListener('abort', this);
    this.#open.remove(this);
  }
}

function late(work: Work): void {
  work.abort(new GatewayError('deadline_exceeded', 'The turn took too long.'));
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
  principals.onRevoked(({ tenant, keyId, principalId, ends }) => {
    const missed = tenant === '' && keyId === '' && principalId === '';
    if (!ends && !missed) return;
    for (const work of open.present()) {
      const { principal, askAgain } = work;
      if (principal === undefined || askAgain === undefined) continue;
      const sameKey = keyId !== '' && principal.keyId === keyId;
      const samePrincipal = principalId !== '' && principal.id === principalId;
      if (principal.tenant === tenant && (sameKey || samePrincipal)) work.abort(revoked());
      // Notices were lost: any of these may be revoked.
      else if (missed) {
        askAgain().catch((error: unknown) => {
          if (error instanceof GatewayError && error.code === 'unauthenticated') work.abort(revoked());
        });
      }
    }
  });
  return { begin: (gone) => new Work(open, gone, timeoutMs) };
}
