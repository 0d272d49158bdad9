import type { TenantClient } from '@sallyport/chassis/postgres';

/** Why sign-ins of a person end, and whether what they once allowed is forgotten too. */
export interface SignInEnd {
  readonly reason: string;
  /** A principal's id. */
  readonly by: string;
  /** The name is nobody's from now on: whoever has it next starts with nothing. */
  readonly forget: boolean;
}

/**
 * Ends what a person signed in to, within the transaction that ends the person: grants with their codes and refresh tokens,
 * for good. Services hear of it by the notice of the person, which names all of it.
 */
export async function endSignIns(client: TenantClient, tenant: string, user: string, end: SignInEnd): Promise<void> {
  await client.query(
    `with gone as (update oauth_grants set ended_at = now(), ended_reason = $3, ended_by = $4
       where tenant = $1 and user_name = $2 and ended_at is null returning id)
     delete from oauth_artefacts a using gone where a.tenant = $1 and a.grant_id = gone.id`,
    [tenant, user, end.reason, end.by],
  );
  if (!end.forget) return;
  await client.query('delete from oauth_consents where tenant = $1 and user_name = $2', [tenant, user]);
}
