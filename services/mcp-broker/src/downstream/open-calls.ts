import { GatewayError } from '@sallyport/chassis/errors';
import type { Principals } from '@sallyport/peers/principals';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';

/** Requests under way, so that revocation ends them too (DESIGN section 8: within a second). */
export interface OpenCalls {
  /** A signal that ends when the client is gone or the credential is revoked; call `end` when all is over. */
  begin(principal: Principal, gone: AbortSignal): { readonly signal: AbortSignal; readonly end: () => void };
}

/** Follows open requests. */
export function openCalls(principals: Pick<Principals, 'onRevoked'>): OpenCalls {
  const open = new Map<AbortController, Principal>();
  principals.onRevoked(({ tenant, keyId, principalId }) => {
    for (const [controller, principal] of open) {
      const same = principal.tenant === tenant && (principal.keyId === keyId || principal.id === principalId);
      if (same) controller.abort(new GatewayError('unauthenticated', 'The credential was revoked.'));
    }
  });
  return {
    begin(principal, gone) {
      const controller = new AbortController();
      const leave = () => controller.abort(gone.reason);
      if (gone.aborted) leave();
      else gone.addEventListener('abort', leave, { once: true });
      open.set(controller, principal);
      return {
        signal: controller.signal,
        end() {
          gone.removeEventListener('abort', leave);
          open.delete(controller);
        },
      };
    },
  };
}
