import { uuidv7 } from '@sallyport/chassis/uuid';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Act } from './actors.ts';
import type { GrantStore } from './grant-store.ts';
import type { IssuerOptions } from './issuer.ts';

/** What the library knows of a token that is being made. */
interface MadeToken {
  readonly kind: string;
  readonly grantId?: string;
  readonly clientId: string;
  readonly scope?: string;
  readonly expiration: number;
}

/** Adds `sid`, which ends the token, and `act`, who acts. A client that acts for itself gets a grant for each token. */
export function extraClaims(
  grants: Pick<GrantStore, 'save'>,
  acts: WeakMap<object, Act>,
): (tenant: string) => IssuerOptions['extraClaims'] {
  return (tenant) => async (_context: KoaContextWithOIDC, made: object) => {
    const token = made as MadeToken;
    if (token.kind === 'AccessToken') {
      const act = acts.get(made);
      return { sid: token.grantId, ...(act === undefined ? {} : { act }) };
    }
    const id = uuidv7();
    await grants.save(
      tenant,
      {
        id,
        user: '',
        client: token.clientId,
        identityProvider: '',
        scopes: token.scope?.split(' ') ?? [],
        expiresAtMs: Date.now() + token.expiration * 1000,
      },
      {},
    );
    return { sid: id };
  };
}
