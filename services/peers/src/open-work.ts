import { GatewayError } from '@sallyport/chassis/errors';
import { ABSENT, type Member, roster } from '@sallyport/chassis/roster';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Principals } from './principals.ts';

/** A request under way. Its signal ends when the client leaves, the credential is revoked or its time is over. */
export interface OpenWork {
  readonly signal: AbortSignal;
  /** Says whose it is; `askAgain` rejects with `unauthenticated` once the credential does not work any more. */
  own(principal: Principal, askAgain: () => Promise<unknown>): void;
  end(): void;
}

/** Requests under way. */
export interface OpenWorks {
  begin(gone: AbortSignal): OpenWork;
}

interface Owned extends Member {
  readonly controller: AbortController;
  readonly principal: Principal;
  readonly askAgain: () => Promise<unknown>;
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
  const open = roster<Owned>();
  const revoked = () => new GatewayError('unauthenticated', 'The credential was revoked.');
  principals.onRevoked(({ tenant, keyId, principalId, ends }) => {
    const missed = tenant === '' && keyId === '' && principalId === '';
    if (!ends && !missed) return;
    for (const { controller, principal, askAgain } of open.present()) {
      const sameKey = keyId !== '' && principal.keyId === keyId;
      const samePrincipal = principalId !== '' && principal.id === principalId;
      if (principal.tenant === tenant && (sameKey || samePrincipal)) controller.abort(revoked());
      // Notices were lost: any of these may be revoked.
      else if (missed) {
        askAgain().catch((error: unknown) => {
          if (error instanceof GatewayError && error.code === 'unauthenticated') controller.abort(revoked());
        });
      }
    }
  });
  return {
    begin(gone) {
      const controller = new AbortController();
      let owned: Owned | undefined;
      const leave = () => controller.abort(new GatewayError('cancelled', 'The client is gone.'));
      if (gone.aborted) leave();
      else gone.addEventListener('abort', leave, { once: true });
      const late = () => controller.abort(new GatewayError('deadline_exceeded', 'The turn took too long.'));
      const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
      timer?.unref();
      return {
        signal: controller.signal,
        own(principal, askAgain) {
          if (owned) open.remove(owned);
          owned = { controller, principal, askAgain, place: ABSENT };
          open.add(owned);
        },
        end() {
          clearTimeout(timer);
          gone.removeEventListener('abort', leave);
          if (owned) open.remove(owned);
        },
      };
    },
  };
}
