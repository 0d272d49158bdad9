import type { Members } from './token.ts';
import { authorizedPartyOf } from './token-rules.ts';

const MAX_TEAMS = 256;
const MAX_KEPT = 8_192;
// As names of teams are written in resources: no blanks at the ends.
const TEAM = /^\S(.{0,251}\S)?$/;

/**
 * Tells whether a token speaks for an application and not for a person: Entra ID says `idtyp: app`, or has no `scp`
 * and `oid` equal to `sub`, Auth0 `gty: client-credentials`, Okta and RFC 9068 have the client as `sub`, Keycloak
 * a person of its own for each client.
 */
export function isApplication(claims: Members): boolean {
  const party = authorizedPartyOf(claims);
  if (claims.idtyp === 'app' || claims.gty === 'client-credentials' || isEntraApplication(claims)) return true;
  if (party === undefined) return false;
  return (
    claims.sub === party ||
    claims.sub === `${party}@clients` ||
    claims.preferred_username === `service-account-${party}`
  );
}

function isEntraApplication({ oid, sub, scp, idtyp, tid, ver }: Members): boolean {
  return (
    tid !== undefined && ver !== undefined && idtyp !== 'user' && scp === undefined && oid !== undefined && oid === sub
  );
}

/**
 * Tells whether the provider left the groups out of a token because there are too many (Entra ID: `_claim_names.groups`
 * with a URL to ask, or `hasgroups`). Then nothing is known of the person's groups.
 */
export function hasGroupsElsewhere(claims: Members): boolean {
  const elsewhere = claims._claim_names;
  const named = typeof elsewhere === 'object' && elsewhere !== null && 'groups' in elsewhere;
  return named || claims.hasgroups === true || claims.hasgroups === 'true';
}

/** Names of teams as a mapping gave them: what cannot be one is left out, each stands once. */
export function teamNames(given: readonly string[]): string[] {
  return [...new Set(given)].filter((team) => TEAM.test(team)).slice(0, MAX_TEAMS);
}

/** The claims that a principal keeps, as JSON; '' for none. Those that are too large together are left out, the last first. */
export function keptClaims(claims: Members, names: readonly string[]): string {
  let kept: Record<string, unknown> = {};
  let text = '';
  for (const name of names) {
    if (!Object.hasOwn(claims, name)) continue;
    const more = { ...kept, [name]: claims[name] };
    const longer = JSON.stringify(more);
    if (longer.length > MAX_KEPT) break;
    kept = more;
    text = longer;
  }
  return text;
}
