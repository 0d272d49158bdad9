import type { Postgres } from '@sallyport/chassis/postgres';
import type { OAuthKeys } from './keys.ts';

/** What a sign-in is for: an interaction of the OAuth server, or a page of console. */
export type SignInPurpose =
  | { readonly uid: string; readonly page?: undefined }
  | { readonly page: string; readonly uid?: undefined };

/** A sign-in that is under way at an upstream provider. */
export type PendingSignIn = SignInPurpose & {
  readonly provider: string;
  readonly nonce: string;
  readonly verifier: string;
  /** What the browser holds in its cookie. */
  readonly browser: string;
  /** Set where the provider has been asked for what it wants of the person. */
  readonly challenged?: true | undefined;
};

/** Sign-ins under way, by their state. */
export interface SignInStore {
  begin(tenant: string, state: string, signIn: PendingSignIn, ttlSeconds: number): Promise<void>;
  /** Takes a sign-in out: the next one who asks finds nothing. */
  take(tenant: string, state: string): Promise<PendingSignIn | undefined>;
}

const KIND = 'sign-in';

/** Keeps them in Postgres, by keyed digests of their states and sealed. */
export function createSignInStore(postgres: Postgres, keys: OAuthKeys): SignInStore {
  const boundTo = (tenant: string, digest: Buffer) => JSON.stringify([KIND, tenant, digest.toString('base64')]);
  return {
    async begin(tenant, state, signIn, ttlSeconds) {
      const { digest } = keys.digest(tenant, KIND, state);
      const sealed = keys.seal.seal(Buffer.from(JSON.stringify(signIn), 'utf8'), boundTo(tenant, digest));
      await postgres.withTenant(tenant, (client) =>
        client.query(
          `insert into oauth_sign_ins (tenant, state_digest, sealed, expires_at)
           values ($1, $2, $3, now() + make_interval(secs => $4))`,
          [tenant, digest, sealed, ttlSeconds],
        ),
      );
    },
    async take(tenant, state) {
      const { rows } = await postgres.withTenant(tenant, (client) =>
        client.query(
          'delete from oauth_sign_ins where state_digest = any($1::bytea[]) and expires_at > now() returning state_digest, sealed',
          [keys.candidates(tenant, KIND, state)],
        ),
      );
      const row = rows[0];
      if (row === undefined) return undefined;
      const bound = boundTo(tenant, row.state_digest as Buffer);
      return JSON.parse(keys.seal.open(row.sealed as Buffer, bound).toString('utf8')) as PendingSignIn;
    },
  };
}
