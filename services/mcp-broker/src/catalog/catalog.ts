import { isDeepStrictEqual } from 'node:util';
import type { ToolServerSpec } from '@sallyport/custom-resources/tool-server';
import type { Snapshot, SnapshotItem } from '@sallyport/peers/snapshot';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { exposedName, type Sha256 } from '@sallyport/turn';
import type { Definition } from './definition.ts';
import { type OwnLists, ownLists } from './own-lists.ts';
import type { Suspicion } from './poison/detector.ts';
import { besideOthers, type OtherNames, otherNames } from './poison/other-servers.ts';
import { type Listing, type Settled, settle } from './settle.ts';
import { inSlices } from './slices.ts';

/** A ToolServer as the operator accepted it. */
export interface Server {
  readonly tenant: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly contentHash: string;
  readonly spec: ToolServerSpec;
}

/** A tool that may be listed and called: enabled, with the definition in force. */
export interface BrokerTool {
  readonly server: Server;
  readonly definition: Definition;
  /** `<server>__<tool>`, collision-proof; what models and clients see. */
  readonly exposedName: string;
  /** read, write, egress or sensitive: the administrator's word. */
  readonly toolClass: string;
  readonly timeoutMs: number;
}

/** All tool servers and what they offer, in memory: nothing here waits for a server. */
export interface Catalog {
  servers(): Iterable<Server>;
  server(tenant: string, name: string): Server | undefined;
  /** What a server's last listing came to; undefined before the first. */
  settled(uid: string): Settled | undefined;
  /**
   * What in a server's definitions could be there to lead a model astray, by tool; of tools without it nothing. One object
   * for as long as nothing of it changes. Worked out in slices: it is looked for beside all tools of the tenant.
   */
  suspicions(uid: string): Promise<Suspicions>;
  /** Tools in force of a tenant, by exposed name in ascending order. */
  tools(tenant: string): readonly BrokerTool[];
  byExposedName(tenant: string, name: string): BrokerTool | undefined;
  byIdentity(tenant: string, serverUid: string, tool: string): BrokerTool | undefined;
  /** Takes in what a server offers. Ignored for a server that is gone. */
  listed(uid: string, listing: Listing): void;
  /** What servers offer to single persons. */
  readonly own: Pick<OwnLists, 'knows' | 'left' | 'unread' | 'doubt'>;
  /** Takes in what a server offers to a person. Ignored for a server that is gone. */
  listedFor(uid: string, user: string, definitions: Listing['definitions'], pins: Listing['pins']): void;
  /** Whether a tool is there for a principal, where its server offers each person what is theirs. */
  offers(principal: Pick<Principal, 'user'>, tool: BrokerTool): boolean;
  /** Whether `offers` may say another thing of a tool for another person, or at another time. */
  varies(tool: BrokerTool): boolean;
  /** Called after ToolServers have changed. */
  onChange(listener: () => void): void;
  /** Says how to know whether a server cannot be called now; until then none is down. */
  judge(isDown: (uid: string) => boolean): void;
}

/** What is suspicious, by tool. */
export type Suspicions = ReadonlyMap<string, readonly Suspicion[]>;

interface Index {
  readonly sorted: readonly BrokerTool[];
  readonly byName: ReadonlyMap<string, BrokerTool>;
  readonly byIdentity: ReadonlyMap<string, BrokerTool>;
}

/** What a server offers to a person is asked anew after this time. */
const OWN_LIST_MS = 60_000;
const NOTHING: Suspicions = new Map();
const NONE: Index = { sorted: [], byName: new Map(), byIdentity: new Map() };

/** Follows ToolServer in the snapshot and joins it with what the servers themselves list. */
export function followCatalog(snapshot: Pick<Snapshot, 'items' | 'onChange'>, sha256: Sha256): Catalog {
  let servers = new Map<string, Server>();
  /** The same by `<tenant>/<name>`, and by tenant. */
  let byName = new Map<string, Server>();
  let ofTenant = new Map<string, Server[]>();
  const listings = new Map<string, Listing>();
  const settled = new Map<string, { readonly of: Server; readonly from: readonly unknown[]; readonly to: Settled }>();
  const made = new WeakMap<Settled, readonly BrokerTool[]>();
  /** What was found in a server's definitions beside these names. */
  const suspected = new WeakMap<Settled, { readonly beside: OtherNames; readonly found: Suspicions }>();
  const own = ownLists(OWN_LIST_MS);
  /** Pins as they were when a server was listed for a person last. */
  const ownPins = new Map<string, Listing['pins']>();
  const indexes = new Map<string, Index>();
  /** Names of all tools of a tenant, for the same time as its index. */
  const names = new Map<string, Promise<OtherNames>>();
  const listeners = new Set<() => void>();
  let isDown = (_uid: string) => false;

  const forget = (tenant: string) => {
    indexes.delete(tenant);
    names.delete(tenant);
  };

  const follow = () => {
    const before = servers;
    servers = new Map(snapshot.items('ToolServer').map((item) => [item.uid, sameOrNew(before.get(item.uid), item)]));
    byName = new Map([...servers.values()].map((server) => [`${server.tenant}/${server.name}`, server]));
    ofTenant = Map.groupBy(servers.values(), ({ tenant }) => tenant);
    // A tenant of which no server is another one keeps what was made of its servers.
    for (const server of servers.values()) if (before.get(server.uid) !== server) forget(server.tenant);
    for (const [uid, { tenant }] of before) {
      if (servers.has(uid)) continue;
      forget(tenant);
      listings.delete(uid);
      settled.delete(uid);
      ownPins.delete(uid);
      own.forget(uid);
    }
    for (const listener of listeners) listener();
  };
  snapshot.onChange((kind) => {
    if (kind === 'ToolServer') follow();
  });
  follow();

  const settledOf = (server: Server): Settled | undefined => {
    const { uid } = server;
    const [listing, seen, pins] = [listings.get(uid), own.seen(uid), ownPins.get(uid)];
    if (!listing && seen.size === 0) return undefined;
    const held = settled.get(uid);
    const from = [listing, seen, pins];
    if (held && held.of === server && from.every((one, index) => one === held.from[index])) return held.to;
    const definitions = new Map([...seen, ...(listing?.definitions ?? [])]);
    const all = new Map([...(listing?.pins ?? []), ...(pins ?? [])]);
    const to = settle(server, { definitions, dropped: listing?.dropped ?? [], pins: all });
    settled.set(uid, { of: server, from, to });
    return to;
  };

  // The same objects for as long as the server says the same: what is made of one is kept with it.
  const toolsOf = (server: Server, of: Settled): readonly BrokerTool[] => {
    const known = made.get(of);
    if (known !== undefined) return known;
    const tools = of.inForce.map(({ definition, toolClass, timeoutMs }) => {
      const name = exposedName(sha256, server.name, definition.name);
      return { server, definition, exposedName: name, toolClass, timeoutMs };
    });
    made.set(of, tools);
    return tools;
  };

  const indexOf = (tenant: string): Index => {
    const held = indexes.get(tenant);
    if (held) return held;
    const tools: BrokerTool[] = [];
    for (const server of ofTenant.get(tenant) ?? []) {
      const settled = settledOf(server);
      if (settled !== undefined) tools.push(...toolsOf(server, settled));
    }
    const sorted = tools.sort((a, b) => (a.exposedName < b.exposedName ? -1 : 1));
    const index: Index = {
      sorted,
      byName: new Map(sorted.map((tool) => [tool.exposedName, tool])),
      byIdentity: new Map(sorted.map((tool) => [`${tool.server.uid}\n${tool.definition.name}`, tool])),
    };
    if (tools.length > 0) indexes.set(tenant, index);
    return index;
  };

  function* toolsNamed(tenant: string) {
    for (const server of ofTenant.get(tenant) ?? []) {
      for (const definition of settledOf(server)?.definitions ?? []) {
        yield { server: server.name, definition, exposedName: exposedName(sha256, server.name, definition.name) };
      }
    }
  }

  // Work that another listing overtakes is done to its end for who waits for it, and forgotten.
  const namesOf = (tenant: string): Promise<OtherNames> => {
    const held = names.get(tenant) ?? inSlices(otherNames(toolsNamed(tenant)));
    names.set(tenant, held);
    return held;
  };

  const suspicionsOf = async (server: Server, of: Settled): Promise<Suspicions> => {
    const beside = await namesOf(server.tenant);
    const held = suspected.get(of);
    if (held?.beside === beside) return held.found;
    const found = new Map(of.definitions.flatMap(({ name, suspicions }) => (suspicions ? [[name, suspicions]] : [])));
    const own = of.definitions.map((definition) => ({ server: server.name, definition }));
    for (const [name, more] of await inSlices(besideOthers(server.name, own, beside))) {
      found.set(name, [...(found.get(name) ?? []), ...more]);
    }
    const same = held !== undefined && isDeepStrictEqual(held.found, found) ? held.found : found;
    suspected.set(of, { beside, found: same });
    return same;
  };

  return {
    servers: () => servers.values(),
    server: (tenant, name) => byName.get(`${tenant}/${name}`),
    settled(uid) {
      const server = servers.get(uid);
      return server && settledOf(server);
    },
    async suspicions(uid) {
      const server = servers.get(uid);
      const of = server && settledOf(server);
      return server === undefined || of === undefined ? NOTHING : await suspicionsOf(server, of);
    },
    tools: (tenant) => (tenant === '' ? NONE : indexOf(tenant)).sorted,
    byExposedName: (tenant, name) => indexOf(tenant).byName.get(name),
    byIdentity: (tenant, serverUid, tool) => indexOf(tenant).byIdentity.get(`${serverUid}\n${tool}`),
    listed(uid, listing) {
      const server = servers.get(uid);
      if (!server) return;
      // Most say what they said before: then nothing is worked out anew.
      if (isSame(listings.get(uid), listing)) return;
      listings.set(uid, listing);
      forget(server.tenant);
    },
    own,
    listedFor(uid, user, definitions, pins) {
      const server = servers.get(uid);
      if (!server) return;
      own.listed(uid, user, definitions);
      ownPins.set(uid, pins);
      forget(server.tenant);
    },
    offers({ user }, { server, definition }) {
      if (isDisabled(server, definition.name) && isDown(server.uid)) return false;
      if (server.spec.auth === undefined) return true;
      const known = user === '' ? 'left' : own.offers(server.uid, user, definition);
      // Who has not connected it is shown what anybody is, to be led to connect it by the first call.
      return known === 'left' ? listings.get(server.uid)?.definitions.has(definition.name) === true : known;
    },
    varies: ({ server, definition }) => server.spec.auth !== undefined || isDisabled(server, definition.name),
    onChange: (listener) => void listeners.add(listener),
    judge(by) {
      isDown = by;
    },
  };
}

function isSame(one: Listing | undefined, other: Listing): boolean {
  if (one === undefined || one.definitions.size !== other.definitions.size) return false;
  for (const [name, { digest }] of one.definitions) if (other.definitions.get(name)?.digest !== digest) return false;
  return JSON.stringify([[...one.pins], one.dropped]) === JSON.stringify([[...other.pins], other.dropped]);
}

const disabling = new WeakMap<Server, ReadonlySet<string>>();

/** Whether a tool is not offered while its server is down. */
function isDisabled(server: Server, tool: string): boolean {
  let names = disabling.get(server);
  if (names === undefined) {
    names = new Set(server.spec.tools.flatMap(({ name, whileDown }) => (whileDown?.type === 'Disabled' ? [name] : [])));
    disabling.set(server, names);
  }
  return names.has(tool);
}

function sameOrNew(held: Server | undefined, item: SnapshotItem): Server {
  if (held && held.contentHash === item.contentHash && held.generation === item.generation && held.name === item.name) {
    return held;
  }
  const { tenant, name, uid, generation, contentHash } = item;
  return { tenant, name, uid, generation, contentHash, spec: item.spec as ToolServerSpec };
}
