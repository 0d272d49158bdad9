import { GatewayError } from '@sallyport/chassis/errors';
import type { Authenticate } from '../authentication.ts';

/** Gives the name of the person behind a key that is shown from an address ('' where it is not known). */
export type SignInWithKey = (key: string, address: string) => Promise<string>;

/**
 * Signs the owner of a Sallyport key in, where a tenant has no other way: for suites on one's own computer. Gives the name of
 * the person. Throws `permission_denied` for keys of other tenants, without an owner, or narrower than their owner.
 */
export function keySignIn(
  authenticate: Authenticate,
  allowed: (tenant: string) => boolean,
): (tenant: string) => SignInWithKey | undefined {
  return (tenant) => {
    if (!allowed(tenant)) return undefined;
    return async (key, address) => {
      const { principal } = await authenticate(key, 'oauth', address);
      const { models = [], tools = [], endpoints = [] } = principal;
      const narrow = models.length + tools.length + endpoints.length > 0;
      if (principal.tenant !== tenant || !principal.user || narrow) {
        throw new GatewayError('permission_denied', 'This key signs nobody in here.');
      }
      return principal.user;
    };
  };
}
