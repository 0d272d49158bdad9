import { GatewayError } from '@sallyport/chassis/errors';
import type { Authenticate } from '../authentication.ts';

/**
 * Signs the owner of a Sallyport key in, where a tenant has no other way: for suites on one's own computer. Gives the name of
 * the person. Throws `permission_denied` for keys of other tenants, without an owner, or narrower than their owner.
 */
export function keySignIn(
  authenticate: Authenticate,
  allowed: (tenant: string) => boolean,
): (tenant: string) => ((key: string) => Promise<string>) | undefined {
  return (tenant) => {
    if (!allowed(tenant)) return undefined;
    return async (key) => {
      const { principal } = await authenticate(key, 'oauth');
      const { models = [], tools = [], endpoints = [] } = principal;
      const narrow = models.length + tools.length + endpoints.length > 0;
      if (principal.tenant !== tenant || !principal.user || narrow) {
        throw new GatewayError('permission_denied', 'This key signs nobody in here.');
      }
      return principal.user;
    };
  };
}
