import { createHash, timingSafeEqual } from 'node:crypto';
import { GatewayError } from '@sallyport/chassis/errors';
import type { IdentityProviderSpec } from '@sallyport/custom-resources';
import { inboundOrigin, scimGrantUid } from '@sallyport/custom-resources';
import { matcher } from '@sallyport/peers/access';
import type { Snapshot } from '@sallyport/peers/snapshot';
import { Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { type Authenticate, refused } from '../authentication.ts';
import type { SecretValue } from '../oauth/secrets.ts';

/** Who keeps people and groups by SCIM. */
export interface ScimCaller {
  readonly tenant: string;
  /** IdentityProvider whose client this is; '' for a key. */
  readonly provider: string;
  /** Only what this provider keeps is seen; undefined: all of the tenant. */
  readonly scope: string | undefined;
  /** As records name it. */
  readonly by: string;
  /** URL below which resources stand. */
  readonly base: string;
}

/** What a key's scope of endpoints has to let it reach, where it has one. */
const ENDPOINT = 'scim';

/** Finds out who asks. `unauthenticated` for everybody else, also for who is of another tenant than the path says. */
export type FindCaller = (request: {
  readonly token: string;
  /** As the path says it; undefined: that of the key. */
  readonly tenant: string | undefined;
  /** The tenant whose providers are meant where the path names none. */
  readonly defaultTenant: string;
  /** Of who asks; '' where it is not known. */
  readonly address: string;
}) => Promise<Omit<ScimCaller, 'base'>>;

/**
 * A SCIM client is one whose IdentityProvider names its token, or one with a key of the role Admin whose scope lets it reach
 * this endpoint: who keeps people and groups says who has which rights.
 */
export function createFindCaller(options: {
  readonly snapshot: Pick<Snapshot, 'items'> | undefined;
  readonly secretOf: SecretValue;
  readonly authenticate: Authenticate;
}): FindCaller {
  const { snapshot, secretOf, authenticate } = options;

  // Of one tenant alone: nobody makes us fetch the secrets of all by guessing.
  const byProvider = async (token: string, tenant: string) => {
    const providers = (snapshot?.items('IdentityProvider') ?? []).filter(
      (item) => item.tenant === tenant && scimRefOf(item.spec) !== undefined,
    );
    let failed: unknown;
    const found = [];
    for (const item of providers) {
      try {
        const value = await secretOf({
          ...{ tenant: item.tenant, kind: 'IdentityProvider', name: item.name, uid: scimGrantUid(item.uid) },
          ...{ ref: scimRefOf(item.spec) as { name: string; key: string }, origin: inboundOrigin },
        });
        if (isSame(value, token)) found.push(item);
      } catch (error) {
        failed = error;
      }
    }
    // One token of two providers cannot be told apart.
    if (found.length > 1) throw refused();
    // While a secret cannot be had, nobody is refused for it.
    if (found.length === 0 && failed !== undefined) throw failed;
    return found[0];
  };

  return async ({ token, tenant, defaultTenant, address }) => {
    const key = await authenticate(token, ENDPOINT, address).catch((error: unknown) => {
      if (error instanceof GatewayError && error.code === 'unauthenticated') return undefined;
      throw error;
    });
    if (key !== undefined) {
      const { principal } = key;
      const { endpoints = [], role } = principal;
      const reaches = endpoints.length === 0 || matcher(endpoints)(ENDPOINT);
      if (role !== Principal_Role.ADMIN || !reaches) throw refused();
      if (!principal.tenant || (tenant !== undefined && principal.tenant !== tenant)) throw refused();
      return { tenant: principal.tenant, provider: '', scope: undefined, by: String(principal.id) };
    }
    const provider = await byProvider(token, tenant ?? defaultTenant);
    if (provider === undefined) throw refused();
    const { name } = provider;
    return { tenant: provider.tenant, provider: name, scope: name, by: `provider:${name}` };
  };
}

function scimRefOf(spec: unknown): { name: string; key: string } | undefined {
  return (spec as IdentityProviderSpec).scim?.secretRef;
}

function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return a !== '' && timingSafeEqual(digest(a), digest(b));
}
