import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { networksOf } from '@sallyport/chassis/net/networks';
import type { Credential } from '@sallyport/peers/ingress';
import { admitted, type Caller, callerOf } from '../caller.ts';
import type { Clients } from '../clients.ts';
import type { Patience } from '../route.ts';
import type { Subject } from './session.ts';

/** How a person signs in, and who a session stands for. Another way to sign in is another kind of subject. */
export interface SignIn {
  /** Checks a key. Throws `unauthenticated`, `permission_denied` or `unavailable`. */
  withKey(credential: Credential, patience: Patience): Promise<Subject>;
  /**
   * Who a subject is now, asked anew at each request from an address; undefined when it has ended, or may not be from there.
   * Throws `unavailable`.
   */
  callerOf(subject: Subject, address: string, patience: Patience): Promise<Caller | undefined>;
}

/** Makes sign-in by Sallyport keys over identity. */
export function keySignIn({ authentication, keys }: Pick<Clients, 'authentication' | 'keys'>): SignIn {
  return {
    async withKey(credential, patience) {
      const { principal } = await callerOf(credential, authentication, patience);
      const { tenant, keyId } = principal;
      if (keyId === '') throw new GatewayError('unauthenticated', 'Sign in with a key, not with a token.');
      const { key } = await keys.get({ tenant, id: keyId }, patience);
      if (key === undefined) throw new GatewayError('internal', 'identity answered without a key.');
      return { kind: 'key', tenant, keyId, revision: key.revision };
    },
    async callerOf({ tenant, keyId, revision }, address, patience) {
      try {
        const { key, principal } = await keys.get({ tenant, id: keyId }, patience);
        if (key?.spec === undefined || key.tenant !== tenant || key.id !== keyId || key.revision !== revision) {
          return undefined;
        }
        const { networks } = key.spec;
        if (networks.length > 0 && !networksOf(networks)(address)) return undefined;
        // None: the key is no longer active, or its owner is not.
        if (principal?.tenant !== tenant || principal.keyId !== keyId) return undefined;
        return admitted(principal);
      } catch (error) {
        const { code } = asGatewayError(error);
        if (code === 'not_found') return undefined;
        if (code === 'cancelled' || code === 'permission_denied') throw error;
        throw new GatewayError('unavailable', 'Keys cannot be checked now.', { cause: error, retryAfterMs: 1000 });
      }
    },
  };
}
