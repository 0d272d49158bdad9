import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { isSignInGrant, signInGrantUid } from '@sallyport/custom-resources/grant-uids';
import { checkedTenant } from '../custody.ts';
import type { Envelope } from '../envelope.ts';
import { firstEnd, readJwt } from '../jwt.ts';
import { authOf } from '../oauth/auth-spec.ts';
import { recordGrant } from '../oauth/connections.ts';
import type { LeaseGrant } from '../oauth/grant-leases.ts';
import { type GrantContent, grantPlace, type KnownServer, rowSealer } from '../oauth/grant-seal.ts';
import type { GrantRow, OAuthStore } from '../oauth/oauth-store.ts';
import { originOf } from '../origin.ts';
import { isTheirs } from '../owner.ts';
import type { GrantRecord } from '../vault-store.ts';
import type { Subjects } from './adapter.ts';
import { noSignIn } from './refusals.ts';

/** What a provider gave at a sign-in. */
export interface NewSignIn {
  readonly user: string;
  /** UID of the IdentityProvider. */
  readonly uid: string;
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly tokenEndpointAuthMethods: readonly string[];
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly idToken: string;
  /** Epoch ms; 0: it does not say. */
  readonly expiresAtMs: number;
  readonly scopes: readonly string[];
}

/** Sign-ins of people at identity providers, sealed as grants are. */
export interface SignIns {
  /**
   * Gives what the provider wanted this person to be asked for meanwhile (`challengeOf`), once: who signed in without it is to be
   * sent there again. Throws `permission_denied` where the provider's resource does not let it be kept, `invalid_request` for
   * what is none.
   */
  keep(tenant: string, signIn: NewSignIn): Promise<string | undefined>;
  /** Those of a person that their providers have not ended. */
  list(tenant: string, user: string): Promise<GrantRow[]>;
  /** Forgets one, and what was had by it. Throws `not_found`. */
  forget(tenant: string, user: string, provider: string): Promise<void>;
  readonly find: Subjects['signIn'];
  readonly stands: Subjects['stands'];
  readonly challenged: Subjects['challenged'];
}

/** What sign-ins are kept with. */
export interface SignInOptions {
  readonly store: OAuthStore;
  readonly envelope: Envelope;
  /** Gives out the tokens of a row, refreshed where they have to be. */
  readonly lease: LeaseGrant;
  readonly secretOf: (tenant: string, grant: GrantRecord) => Promise<string | undefined>;
  readonly onNotice: () => void;
}

const MAX_TOKEN = 16 * 1024;
const KIND = 'IdentityProvider';

/** Keeps them and finds them. Tokens of a sign-in go to the issuer that gave them and to nobody else. */
export function createSignIns(options: SignInOptions): SignIns {
  const { store, envelope, lease, secretOf } = options;
  const rows = rowSealer(store, envelope);

  /** The person's sign-in at one of the providers of an issuer. */
  const rowAt = async (tenant: string, user: string, issuer: string) => {
    const providers = await store.inTenant(tenant, (tx) => tx.signInsAt(issuer));
    for (const provider of providers) {
      const row = await store.grant(tenant, provider.uid, user);
      if (row !== undefined) return { provider, row };
    }
    return { provider: providers[0], row: undefined };
  };

  const live = async (tenant: string, user: string) =>
    (await store.grantsOf(checkedTenant(tenant), user)).filter(({ uid, ended }) => !ended && isSignInGrant(uid));

  return {
    async keep(tenant, signIn) {
      const { user, issuer, tokenEndpoint } = signIn;
      const provider = await store.inTenant(checkedTenant(tenant), (tx) => tx.grant(KIND, signInGrantUid(signIn.uid)));
      const auth = provider === undefined ? undefined : authOf(provider);
      if (provider === undefined || auth?.type !== 'SignIn' || auth.issuer !== issuer || user === '') {
        throw new GatewayError('permission_denied', 'Sign-ins at this provider are not kept.');
      }
      const tokens = [signIn.accessToken, signIn.refreshToken, signIn.idToken];
      const https = tokenEndpoint.startsWith('https:') || provider.allowPrivate;
      if (originOf(tokenEndpoint) === undefined || !https || tokens.some(({ length }) => length > MAX_TOKEN)) {
        throw new GatewayError('invalid_request', 'This is no sign-in that could be kept.');
      }
      const { uid, origin, resourceName } = provider;
      const { alg } = readJwt(signIn.idToken).header;
      const as: KnownServer = {
        issuer,
        token_endpoint: tokenEndpoint,
        token_endpoint_auth_methods_supported: [...signIn.tokenEndpointAuthMethods],
        // As identity has verified it: at a refresh it may be no other.
        ...(typeof alg === 'string' ? { id_token_signing_alg_values_supported: [alg] } : {}),
      };
      const method = auth.clientAuthentication;
      const client = { clientId: auth.clientId ?? '', ...(method === undefined ? {} : { method }) };
      const { accessToken, refreshToken, idToken, scopes } = signIn;
      const content: GrantContent = {
        accessToken,
        client,
        as,
        ...(refreshToken === '' ? {} : { refreshToken }),
        ...(idToken === '' ? {} : { idToken }),
      };
      const place = { uid, user, origin, issuer };
      const sealed = await rows.seal(tenant, grantPlace(place), content);
      const event = recordGrant(tenant, 'sign-ins.keep', { ...place, resourceName }, { scopes });
      const expiresAtMs = firstEnd(signIn.expiresAtMs > 0 ? signIn.expiresAtMs : undefined, idToken);
      await store.connect(tenant, { ...place, resourceName, scopes, expiresAtMs, ...sealed }, event);
      options.onNotice();
      return await store.takeChallenge(tenant, uid, user);
    },

    list: (tenant, user) => live(tenant, user),

    async forget(tenant, user, provider) {
      const row = (await live(tenant, user)).find(({ resourceName }) => resourceName === provider);
      if (row === undefined) throw new GatewayError('not_found', 'There is no such sign-in.');
      await store.remove(tenant, row.uid, user, recordGrant(tenant, 'sign-ins.forget', row, {}));
      options.onNotice();
    },

    async stands(tenant, person, issuer) {
      const { row } = await rowAt(tenant, person.user, issuer);
      return row !== undefined && !row.ended && isTheirs(person, row.connectedAtMs);
    },

    async challenged({ tenant, person }, issuer, claims) {
      const { row } = await rowAt(tenant, person.user, issuer);
      if (row !== undefined) await store.addChallenge(tenant, row.uid, row.user, claims);
    },

    async find({ tenant, person, server }, issuer) {
      const { provider, row } = await rowAt(tenant, person.user, issuer);
      if (provider === undefined) {
        const message = `No IdentityProvider of ${issuer} keeps sign-ins for ${server.resourceName}.`;
        throw new GatewayError('upstream_credentials', message, { details: { missing: 'identity-provider' } });
      }
      const { resourceName: name } = provider;
      if (row === undefined || !isTheirs(person, row.connectedAtMs)) throw noSignIn(server.resourceName, name);
      await lease(tenant, provider, person, '').catch((error: unknown) => {
        const { code, details } = asGatewayError(error);
        throw code === 'upstream_credentials' && details?.missing === 'grant'
          ? noSignIn(server.resourceName, name)
          : error;
      });
      // Read again: it may be another one since it was refreshed.
      const now = await store.grant(tenant, provider.uid, person.user);
      if (now === undefined || now.ended || now.issuer !== issuer) throw noSignIn(server.resourceName, name);
      const content = await rows.open<GrantContent>(tenant, grantPlace(now), now);
      const secret = await secretOf(tenant, provider);
      const { accessToken, idToken, as, client } = content;
      const { allowPrivate } = provider;
      return { provider: name, accessToken, idToken, as, client: { ...client, secret }, allowPrivate };
    },
  };
}
