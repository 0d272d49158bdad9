import { GatewayError } from '@sallyport/chassis/errors';
import type * as oauth from 'oauth4webapi';
import type { Envelope, Place } from '../envelope.ts';
import type { GrantRow, OAuthStore, SealedRow } from './oauth-store.ts';
import type { OAuthClient } from './token-call.ts';

/** What of an authorization server is kept with a grant: its tokens go to no other place than they came from. */
export type KnownServer = Pick<
  oauth.AuthorizationServer,
  | 'issuer'
  | 'authorization_endpoint'
  | 'token_endpoint'
  | 'revocation_endpoint'
  | 'token_endpoint_auth_methods_supported'
  | 'id_token_signing_alg_values_supported'
  | 'authorization_response_iss_parameter_supported'
>;

/** What a grant holds sealed. */
export interface GrantContent {
  readonly accessToken: string;
  readonly refreshToken?: string | undefined;
  readonly client: OAuthClient;
  readonly as: KnownServer;
  /** What tokens are asked for; none for a sign-in. */
  readonly resource?: string | undefined;
  /** Of a sign-in. */
  readonly idToken?: string | undefined;
}

/** The part of the metadata that is kept. */
export function knownServer(as: oauth.AuthorizationServer): KnownServer {
  const known: Record<string, unknown> = { issuer: as.issuer };
  const names = [
    'authorization_endpoint',
    'token_endpoint',
    'revocation_endpoint',
    'token_endpoint_auth_methods_supported',
    'id_token_signing_alg_values_supported',
    'authorization_response_iss_parameter_supported',
  ];
  for (const name of names) if (as[name] !== undefined) known[name] = as[name];
  return known as unknown as KnownServer;
}

/** Seals and opens rows of a tenant, each bound to its place. */
export interface RowSealer {
  seal(tenant: string, place: Place, content: object): Promise<SealedRow & { readonly sealed: Buffer }>;
  open<T>(tenant: string, place: Place, row: SealedRow): Promise<T>;
}

/** Makes it. */
export function rowSealer(store: Pick<OAuthStore, 'dataKey' | 'openingKey'>, envelope: Envelope): RowSealer {
  return {
    async seal(tenant, place, content) {
      const key = await store.dataKey(tenant, () => envelope.newDataKey(tenant));
      return { dataKeyId: key.id, sealed: await envelope.seal(tenant, key, place, JSON.stringify(content)) };
    },
    async open<T>(tenant: string, place: Place, row: SealedRow) {
      const key = await store.openingKey(tenant, row.dataKeyId);
      if (key === undefined) throw new GatewayError('internal', 'A sealed row has no data key.');
      return JSON.parse(await envelope.open(tenant, key, place, row.sealed)) as T;
    },
  };
}

/** The place of a grant's content: a row that is moved to another person, server or host does not open. */
export function grantPlace({ uid, user, origin, issuer }: Pick<GrantRow, 'uid' | 'user' | 'origin' | 'issuer'>): Place {
  return ['oauth-grant', uid, user, origin, issuer];
}

/** How records name a grant. */
export function grantReference({
  user,
  resourceName,
  revision,
}: Pick<GrantRow, 'user' | 'resourceName' | 'revision'>): string {
  return `grant:${user}/${resourceName}#${revision}`;
}
