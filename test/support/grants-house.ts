import type { Client } from '@sallyport/chassis/rpc/client';
import { GrantService } from '@sallyport/proto/vault/v1/grants_pb';
import { CredentialService, SecretService } from '@sallyport/proto/vault/v1/vault_pb';
import { type FakeAuthorizationServer, startAuthorizationServer } from '../fakes/authorization-server.ts';
import { type ProtectedTools, startProtectedTools } from '../fakes/protected-tools.ts';
import { keyFile, type Replica, type ServiceReplicas, serviceReplicas } from './service-replicas.ts';

/** Where the gateway of these tests says it is; nobody listens there. */
export const PUBLIC_URL = 'http://gate.test';
const timeoutMs = 10_000;

/** A person comes back from an authorization server, as console tells vault. */
export interface CameBack {
  readonly state: string;
  readonly code: string;
  readonly issuer: string;
  readonly error: string;
  readonly callback: string;
}

/** Vault on a Postgres, an authorization server and a tool server whose tokens come from there. */
export interface GrantsHouse {
  readonly as: FakeAuthorizationServer;
  readonly tools: ProtectedTools;
  readonly service: ServiceReplicas;
  /** The replica that is asked where nothing else is said; may be set to another. */
  replica: Replica;
  start(): Promise<Replica>;
  /** Makes a ToolServer known to vault; answers its name. Each has metadata of its own to be discovered. */
  server(
    auth?: object,
    more?: { readonly url?: string; readonly name?: string; readonly uid?: string },
  ): Promise<string>;
  begin(server: string, user: string, scopes?: readonly string[]): Promise<URL>;
  /** Sends a person to the authorization server and back. */
  back(server: string, user: string, scopes?: readonly string[]): Promise<CameBack>;
  complete(user: string, back: CameBack): Promise<{ readonly server: string; readonly scopes: readonly string[] }>;
  connect(server: string, user: string, scopes?: readonly string[]): Promise<void>;
  lease(
    server: string,
    user: string,
    more?: {
      readonly refused?: string;
      readonly origin?: string;
      readonly on?: Replica;
      readonly id?: string;
      readonly userSinceMs?: number;
    },
  ): ReturnType<Client<typeof CredentialService>['resolve']>;
  grants(on?: Replica): Client<typeof GrantService>;
  operator(): Client<typeof SecretService>;
  close(): Promise<void>;
}

/** How an answer reaches console: the query, and what stands behind the path. */
export function cameBack(url: URL): CameBack {
  const asked = (name: string) => url.searchParams.get(name) ?? '';
  const callback = url.pathname.replace(/^\/me\/callback\/?/, '');
  return { state: asked('state'), code: asked('code'), issuer: asked('iss'), error: asked('error'), callback };
}

/** Starts it. */
export async function grantsHouse(): Promise<GrantsHouse> {
  const documentAt = async (url: string) => ({
    client_id: url,
    redirect_uris: [url.replace('/me/client', '/me/callback').replace(/\.json$/, '')],
  });
  const [as, service] = await Promise.all([startAuthorizationServer({ documentAt }), serviceReplicas('vault')]);
  const tools = await startProtectedTools(as, { tools: [] });
  const start = () =>
    service.replica({
      masterKeysFile: service.file('masters.json', keyFile('m1')),
      peers: { audit: 'ipv4:127.0.0.1:9' },
      publicUrl: PUBLIC_URL,
    });
  const replica = await start();
  const clients = new Map<Replica, Record<string, unknown>>();
  const clientOf = <C>(on: Replica, name: string, make: () => C): C => {
    const held = clients.get(on) ?? {};
    clients.set(on, held);
    held[name] ??= make();
    return held[name] as C;
  };
  const servers = new Map<string, { readonly uid: string; readonly origin: string }>();
  let count = 0;
  const house: GrantsHouse = {
    as,
    tools,
    service,
    replica,
    start,
    grants: (on = house.replica) => clientOf(on, 'grants', () => on.client(GrantService, 'console')),
    operator: () => clientOf(house.replica, 'secrets', () => house.replica.client(SecretService, 'operator')),
    async server(auth = {}, more = {}) {
      count++;
      // What is below the resource is covered by its metadata, and vault remembers what it found by URL.
      const { name = `tools-${count}`, uid = `uid-${count}`, url = `${tools.url}/${count}` } = more;
      const origin = new URL(url).origin;
      servers.set(name, { uid, origin });
      const authJson = JSON.stringify({ type: 'OAuth', scopes: [], ...auth });
      const granted = {
        tenant: 'acme',
        kind: 'ToolServer',
        name,
        uid,
        origin,
        url,
        authJson,
        allowPrivateNetwork: true,
      };
      await house.operator().grant(granted, { timeoutMs });
      return name;
    },
    async begin(server, user, scopes = []) {
      const asked = { tenant: 'acme', user, server, scopes: [...scopes] };
      return new URL((await house.grants().begin(asked, { timeoutMs })).authorizationUrl);
    },
    async back(server, user, scopes) {
      return cameBack(await as.signIn((await house.begin(server, user, scopes)).href, user));
    },
    complete: (user, back) => house.grants().complete({ tenant: 'acme', user, ...back }, { timeoutMs }),
    async connect(server, user, scopes) {
      await house.complete(user, await house.back(server, user, scopes));
    },
    lease(server, user, { refused = '', origin, on = house.replica, id = `user:${user}`, userSinceMs = 0 } = {}) {
      const held = servers.get(server);
      const client = clientOf(on, 'credentials', () => on.client(CredentialService, 'mcp-broker'));
      const principal = { tenant: 'acme', id, user, userSinceMs, teams: [] };
      const use = { tenant: 'acme', kind: 'ToolServer', name: server, uid: held?.uid ?? '', principal };
      return client.resolve({ ...use, origin: origin ?? held?.origin ?? '', refusedReference: refused }, { timeoutMs });
    },
    async close() {
      await service.close();
      await tools.close();
      await as.close();
    },
  };
  return house;
}
