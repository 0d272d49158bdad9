import { GatewayError } from '@sallyport/chassis/errors';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Gate } from '../turn/gate.ts';

/** One open turn. Its signal ends when the client leaves, the credential is revoked or the turn's time is over. */
export interface OpenTurn {
  readonly signal: AbortSignal;
  own(principal: Principal): void;
  end(): void;
}

/** Turns that are under way. */
export interface OpenTurns {
  begin(gone: AbortSignal): OpenTurn;
}

/** Follows open turns, so that revocation ends them too (DESIGN section 8: open streams, within a second). */
export function openTurns(gate: Pick<Gate, 'principals' | 'config'>): OpenTurns {
  const open = new Map<AbortController, Principal>();
  gate.principals.onRevoked(({ tenant, keyId, principalId, ends }) => {
    if (!ends) return;
    for (const [controller, principal] of open) {
      const same = principal.tenant === tenant && (principal.keyId === keyId || principal.id === principalId);
      if (same) controller.abort(new GatewayError('unauthenticated', 'The credential was revoked.'));
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
        own: (principal) => void open.set(controller, principal),
        end() {
          clearTimeout(timer);
          gone.removeEventListener('abort', leave);
          open.delete(controller);
        },
      };
    },
  };
}
