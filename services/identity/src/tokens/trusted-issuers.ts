import { compileClaims } from '@sallyport/custom-resources/claims-expression';
import type { ClientSpec } from '@sallyport/custom-resources/client';
import type { IdentityProviderItem, IdentityProviderSpec } from '@sallyport/custom-resources/identity-provider';
import type { Snapshot, SnapshotItem } from '@sallyport/peers/snapshot';
import type { KeySets } from './key-sets.ts';
import type { Members } from './token.ts';
import type { TokenRules } from './token-rules.ts';
import type { Issuer } from './verify.ts';

/** How claims become names; undefined where an expression gives none. */
export interface ClaimsMapping {
  readonly user: (claims: Members) => string | undefined;
  readonly teams: (claims: Members) => readonly string[] | undefined;
  readonly role: (claims: Members) => string | undefined;
}

/** An IdentityProvider of a tenant, ready to verify tokens with. */
export interface TrustedIssuer extends Issuer {
  readonly tenant: string;
  /** Name of the IdentityProvider. */
  readonly provider: string;
  readonly uid: string;
  readonly generation: number;
  readonly spec: IdentityProviderSpec;
  readonly mapping: ClaimsMapping;
}

/** A Client of a tenant. */
export interface DeclaredClient {
  readonly name: string;
  readonly spec: ClientSpec;
}

/** Whose tokens are accepted now, and the applications that are declared. */
export interface TrustedIssuers {
  /** Every IdentityProvider whose tokens have this `iss`, of all tenants. */
  withIssuer(iss: string): readonly TrustedIssuer[];
  all(): readonly TrustedIssuer[];
  /** The Client with an id at an IdentityProvider of a tenant. */
  clientAt(tenant: string, provider: string, clientId: string): DeclaredClient | undefined;
}

/** Follows the snapshot; what did not change keeps its compiled mapping and its keys. */
export function trustedIssuers(
  snapshot: Pick<Snapshot, 'items' | 'onChange'>,
  keySets: KeySets,
): TrustedIssuers & { readonly stop: () => void } {
  let byIssuer = new Map<string, TrustedIssuer[]>();
  let byClient = new Map<string, DeclaredClient>();
  let made = new Map<string, TrustedIssuer>();

  const takeProviders = () => {
    const next = new Map<string, TrustedIssuer>();
    for (const item of snapshot.items('IdentityProvider')) {
      const id = `${item.uid} ${item.contentHash} ${item.generation}`;
      const issuer = made.get(id) ?? issuerOf(item, keySets);
      if (issuer !== undefined) next.set(id, issuer);
    }
    made = next;
    byIssuer = Map.groupBy(next.values(), ({ rules }) => rules.issuer);
  };
  const takeClients = () => {
    byClient = new Map(
      snapshot.items('Client').flatMap(({ tenant, name, spec }) => {
        const client = spec as ClientSpec;
        if (client.identityProvider === undefined) return [];
        const id = JSON.stringify([tenant, client.identityProvider, client.clientId ?? name]);
        return [[id, { name, spec: client }] as const];
      }),
    );
  };
  takeProviders();
  takeClients();
  const stop = snapshot.onChange((kind) => {
    if (kind === 'IdentityProvider') takeProviders();
    if (kind === 'Client') takeClients();
  });
  return {
    stop,
    withIssuer: (iss) => byIssuer.get(iss) ?? [],
    all: () => [...made.values()],
    clientAt: (tenant, provider, clientId) => byClient.get(JSON.stringify([tenant, provider, clientId])),
  };
}

/** An IdentityProvider out of the snapshot; undefined while the cluster that it means is not known. */
export function issuerOf(item: SnapshotItem, keySets: KeySets): TrustedIssuer | undefined {
  const { cluster, ...spec } = item.spec as IdentityProviderItem;
  const issuer = spec.issuer ?? cluster?.issuer;
  if (issuer === undefined) return undefined;
  const { user, teams, role } = spec.mapping;
  return {
    tenant: item.tenant,
    provider: item.name,
    uid: item.uid,
    generation: item.generation,
    spec,
    rules: rulesOf(spec, issuer),
    keys: keySets.of({ issuer, jwksUrl: spec.jwksURL, allowPrivate: spec.allowPrivateNetwork, given: cluster?.jwks }),
    mapping: {
      user: compileClaims(user, 'string'),
      teams: teams === undefined ? () => [] : compileClaims(teams, 'strings'),
      role: role === undefined ? () => undefined : compileClaims(role, 'string'),
    },
  };
}

function rulesOf(spec: IdentityProviderSpec, issuer: string): TokenRules {
  const types = spec.tokenTypes.map((type) => type.toLowerCase().replace(/^application\//, ''));
  return {
    issuer,
    audiences: spec.audiences,
    algorithms: spec.algorithms,
    // The API server signs its service-account tokens without typ.
    tokenTypes: spec.type === 'Kubernetes' ? [...types, 'absent'] : types,
    clockSkewSeconds: spec.clockSkewSeconds,
    maxTokenAgeSeconds: spec.maxTokenAgeSeconds,
    requiredClaims: spec.requiredClaims ?? {},
    authorizedParties: spec.authorizedParties,
    delegated: false,
  };
}
