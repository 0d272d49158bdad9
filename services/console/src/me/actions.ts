import { GatewayError } from '@sallyport/chassis/errors';
import { fieldOf } from '@sallyport/chassis/pages/form';
import type { Recorded } from '../admin-record.ts';
import type { Caller } from '../caller.ts';
import type { Clients } from '../clients.ts';
import { isOwn, lookAtKey } from '../key-bounds.ts';
import type { Patience } from '../route.ts';

/** What a form of a person's own page does; gives the word for what was done. */
export type Action = (caller: Caller, form: URLSearchParams, patience: Patience) => Promise<string>;

type Peers = Pick<Clients, 'consents' | 'connections' | 'owned' | 'keys' | 'sessions'>;

/** The actions by the path of their forms below `/me`, each between two durable records. */
export function ownActions(clients: Peers, recorded: Recorded): Readonly<Record<string, Action>> {
  const { consents, connections, owned, keys, sessions } = clients;
  return {
    'applications/withdraw': (caller, form, patience) => {
      const { tenant, user, id: by } = caller.principal;
      const client = needed(form, 'client');
      const action = { action: 'consents.withdraw', target: { kind: 'client', id: client } };
      return recorded(caller, action, patience, async () => {
        await consents.withdrawConsent({ tenant, user, client, by }, patience);
        return 'withdrawn';
      });
    },
    'keys/revoke': (caller, form, patience) => {
      const { tenant, id: by } = caller.principal;
      const id = needed(form, 'id');
      return recorded(caller, { action: 'keys.revoke', target: { kind: 'key', id } }, patience, async () => {
        await lookAtKey({ keys }, caller, id, isOwn, patience);
        await keys.revoke({ tenant, id, reason: 'revoked by its owner', by }, patience);
        return 'revoked';
      });
    },
    'sessions/end': (caller, form, patience) => {
      const { tenant, user, id: by } = caller.principal;
      const id = needed(form, 'id');
      return recorded(caller, { action: 'sessions.end', target: { kind: 'session', id } }, patience, async () => {
        await sessions.endSession({ tenant, user, id, reason: 'ended by its person', by }, patience);
        return 'ended';
      });
    },
    'connections/disconnect': (caller, form, patience) => {
      const { tenant, user } = caller.principal;
      const server = needed(form, 'server');
      const action = { action: 'connections.disconnect', target: { kind: 'ToolServer', name: server } };
      return recorded(caller, action, patience, async () => {
        await connections.disconnect({ tenant, user, server }, patience);
        return 'disconnected';
      });
    },
    'sign-ins/forget': (caller, form, patience) => {
      const { tenant, user } = caller.principal;
      const provider = needed(form, 'provider');
      const action = { action: 'sign-ins.forget', target: { kind: 'IdentityProvider', name: provider } };
      return recorded(caller, action, patience, async () => {
        await connections.disconnect({ tenant, user, server: provider, signIn: true }, patience);
        return 'forgotten';
      });
    },
    credentials: (caller, form, patience) => {
      const { tenant, user, id: by } = caller.principal;
      const place = placeOf(form);
      const owner = { kind: 'user', name: user };
      return recorded(caller, { action: 'credentials.put', target: targetOf(place, user) }, patience, async () => {
        await owned.putOwned({ tenant, owner, ...place, value: needed(form, 'value').trim(), by }, patience);
        return 'put';
      });
    },
    'credentials/remove': (caller, form, patience) => {
      const { tenant, user } = caller.principal;
      const place = placeOf(form);
      const owner = { kind: 'user', name: user };
      return recorded(caller, { action: 'credentials.remove', target: targetOf(place, user) }, patience, async () => {
        await owned.removeOwned({ tenant, owner, ...place }, patience);
        return 'removed';
      });
    },
  };
}

/** Kinds of resources that take credentials of people. */
export const CREDENTIAL_KINDS: readonly string[] = ['ModelProvider', 'ToolServer'];

function placeOf(form: URLSearchParams): { kind: string; resource: string } {
  const kind = needed(form, 'kind');
  if (!CREDENTIAL_KINDS.includes(kind)) throw new GatewayError('invalid_request', 'There is no such kind.');
  return { kind, resource: needed(form, 'resource') };
}

function targetOf({ kind, resource }: { kind: string; resource: string }, user: string) {
  return { kind, name: resource, owner: `user:${user}` };
}

function needed(form: URLSearchParams, name: string): string {
  const value = fieldOf(form, name);
  if (value === '' || value.length > 16_384) throw new GatewayError('invalid_request', `The form lacks ${name}.`);
  return value;
}
