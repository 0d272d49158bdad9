import type { TenantClient } from '@sallyport/chassis/postgres';
import { skeleton } from '@sallyport/turn/look-alike';

/** What a name looks like, for comparing: a skeleton as UTS #39 has it. */
export function lookOf(name: string): string {
  return skeleton(name);
}

/**
 * Tells whether another person's name looks like this one. Names of ASCII letters alone are told apart as they are written
 * ("anna1", "annal"); only where one of a pair has other letters does an equal look make it one.
 */
export async function looksTaken(
  client: TenantClient,
  tenant: string,
  name: string,
  ownId: string | undefined,
): Promise<boolean> {
  const { rows } = await client.query(
    `select 1 from users where tenant = $1 and look = $2 and name <> $3 and deleted_at is null
        and id is distinct from $4 and ($5 or name ~ '[^\\x20-\\x7e]') limit 1`,
    [tenant, lookOf(name), name, ownId ?? null, /[^\x20-\x7e]/.test(name)],
  );
  return rows.length > 0;
}
