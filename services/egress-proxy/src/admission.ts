import { isIP } from 'node:net';
import { canonicalAddress } from '@sallyport/chassis/net/networks';
import type { ToolServerSpec } from '@sallyport/custom-resources';
import { type EgressTarget, egressTargets, mayReach } from '@sallyport/custom-resources/tool-server-egress';
import { type EgressOwner, egressOwner } from '@sallyport/peers/egress-credential';
import type { Snapshot } from '@sallyport/peers/snapshot';

/** A hosted server as the proxy sees it. */
export interface EgressServer extends EgressOwner {
  readonly name: string;
  readonly generation: number;
  readonly targets: readonly EgressTarget[];
  /** Its resource lets it reach private addresses. */
  readonly allowPrivate: boolean;
}

/** Why a connection is refused. */
export type Refusal =
  | 'Unidentified'
  | 'WrongAddress'
  | 'AddressUnknown'
  | 'NotConnect'
  | 'BadTarget'
  | 'NotDeclared'
  | 'TooMany'
  | 'PrivateAddress'
  | 'Unreachable'
  | 'NotTls'
  | 'NoServerName'
  | 'EncryptedHello'
  | 'OtherServerName';

/** Who asks, and where to. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** A connection that is nobody's, or that shows the credential of a server and does not come from it. */
export interface Unidentified {
  readonly refusal: Refusal;
  /** Whose credential was shown. */
  readonly shown: EgressServer | undefined;
}

/** Decides who asks and whether they may. */
export interface Admission {
  /** Whose connection it is, by the credential and the address that it comes from. */
  identify(credential: string | undefined, address: string): Promise<EgressServer | Unidentified>;
  /** Whether a server may reach what `host:port` says. */
  admit(server: EgressServer, authority: string): Target | Refusal;
}

/** Which hosted server of a namespace has a pod at an address. */
export type OwnerAt = (address: string, tenant: string) => Promise<EgressOwner | undefined>;

const KNOWN_MS = 5_000;
const MAX_KNOWN = 10_000;

/** Makes the admission over the snapshot of ToolServers. */
export function createAdmission(options: {
  readonly snapshot: Pick<Snapshot, 'items' | 'onChange'>;
  readonly key: string;
  readonly ownerAt: OwnerAt | undefined;
}): Admission {
  const { snapshot, key, ownerAt } = options;
  let servers: Map<string, EgressServer> | undefined;
  snapshot.onChange(() => {
    servers = undefined;
  });
  const known = new Map<string, { readonly owner: Promise<EgressOwner | undefined>; readonly until: number }>();

  const serverOf = ({ tenant, uid }: EgressOwner): EgressServer | undefined => {
    servers ??= new Map(
      snapshot.items('ToolServer').flatMap(({ tenant, name, uid, generation, spec }) => {
        const { hosted, allowPrivateNetwork: allowPrivate } = spec as ToolServerSpec;
        if (hosted === undefined) return [];
        return [[uid, { tenant, uid, name, generation, targets: egressTargets(hosted.egress), allowPrivate }]] as const;
      }),
    );
    const server = servers.get(uid);
    return server?.tenant === tenant ? server : undefined;
  };
  const ownerOf = (ask: OwnerAt, address: string, tenant: string) => {
    const key = `${tenant} ${address}`;
    const held = known.get(key);
    if (held !== undefined && held.until > Date.now()) return held.owner;
    if (known.size >= MAX_KNOWN) known.clear();
    const owner = ask(address, tenant);
    known.set(key, { owner, until: Date.now() + KNOWN_MS });
    owner.then(
      (found) => found === undefined && known.delete(key),
      () => known.delete(key),
    );
    return owner;
  };

  return {
    async identify(credential, remote) {
      const shown = egressOwner(key, credential);
      const server = shown === undefined ? undefined : serverOf(shown);
      if (server === undefined) return { refusal: 'Unidentified', shown: undefined };
      if (ownerAt === undefined) return server;
      const address = canonicalAddress(remote);
      if (address === undefined) return { refusal: 'WrongAddress', shown: server };
      try {
        // A credential that got away is of no use elsewhere than in the pod that it was given to.
        const owner = await ownerOf(ownerAt, address, server.tenant);
        return owner?.uid === server.uid && owner.tenant === server.tenant
          ? server
          : { refusal: 'WrongAddress', shown: server };
      } catch {
        return { refusal: 'AddressUnknown', shown: server };
      }
    },
    admit(server, authority) {
      const [, host = '', port = ''] = /^([a-z0-9.-]{1,253}):([0-9]{1,5})$/.exec(authority.toLowerCase()) ?? [];
      const name = host.replace(/\.$/, '');
      if (name === '' || name.includes('..') || name.startsWith('.')) return 'BadTarget';
      // Names are declared, so no address is; short forms (127.1, 2130706433) are addresses to a resolver.
      if (isIP(name) !== 0 || /^[0-9.]+$|^0x|\.0x|\.[0-9]+$/.test(name)) return 'NotDeclared';
      const target = { host: name, port: Number(port) };
      return mayReach(server.targets, target.host, target.port) ? target : 'NotDeclared';
    },
  };
}
