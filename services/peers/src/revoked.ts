import type { WatchRevocationsResponse } from '@sallyport/proto/identity/v1/identity_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';

/** A notice of identity: whom it concerns, by whatever id is set. All ids are '' where notices were missed. */
export interface Revoked {
  readonly tenant: string;
  readonly keyId: string;
  readonly principalId: string;
  /** Name of a person whose rights changed, without "user:": all that acts for them. */
  readonly user: string;
  readonly client: string;
  /** An OAuth grant or session. */
  readonly sessionId: string;
  /** Why, for people. */
  readonly reason: string;
  /** Who did it, as a principal's id; '' where a resource or a clock did. */
  readonly by: string;
  /** Something has ended; false where it only changed and open work may go on. */
  readonly ends: boolean;
}

/** Stands for notices that nobody heard: then anything may have changed. */
export const MISSED: Revoked = {
  ...{ tenant: '', keyId: '', principalId: '', user: '', client: '', sessionId: '' },
  ...{ reason: '', by: '', ends: false },
};

/** Reason of a notice after which the same credential still works; one that was rotated without grace does not. */
const CHANGED = 'changed';

/** Reason of a notice that a person is not known under this name any more. */
export const DELETED = 'deleted';

/** The same of somebody who is known under another name now. */
export function renamedReason(name: string): string {
  return `${RENAMED}${name}`;
}

const RENAMED = 'renamed to ';

/** The name of a person that a notice says nobody has any more; undefined where it says no such thing. */
export function goneName({ user, reason }: Pick<Revoked, 'user' | 'reason'>): string | undefined {
  return user !== '' && (reason === DELETED || reason.startsWith(RENAMED)) ? user : undefined;
}

/** The notice in a message of the watch; undefined for a heartbeat. */
export function revokedOf(message: WatchRevocationsResponse): Revoked | undefined {
  const { tenant, keyId, principalId, user, client, sessionId, reason, by } = message;
  if ([keyId, principalId, user, client, sessionId].every((id) => id === '')) return undefined;
  return { tenant, keyId, principalId, user, client, sessionId, reason, by, ends: reason !== CHANGED };
}

/** What a notice can name of a principal. */
export interface Subject extends Pick<Principal, 'id' | 'keyId' | 'user' | 'client' | 'sessionId'> {
  readonly actors: readonly { readonly id: string; readonly client: string }[];
}

/** Every id under which a notice may name a principal: its own, its person's, application's and session's, its actors'. */
export function subjectsOf(principal: Subject): string[] {
  const { id, keyId, user, client, sessionId, actors } = principal;
  const named = { key: keyId, user, client, session: sessionId };
  const own = Object.entries(named).flatMap(([kind, name]) => (name === '' ? [] : [`${kind}:${name}`]));
  const others = actors.flatMap((actor) => (actor.client === '' ? [actor.id] : [actor.id, `client:${actor.client}`]));
  return [...new Set([id, ...own, ...others])];
}

/** The ids that a notice names, in the form of `subjectsOf`. */
export function idsOf({ keyId, principalId, user, client, sessionId }: Revoked): string[] {
  const named = Object.entries({ key: keyId, user, client, session: sessionId });
  const ids = named.flatMap(([kind, name]) => (name === '' ? [] : [`${kind}:${name}`]));
  return principalId === '' || ids.includes(principalId) ? ids : [...ids, principalId];
}

/** Tells whether a notice is about a principal: its credential, its person or application, or one in whose name it acts. */
export function concerns(revoked: Revoked, principal: Principal): boolean {
  if (principal.tenant !== revoked.tenant) return false;
  const ids = idsOf(revoked);
  return subjectsOf(principal).some((subject) => ids.includes(subject));
}

/** Tells whether a credential that is asked about again stands for less than it did: what began with it must end. */
export function isLess(before: Principal, now: Principal): boolean {
  const had = new Set([...before.teams, ...before.userTeams]);
  for (const team of [...now.teams, ...now.userTeams]) had.delete(team);
  return had.size > 0 || before.id !== now.id || before.sessionId !== now.sessionId;
}
