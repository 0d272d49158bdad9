import type { MessageInitShape } from '@bufbuild/protobuf';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Key, KeySpec, KeySpecSchema } from '@sallyport/proto/identity/v1/identity_pb';
import { Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import type { Caller } from './caller.ts';
import type { Clients } from './clients.ts';
import type { Patience } from './route.ts';

/** Keys that a caller may see, as identity filters them: of an owner, and of teams; both empty: all of the tenant. */
export interface VisibleKeys {
  readonly owner: string;
  readonly teams: string[];
}

/** What a key says, stored or about to be. */
type Spec = KeySpec | MessageInitShape<typeof KeySpecSchema>;

// What a request may say of itself only moves cost, so an owner of teams may let a key say it.
const HARMLESS = new Set(['feature', 'project', 'promptVersion', 'variant', 'tags']);

/** Keys that a caller may see; undefined: none, for a Member without a name and without teams of their own. */
export function visibleKeys({ role, principal }: Caller): VisibleKeys | undefined {
  if (role !== 'Member') return { owner: '', teams: [] };
  const { user, ownedTeams } = principal;
  return user === '' && ownedTeams.length === 0 ? undefined : { owner: user, teams: ownedTeams };
}

/** Tells whether a caller may see a key: Members their own and those of teams that they own. */
export function maySee(caller: Caller, spec: Spec): boolean {
  const visible = visibleKeys(caller);
  if (visible === undefined) return false;
  if (caller.role !== 'Member') return true;
  return isOwn(caller, spec) || isOfOwnedTeams(caller, spec);
}

/** Tells whether a key is a caller's own. */
export function isOwn({ principal }: Caller, spec: Spec): boolean {
  return principal.user !== '' && spec.owner === principal.user;
}

/** A key that a caller may look at. Throws `not_found` for all others. */
export async function lookAtKey(
  { keys }: Pick<Clients, 'keys'>,
  caller: Caller,
  id: string,
  may: (caller: Caller, spec: Spec) => boolean,
  patience: Patience,
): Promise<Key & { readonly spec: KeySpec }> {
  const { key } = await keys.get({ tenant: caller.principal.tenant, id }, patience);
  if (key?.spec === undefined || !may(caller, key.spec)) throw new GatewayError('not_found', 'There is no such key.');
  return { ...key, spec: key.spec };
}

/** Tells whether a caller may end a key or change its secret: who may manage it, and its owner. */
export function mayEnd(caller: Caller, spec: Spec): boolean {
  return caller.role === 'Admin' || isOwn(caller, spec) || isManaged(caller, spec);
}

/**
 * Throws `permission_denied` where a caller may not make this key, or make this key of an earlier one. An owner of teams
 * manages the keys of those teams; what says how far a key is trusted, or that it acts for somebody else, is for Admins.
 */
export function checkMayMake(caller: Caller, spec: Spec, earlier?: KeySpec): void {
  if (caller.role === 'Admin') return;
  if (caller.role !== 'Member' || caller.principal.ownedTeams.length === 0) throw denied('This needs the role Admin.');
  if (earlier !== undefined && !isManaged(caller, earlier)) throw denied('This key is not of your teams.');
  if (!isOfOwnedTeams(caller, spec)) throw denied('Name one or more teams that you own, and no others.', '/teams');
  if (!isMember(spec)) throw denied('Only an Admin gives a key another role than Member.', '/role');
  if ((spec.owner ?? '') !== '' && !isOwn(caller, spec) && spec.owner !== earlier?.owner) {
    throw denied('Only an Admin makes a key act for somebody else.', '/owner');
  }
  for (const path of ['client', 'customer'] as const) {
    if ((spec[path] ?? '') !== (earlier?.[path] ?? '')) throw denied('Only an Admin sets this.', `/${path}`);
  }
  if ((spec.origin ?? '') !== (earlier?.origin ?? '') && spec.origin === 'human') {
    throw denied('Only an Admin declares that humans start the runs of a key.', '/origin');
  }
  const trust = (one: Spec | undefined) => [
    one?.instructionAuthority?.systemAuthored === true,
    one?.instructionAuthority?.userTyped === true,
  ];
  const before = trust(earlier);
  if (trust(spec).some((claimed, index) => claimed && before[index] !== true)) {
    throw denied('Only an Admin declares what the instructions of a key are worth.', '/instructionAuthority');
  }
  const asserted = (spec.mayAssert ?? []).filter((name) => !HARMLESS.has(name));
  if (asserted.some((name) => earlier?.mayAssert.includes(name) !== true)) {
    throw denied('Only an Admin lets a key say who somebody is.', '/mayAssert');
  }
}

function isManaged(caller: Caller, spec: Spec): boolean {
  return caller.role === 'Admin' || (caller.role === 'Member' && isOfOwnedTeams(caller, spec) && isMember(spec));
}

function isOfOwnedTeams({ principal }: Caller, spec: Spec): boolean {
  const teams = spec.teams ?? [];
  return teams.length > 0 && teams.every((team) => principal.ownedTeams.includes(team));
}

function isMember({ role }: Spec): boolean {
  return role === undefined || role === Principal_Role.MEMBER || role === Principal_Role.UNSPECIFIED;
}

function denied(message: string, path?: string): GatewayError {
  return new GatewayError('permission_denied', message, path === undefined ? {} : { details: { path } });
}
