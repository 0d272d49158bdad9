import type { Caller } from './caller.ts';
import type { Clients } from './clients.ts';
import type { Patience } from './route.ts';

const PAGE = 200;
/** Most pages of their keys that are looked at; beyond, a Member sees fewer of their own, never somebody else's. */
const MAX_PAGES = 5;

/**
 * The principals whose runs and use a caller sees: of a Member their own and the keys of the same owner, else everyone's
 * (empty). By identity's keys and not by the user of a record, which a client may assert (DESIGN §8). Rejects as identity does.
 */
export async function ownPrincipals(
  { role, principal }: Caller,
  { keys }: Pick<Clients, 'keys'>,
  patience: Patience,
): Promise<string[]> {
  if (role !== 'Member') return [];
  const own = new Set([principal.id]);
  // What they do with tokens of their own.
  if (principal.user !== '') own.add(`user:${principal.user}`);
  let pageToken = '';
  for (let page = 0; page < MAX_PAGES && principal.user !== ''; page++) {
    const answer = await keys.list(
      { tenant: principal.tenant, pageSize: PAGE, pageToken, owner: principal.user },
      patience,
    );
    for (const { id, tenant, spec } of answer.keys) {
      if (tenant === principal.tenant && spec?.owner === principal.user) own.add(`key:${id}`);
    }
    pageToken = answer.nextPageToken;
    if (pageToken === '') break;
  }
  return [...own];
}
