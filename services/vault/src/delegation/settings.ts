import { GatewayError } from '@sallyport/chassis/errors';
import { missingSecret } from '../leasing.ts';
import type { AuthSpec } from '../oauth/auth-spec.ts';
import type { OAuthClient } from '../oauth/token-call.ts';
import type { DelegationWanted } from './adapter.ts';

/** A setting that the resource's schema demands. Throws `unsupported` where another version of the suite left it out. */
export function required(auth: AuthSpec, name: 'issuer' | 'clientId' | 'audience' | 'identityIssuer'): string {
  const value = auth[name];
  if (value === undefined) throw new GatewayError('unsupported', `auth.${name} of the ToolServer is missing.`);
  return value;
}

/** Our client at the server that gives the token, with the value of its Secret. Throws `upstream_credentials` without one. */
export function clientOf({ auth, secret, server }: DelegationWanted): OAuthClient {
  if (secret === undefined || secret === '') throw missingSecret(server.resourceName);
  const { clientAuthentication: method } = auth;
  return { clientId: required(auth, 'clientId'), secret, ...(method === undefined ? {} : { method }) };
}
