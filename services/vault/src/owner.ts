import type { Place } from './envelope.ts';

/** Whose credentials a resource may use, as its `credentials.perPrincipal.order` says. */
export type OwnerLevel = 'User' | 'Team' | 'Organisation';

/** Whose a credential is. */
export interface Owner {
  readonly kind: 'user' | 'team' | 'organisation';
  /** Empty for the organisation. */
  readonly name: string;
}

/** What is needed of a principal to find credentials of theirs. */
export interface OwnerPrincipal {
  readonly user: string;
  readonly teams: readonly string[];
  /** When they took over the name of somebody who went, epoch ms; 0 or absent: nobody had it before. */
  readonly userSinceMs?: number;
}

/** A sealed credential that somebody put in. */
export interface OwnedCredential {
  readonly owner: Owner;
  readonly kind: string;
  readonly uid: string;
  readonly resourceName: string;
  /** Origin that the resource had when it was put in; the only one that it is sent to. */
  readonly origin: string;
  readonly dataKeyId: string;
  readonly sealed: Uint8Array;
  readonly revision: number;
  readonly changedBy: string;
  /** Epoch ms. */
  readonly changedAtMs: number;
}

const ORGANISATION: Owner = { kind: 'organisation', name: '' };

/** The owners whose credentials a principal may use, in the order of the resource; of several teams, by name. */
export function ownersOf(order: readonly string[], principal: OwnerPrincipal | undefined): Owner[] {
  return order.flatMap((level): Owner[] => {
    if (level === 'Organisation') return [ORGANISATION];
    if (level === 'User') return principal?.user ? [{ kind: 'user', name: principal.user }] : [];
    if (level !== 'Team') return [];
    return [...(principal?.teams ?? [])].sort().map((name) => ({ kind: 'team', name }));
  });
}

/** What a resource lends. */
export interface Lending {
  readonly order: readonly string[];
  readonly origin: string;
  /** It names a Secret, which is the organisation's where nobody put another in. */
  readonly hasSecret: boolean;
}

/**
 * The credential that a principal uses: the first owner of the order that has one for this origin. One that was put in
 * for another origin is none. Without an order there is the Secret alone.
 */
export function chosenCredential(
  { order, origin, hasSecret }: Lending,
  principal: OwnerPrincipal | undefined,
  owned: readonly OwnedCredential[],
): { readonly from: 'owned'; readonly credential: OwnedCredential } | { readonly from: 'secret' } | undefined {
  if (order.length === 0) return hasSecret ? { from: 'secret' } : undefined;
  for (const owner of ownersOf(order, principal)) {
    const credential = owned.find(
      (one) =>
        sameOwner(one.owner, owner) &&
        one.origin === origin &&
        (owner.kind !== 'user' || isTheirs(principal, one.changedAtMs)),
    );
    if (credential !== undefined) return { from: 'owned', credential };
    if (owner.kind === 'organisation' && hasSecret) return { from: 'secret' };
  }
  return undefined;
}

/** Tells whether what was kept for a person's name at a time (epoch ms) is that person's, or that of who had it before. */
export function isTheirs(person: Pick<OwnerPrincipal, 'userSinceMs'> | undefined, keptAtMs: number): boolean {
  return keptAtMs >= (person?.userSinceMs ?? 0);
}

/** Tells whether two owners are the same. */
export function sameOwner(a: Owner, b: Owner): boolean {
  return a.kind === b.kind && a.name === b.name;
}

/** An owner as records and answers name it. */
export function ownerText({ kind, name }: Owner): string {
  return kind === 'organisation' ? kind : `${kind}:${name}`;
}

/** The person whom alone a change of an owner's credentials concerns; empty: more than one. */
export function personOf({ kind, name }: Owner): string {
  return kind === 'user' ? name : '';
}

/** How records name a credential; says nothing of the value. */
export function ownedReference({ owner, resourceName, revision }: Omit<OwnedCredential, 'sealed'>): string {
  return `${ownerText(owner)}/${resourceName}#${revision}`;
}

/** The place that a value is sealed into: its origin too, so that a row which is pointed elsewhere does not open. */
export function ownedPlace({
  owner,
  kind,
  uid,
  origin,
}: Pick<OwnedCredential, 'owner' | 'kind' | 'uid' | 'origin'>): Place {
  return ['owned', kind, uid, owner.kind, owner.name, origin];
}
