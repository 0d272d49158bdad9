import { GatewayError } from '@sallyport/chassis/errors';
import type { LeaseToken } from './leasing.ts';
import { type AuthSpec, authOf } from './oauth/auth-spec.ts';

/** Tokens by `auth.type` of the resource. Throws `unsupported` for a type that this version does not know. */
export function tokensByType(types: Readonly<Partial<Record<AuthSpec['type'], LeaseToken>>>): LeaseToken {
  return async (tenant, grant, wanted) => {
    const lease = types[authOf(grant)?.type ?? 'OAuth'];
    if (lease === undefined) throw new GatewayError('unsupported', 'Tokens for this tool server cannot be had here.');
    return await lease(tenant, grant, wanted);
  };
}
