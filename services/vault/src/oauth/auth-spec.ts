import { z } from 'zod';

/**
 * ToolServer `spec.auth`, or what an IdentityProvider lets be kept of sign-ins (`SignIn`), or the identity at a cloud that a
 * ModelProvider names (`WorkloadIdentity`), as the operator hands it over:
 * checked by the resource already, so what does not fit here is of another version of the suite.
 */
const authSchema = z.looseObject({
  type: z.enum(['OAuth', 'TokenExchange', 'EntraOnBehalfOf', 'IdentityAssertion', 'SignIn', 'WorkloadIdentity']),
  scopes: z.array(z.string()).default([]),
  clientId: z.string().optional(),
  registration: z.enum(['Metadata', 'Dynamic', 'Static']).optional(),
  resource: z.string().optional(),
  issuer: z.string().optional(),
  /** Of `WorkloadIdentity`: its name in vault's configuration. */
  identity: z.string().optional(),
  audience: z.string().optional(),
  identityIssuer: z.string().optional(),
  tokenEndpoint: z.string().optional(),
  clientAuthentication: z.enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt']).optional(),
});

/** How tokens are had. */
export type AuthSpec = z.output<typeof authSchema>;

/** Reads it from a grant; undefined where the resource has none. */
export function authOf(grant: { readonly auth: unknown }): AuthSpec | undefined {
  return grant.auth === undefined ? undefined : authSchema.parse(grant.auth);
}
