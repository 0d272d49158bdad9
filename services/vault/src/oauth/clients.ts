import { createHash } from 'node:crypto';
import { GatewayError } from '@sallyport/chassis/errors';
import * as oauth from 'oauth4webapi';
import type { Envelope } from '../envelope.ts';
import type { AuthSpec } from './auth-spec.ts';
import type { OAuthHttp } from './http.ts';
import type { OAuthStore } from './oauth-store.ts';
import { type OAuthClient, refusal, requestOptions } from './token-call.ts';

/** Where this gateway is, as an OAuth client. */
export interface ClientPlace {
  /** Where people reach the gateway, without a slash at the end; undefined: nowhere, so nothing can be connected. */
  readonly publicUrl: string | undefined;
}

/** What a client is needed for. */
export interface ClientWanted {
  readonly tenant: string;
  readonly uid: string;
  readonly auth: AuthSpec;
  readonly allowPrivate: boolean;
  /** Value of `auth.secretRef`, where there is one. */
  readonly secret: string | undefined;
}

/** Finds or makes the client of this gateway at an authorization server. */
export interface Clients {
  /** Where a person comes back to; `callback` as `callbackOf` gives it. */
  redirectUri(callback: string): string;
  clientAt(as: oauth.AuthorizationServer, wanted: ClientWanted): Promise<OAuthClient>;
  /** Forgets a registration that its server no longer knows. */
  forget(tenant: string, uid: string, issuer: string): Promise<void>;
}

/** Path of the client's metadata document below the public URL, and of those for single authorization servers. */
const CLIENT_METADATA_PATH = '/me/client';
/** Path that authorization servers send people back to, and above those for single ones. */
const CALLBACK_PATH = '/me/callback';

/**
 * What stands behind the path that people come back to from an authorization server. Who names itself in its answers (RFC
 * 9207) is told apart by that, and who knows this client beforehand knows the one path. Any other has a path of its own: a
 * server could else pass on the code of an honest one as its own (RFC 9700 §4.4).
 */
export function callbackOf(
  as: Pick<oauth.AuthorizationServer, 'issuer' | 'authorization_response_iss_parameter_supported'>,
  auth: Pick<AuthSpec, 'clientId'>,
): string {
  if (as.authorization_response_iss_parameter_supported === true || auth.clientId !== undefined) return '';
  return createHash('sha256').update(as.issuer).digest('base64url').slice(0, 22);
}

/** Makes it. */
export function createClients(
  place: ClientPlace,
  { store, envelope, http }: { readonly store: OAuthStore; readonly envelope: Envelope; readonly http: OAuthHttp },
): Clients {
  const base = (): string => {
    if (place.publicUrl !== undefined) return place.publicUrl;
    throw new GatewayError('unsupported', 'Nothing can be connected: the gateway does not know its own public URL.');
  };
  const below = (path: string, callback: string) => `${base()}${path}${callback === '' ? '' : `/${callback}`}`;
  const redirectUri = (callback: string) => below(CALLBACK_PATH, callback);

  const registered = async (as: oauth.AuthorizationServer, { tenant, uid, allowPrivate, auth }: ClientWanted) => {
    const { issuer } = as;
    const back = redirectUri(callbackOf(as, auth));
    const place = ['oauth-client', uid, issuer, back] as const;
    const open = async (row: { dataKeyId: string; sealed: Uint8Array }): Promise<OAuthClient> => {
      const key = await store.openingKey(tenant, row.dataKeyId);
      if (key === undefined) throw new GatewayError('internal', 'A registration has no data key.');
      return JSON.parse(await envelope.open(tenant, key, place, row.sealed)) as OAuthClient;
    };
    const held = await store.client(tenant, uid, issuer, back);
    if (held !== undefined) return await open(held);
    const made = await register(as, back, allowPrivate);
    const dataKey = await store.dataKey(tenant, () => envelope.newDataKey(tenant));
    const sealed = await envelope.seal(tenant, dataKey, place, JSON.stringify(made));
    return await open(await store.addClient(tenant, uid, issuer, back, { dataKeyId: dataKey.id, sealed }));
  };

  /** Dynamic registration, RFC 7591. */
  const register = async (as: oauth.AuthorizationServer, back: string, allowPrivate: boolean): Promise<OAuthClient> => {
    const metadata = {
      client_name: 'Sallyport',
      client_uri: base(),
      redirect_uris: [back],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: methodAt(as),
      application_type: 'web',
    };
    try {
      const answer = await oauth.dynamicClientRegistrationRequest(as, metadata, requestOptions(http, allowPrivate));
      const made = await oauth.processDynamicClientRegistrationResponse(await lasting(answer));
      const secret = typeof made.client_secret === 'string' ? made.client_secret : undefined;
      const method = made.token_endpoint_auth_method;
      return { clientId: made.client_id, secret, ...(typeof method === 'string' ? { method } : {}) };
    } catch (error) {
      throw refusal(error);
    }
  };

  return {
    redirectUri,
    async clientAt(as, wanted) {
      const { auth, secret } = wanted;
      const { registration } = auth;
      if (auth.clientId !== undefined) return { clientId: auth.clientId, secret };
      const announced = as.client_id_metadata_document_supported === true;
      const fetchable = base().startsWith('https:') || wanted.allowPrivate;
      if (registration === 'Metadata' || (registration === undefined && announced && fetchable)) {
        if (!announced) throw unsupported('takes no client metadata documents');
        return { clientId: `${below(CLIENT_METADATA_PATH, callbackOf(as, auth))}.json`, method: 'none' };
      }
      if (as.registration_endpoint === undefined) throw unsupported('registers no clients by itself');
      return await registered(as, wanted);
    },
    forget: (tenant, uid, issuer) => store.removeClient(tenant, uid, issuer),
  };
}

/**
 * RFC 7591 §3.2.1 asks servers to say when a secret ends. Many say nothing, which has come to mean that it does not.
 */
async function lasting(answer: Response): Promise<Response> {
  const made: unknown = answer.status === 201 ? await answer.clone().json() : undefined;
  if (typeof made !== 'object' || made === null || 'client_secret_expires_at' in made) return answer;
  const { status, headers } = answer;
  return new Response(JSON.stringify({ ...made, client_secret_expires_at: 0 }), { status, headers });
}

function methodAt(as: oauth.AuthorizationServer): string {
  const methods = as.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  return ['client_secret_basic', 'client_secret_post', 'none'].find((one) => methods.includes(one)) ?? 'none';
}

function unsupported(what: string): GatewayError {
  return new GatewayError('unsupported', `The authorization server ${what}: set auth.clientId of the ToolServer.`);
}
