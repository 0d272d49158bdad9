import { GatewayError } from '@sallyport/chassis/errors';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';

/** The principal of a request; without one, and without a tenant, nothing can be decided. */
export function principalOf(request: { readonly principal?: Principal | undefined }): Principal {
  const { principal } = request;
  if (principal === undefined || principal.tenant === '' || principal.id === '') {
    throw new GatewayError('invalid_request', 'The request names no principal.');
  }
  return principal;
}
