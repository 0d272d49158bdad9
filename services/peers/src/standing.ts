import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';

const standings = new WeakMap<Principal, string>();

/**
 * All that policies select a principal by, as one string: two tokens of one person may differ in it, and so may a key before
 * and after its owner moved. What is cached of a principal is cached under this. Worked out once for each object.
 */
export function standingOf(principal: Principal): string {
  const known = standings.get(principal);
  if (known !== undefined) return known;
  const { tenant, id, revision, user, teams, userTeams, client, claimsJson, identityProvider, actors } = principal;
  const chain = actors.map((actor) => [actor.kind, actor.id, actor.client, actor.teams]);
  const scope = [principal.models, principal.tools, principal.endpoints];
  const selected = [tenant, id, revision, user, teams, userTeams, client, claimsJson, identityProvider, chain, scope];
  const standing = JSON.stringify(selected);
  standings.set(principal, standing);
  return standing;
}
