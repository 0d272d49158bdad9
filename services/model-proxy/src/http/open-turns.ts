import { GatewayError } from '@sallyport/chassis/errors';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Gate } from '../turn/gate.ts';

/** One open turn. Its signal ends when the client leaves, the credential is revoked or the turn's time is over. */
export interface OpenTurn {
  readonly signal: AbortSignal;
  /** Says whose turn it is; `askAgain` rejects with `unauthenticated` once the credential does not work any more. */
  own(principal: Principal, askAgain: () => Promise<unknown>): void;
  end(): void;
}

/** Turns that are under way. */
export interface OpenTurns {
  begin(gone: AbortSignal): OpenTurn;
}

interface Owned {
  readonly principal: Principal;
  readonly askAgain: () => Promise<unknown>;
}

/** Follows open turns, so that revocation ends them too (DESIGN section 8: open streams, within a second). */
export function openTurns(gate: Pick<Gate, 'principals' | 'config'>): OpenTurns {
  const open = new Map<AbortController, Owned>();
  const revoked = () => new GatewayError('unauthenticated', 'The credential was revoked.');
  gate.principals.onRevoked(({ tenant, keyId, principalId, ends }) => {
    const missed = tenant === '' && keyId === '' && principalId === '';
    if (!ends && !missed) return;
    for (const [controller, { principal, askAgain }] of open) {
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
      const leave = () => controller.abort(new GatewayError('cancelled', 'The client is gone.'));
      if (gone.aborted) leave();
      else gone.addEventListener('abort', leave, { once: true });
      const timer = setTimeout(
        () => controller.abort(new GatewayError('deadline_exceeded', 'The turn took too long.')),
        gate.config.request.timeout,
      );
      timer.unref();
      return {
        signal: controller.signal,
        own: (principal, askAgain) => void open.set(controller, { principal, askAgain }),
        end() {
          clearTimeout(timer);
          gone.removeEventListener('abort', leave);
          open.delete(controller);
        },
      };
    },
  };
}
