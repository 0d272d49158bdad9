import { GatewayError } from '@sallyport/chassis/errors';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import type { SigningKeys } from '@sallyport/chassis/signing-keys';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { SubjectService } from '@sallyport/proto/identity/v1/subjects_pb';
import { SignJWT } from 'jose';
import { accountOf } from './account.ts';
import { type Act, MAX_ACTORS } from './actors.ts';
import type { GrantStore } from './grant-store.ts';
import type { Issuers } from './issuers.ts';

/** What vouching for people stands on. */
export interface SubjectOptions {
  readonly issuers: Pick<Issuers, 'bases' | 'issuerOf'>;
  readonly signing: SigningKeys;
  readonly grants: Pick<GrantStore, 'alive'>;
  readonly isActive: (tenant: string, user: string, sinceMs?: number) => Promise<boolean>;
  readonly now?: () => number;
}

/** Whom a token is about. */
interface Vouched {
  readonly tenant: string;
  readonly id: string;
  readonly user: string;
  readonly client: string;
  readonly sessionId: string;
  readonly actors: readonly { readonly id: string }[];
}

const SECONDS = 60;

/**
 * SubjectService over our signing keys. `permission_denied` where no person stands behind the principal, they are not there any
 * more, or what they let somebody do has ended; `invalid_request` for an audience that is no other's.
 */
export function subjectService(options: SubjectOptions): ServiceImpl<typeof SubjectService> {
  const { issuers, signing, grants, isActive, now = Date.now } = options;
  return {
    async assert({ principal, audience }) {
      if (principal === undefined || principal.tenant === '' || principal.user === '') {
        throw new GatewayError('permission_denied', 'No person stands behind this principal.');
      }
      const { tenant, user, sessionId } = principal;
      checkAudience(audience, issuers.bases(tenant));
      const act = actOf(principal);
      const grant = sessionId === '' ? undefined : await grants.alive(tenant, sessionId);
      const lives = sessionId === '' || grant?.user === user;
      if (!lives || !(await isActive(tenant, user, grant?.createdAtMs))) {
        throw new GatewayError('permission_denied', 'This person is not vouched for here any more.');
      }
      const seconds = Math.floor(now() / 1000);
      // Of another type than our access tokens, so that wherever it ends up it opens nothing here.
      const token = await new SignJWT(act === undefined ? {} : { act })
        .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: signing.current.kid })
        .setIssuer(issuers.issuerOf(tenant))
        .setSubject(accountOf(user))
        .setAudience(audience)
        .setIssuedAt(seconds)
        .setExpirationTime(seconds + SECONDS)
        .setJti(uuidv7())
        .sign(signing.current.key);
      return { token, expiresAtMs: (seconds + SECONDS) * 1000 };
    },
  };
}

/** Refuses what is no URL, and our own resources and issuers: who reads the token must be somebody else. */
function checkAudience(audience: string, bases: readonly string[]): void {
  const url = URL.parse(audience);
  const own = bases.some((base) => new URL(base).origin === url?.origin);
  if (url === null || !/^https?:$/.test(url.protocol) || audience.length > 2048 || own) {
    throw new GatewayError('invalid_request', 'The audience is not the URL of somebody else.');
  }
}

/** Who acts for the person, nearest first: the key or application that calls, and those before it. Undefined: they themselves. */
function actOf({ id, user, client, actors }: Vouched): Act | undefined {
  const chain = actors.map((actor) => actor.id);
  const caller = id === accountOf(user) ? (client === '' ? undefined : `client:${client}`) : id;
  if (caller !== undefined && chain[0] !== caller) chain.unshift(caller);
  if (chain.length > MAX_ACTORS + 1) throw new GatewayError('permission_denied', 'Too many act for this person.');
  return chain.reduceRight<Act | undefined>((act, sub) => (act === undefined ? { sub } : { sub, act }), undefined);
}
