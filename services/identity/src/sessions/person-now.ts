import { Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import type { Directory, Standing } from '../directory/directory.ts';
import { hasGroupsElsewhere, keptClaims, teamNames } from '../tokens/claim-shapes.ts';
import { roleOfPerson } from '../tokens/token-principal.ts';
import type { TrustedIssuer, TrustedIssuers } from '../tokens/trusted-issuers.ts';
import type { Said, SaidStore } from './said-store.ts';

/** What a person may now, whatever acts for them. */
export interface PersonNow {
  readonly state: Standing['state'];
  readonly displayName: string;
  readonly teams: readonly string[];
  readonly ownedTeams: readonly string[];
  readonly role: Principal_Role;
  /** As Principal.claims_json. */
  readonly claimsJson: string;
  /** When they took over the name of somebody who went; epoch ms. */
  readonly userSinceMs?: number | undefined;
}

/** Looks at a person as they stand now. */
export type LookAtPerson = (tenant: string, user: string) => Promise<PersonNow>;

// Of the token and not of the person.
const OF_THE_TOKEN = new Set([
  'nonce',
  'at_hash',
  'c_hash',
  's_hash',
  'sid',
  'jti',
  'iat',
  'exp',
  'nbf',
  'aud',
  'azp',
  'auth_time',
]);
const MAX_CLAIMS = 16_384;

/** What the ID token of a sign-in says of the person, by the mapping of its provider. */
export function saidBy(issuer: TrustedIssuer, claims: Readonly<Record<string, unknown>>): Said {
  const kept = Object.fromEntries(Object.entries(claims).filter(([name]) => !OF_THE_TOKEN.has(name)));
  return {
    teams: hasGroupsElsewhere(claims) ? [] : teamNames(issuer.mapping.teams(claims) ?? []),
    role: issuer.mapping.role(claims) ?? '',
    // Larger ones serve nobody's rules; those that the provider's mapping keeps are small.
    claims:
      JSON.stringify(kept).length <= MAX_CLAIMS
        ? kept
        : JSON.parse(keptClaims(claims, issuer.spec.mapping.claims) || '{}'),
  };
}

/**
 * Makes the look: the directory's teams, and of people whom no SCIM client provisions also what their provider said at
 * the last sign-in, no longer than its tokens may be old (`maxTokenAgeSeconds`).
 */
export function lookingAtPeople(options: {
  readonly said: Pick<SaidStore, 'about'>;
  readonly directory: Pick<Directory, 'standingOf' | 'standingByClaims'>;
  readonly trusted: Pick<TrustedIssuers, 'all'>;
}): LookAtPerson {
  const { said, directory, trusted } = options;
  return async (tenant, user) => {
    const found = await said.about(tenant, user);
    if (found === undefined) {
      const { state, teams, ownedTeams, heirSinceMs: userSinceMs } = await directory.standingOf(tenant, user, []);
      return { state, displayName: '', teams, ownedTeams, role: Principal_Role.MEMBER, claimsJson: '', userSinceMs };
    }
    const { person } = found;
    const issuer = trusted.all().find((one) => one.tenant === tenant && one.provider === person.provider);
    const counts =
      issuer !== undefined &&
      found.said?.provider === issuer.provider &&
      found.said.ageSeconds <= issuer.spec.maxTokenAgeSeconds;
    const words = counts ? found.said : undefined;
    // Whom SCIM provisions it also takes out of groups: what a provider said before makes nobody an admin any more.
    const claimed = person.provisioned ? [] : (words?.teams ?? []);
    const { teams, ownedTeams } = await directory.standingByClaims(person, words?.claims ?? {}, claimed);
    return {
      state: 'active',
      displayName: person.displayName,
      userSinceMs: person.heirSinceMs,
      teams,
      ownedTeams,
      role: issuer === undefined ? Principal_Role.MEMBER : roleOfPerson(issuer, teams, claimed, words?.role),
      claimsJson:
        words === undefined || issuer === undefined ? '' : keptClaims(words.claims, issuer.spec.mapping.claims),
    };
  };
}
