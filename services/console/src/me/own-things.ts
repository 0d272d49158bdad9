import type { Key } from '@sallyport/proto/identity/v1/identity_pb';
import type { Consent, Session } from '@sallyport/proto/identity/v1/sessions_pb';
import type { Approval } from '@sallyport/proto/policy/v1/approval_pb';
import type { Connection } from '@sallyport/proto/vault/v1/grants_pb';
import type { Accessible, OwnedCredential } from '@sallyport/proto/vault/v1/owned_pb';
import { type ApprovalDesk, mayDecide } from '../approvals.ts';
import type { Caller } from '../caller.ts';
import type { Clients } from '../clients.ts';
import type { Patience } from '../route.ts';

/** Everything that is a person's own; undefined where it cannot be told now. */
export interface OwnThings {
  /** Approvals that wait for this very person. */
  readonly waiting: readonly Approval[] | undefined;
  readonly consents: readonly Consent[] | undefined;
  readonly connections: readonly Connection[] | undefined;
  /** Sign-ins that are kept, each under the name of its provider. */
  readonly signIns: readonly Connection[] | undefined;
  readonly credentials: readonly OwnedCredential[] | undefined;
  /** Resources that take credentials of people, with what would be used now. */
  readonly accessible: readonly Accessible[] | undefined;
  readonly keys: readonly Key[] | undefined;
  readonly sessions: readonly Session[] | undefined;
}

const PAGE_SIZE = 100;

/** Asks everybody at once; a peer that is away leaves its part out and no other. */
export async function ownThings(
  caller: Caller,
  clients: Pick<Clients, 'consents' | 'connections' | 'owned' | 'keys' | 'sessions'>,
  desk: Pick<ApprovalDesk, 'list'>,
  patience: Patience,
): Promise<OwnThings> {
  const { principal } = caller;
  const { tenant, user } = principal;
  const pages = { pageSize: PAGE_SIZE, pageToken: '' };
  const owners = [{ kind: 'user', name: user }];
  const [waiting, consents, connections, credentials, accessible, keys, sessions] = await Promise.all([
    told(desk.list(caller, { states: ['pending'], ...pages }, patience)),
    told(clients.consents.listConsents({ tenant, user }, patience)),
    told(clients.connections.listConnections({ tenant, user }, patience)),
    told(clients.owned.listOwned({ tenant, owners, ...pages }, patience)),
    told(clients.owned.listAccessible({ principal }, patience)),
    told(clients.keys.list({ tenant, owner: user, ...pages }, patience)),
    told(clients.sessions.listSessions({ tenant, user }, patience)),
  ]);
  return {
    waiting: waiting?.approvals.filter((approval) => mayDecide(caller, approval)),
    consents: consents?.consents,
    connections: connections?.connections,
    signIns: connections?.signIns,
    credentials: credentials?.credentials.filter(({ owner }) => owner?.kind === 'user' && owner.name === user),
    accessible: accessible?.resources.filter(({ order }) => order.includes('User')),
    // Whatever was answered, only their own are theirs to see here.
    keys: keys?.keys.filter(({ tenant: of, spec }) => of === tenant && spec?.owner === user),
    sessions: sessions?.sessions.filter((session) => session.tenant === tenant && session.user === user),
  };
}

function told<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch(() => undefined);
}
