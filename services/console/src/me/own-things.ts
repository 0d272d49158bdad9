import { mayKnowServer, readAccess } from '@sallyport/peers/access';
import type { Key } from '@sallyport/proto/identity/v1/identity_pb';
import type { Consent, Session } from '@sallyport/proto/identity/v1/sessions_pb';
import type { Approval } from '@sallyport/proto/policy/v1/approval_pb';
import { type Connection, Connection_State } from '@sallyport/proto/vault/v1/grants_pb';
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
  /** Of tool servers that they may use, and those that are connected whether they may or not, to be disconnected. */
  readonly connections: readonly Connection[] | undefined;
  /** Sign-ins that are kept, each under the name of its provider. */
  readonly signIns: readonly Connection[] | undefined;
  readonly credentials: readonly OwnedCredential[] | undefined;
  /** Resources that they may use and that take credentials of people, with what would be used now. */
  readonly accessible: readonly Accessible[] | undefined;
  readonly keys: readonly Key[] | undefined;
  readonly sessions: readonly Session[] | undefined;
}

type Peers = Pick<Clients, 'access' | 'consents' | 'connections' | 'owned' | 'keys' | 'sessions'>;

const PAGE_SIZE = 100;

/** Tells which tool servers a caller may use; undefined where policy cannot say so now. */
async function usable(
  { principal }: Caller,
  { access }: Pick<Peers, 'access'>,
  patience: Patience,
): Promise<((server: string) => boolean) | undefined> {
  const answer = await told(access.resolveAccess({ principal }, patience));
  if (answer === undefined) return undefined;
  const granted = readAccess(answer);
  return (server) => mayKnowServer(principal, granted, server);
}

/** Tool servers that a caller may connect or has connected, with their kept sign-ins. Rejects as vault does. */
export async function ownConnections(
  caller: Caller,
  clients: Pick<Peers, 'access' | 'connections'>,
  patience: Patience,
  asked = usable(caller, clients, patience),
) {
  const { tenant, user } = caller.principal;
  const [{ connections, signIns }, mayUse] = await Promise.all([
    clients.connections.listConnections({ tenant, user }, patience),
    asked,
  ]);
  const own = connections.filter(({ server, state }) => state !== Connection_State.NONE || mayUse?.(server) === true);
  // Without policy nobody can say that there is nothing to connect.
  return { connections: mayUse === undefined && own.length === 0 ? undefined : own, signIns };
}

/** Asks everybody at once; a peer that is away leaves its part out and no other. */
export async function ownThings(
  caller: Caller,
  clients: Peers,
  desk: Pick<ApprovalDesk, 'list'>,
  patience: Patience,
): Promise<OwnThings> {
  const { principal } = caller;
  const { tenant, user } = principal;
  const pages = { pageSize: PAGE_SIZE, pageToken: '' };
  const owners = [{ kind: 'user', name: user }];
  const asked = usable(caller, clients, patience);
  const [waiting, consents, connections, credentials, accessible, mayUse, keys, sessions] = await Promise.all([
    told(desk.list(caller, { states: ['pending'], ...pages }, patience)),
    told(clients.consents.listConsents({ tenant, user }, patience)),
    told(ownConnections(caller, clients, patience, asked)),
    told(clients.owned.listOwned({ tenant, owners, ...pages }, patience)),
    told(clients.owned.listAccessible({ principal }, patience)),
    asked,
    told(clients.keys.list({ tenant, owner: user, ...pages }, patience)),
    told(clients.sessions.listSessions({ tenant, user }, patience)),
  ]);
  return {
    waiting: waiting?.approvals.filter((approval) => mayDecide(caller, approval)),
    consents: consents?.consents,
    connections: connections?.connections,
    signIns: connections?.signIns,
    credentials: credentials?.credentials.filter(({ owner }) => owner?.kind === 'user' && owner.name === user),
    accessible: accessible?.resources.filter(
      ({ kind, resource, order }) => order.includes('User') && (kind !== 'ToolServer' || mayUse?.(resource) === true),
    ),
    // Whatever was answered, only their own are theirs to see here.
    keys: keys?.keys.filter(({ tenant: of, spec }) => of === tenant && spec?.owner === user),
    sessions: sessions?.sessions.filter((session) => session.tenant === tenant && session.user === user),
  };
}

function told<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch(() => undefined);
}
