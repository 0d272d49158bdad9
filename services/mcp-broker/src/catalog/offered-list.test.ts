import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { type Access, readAccess } from '@sallyport/peers/access';
import type { SnapshotItem } from '@sallyport/peers/snapshot';
import { AccessGrant_ClientTools, AccessGrantSchema } from '@sallyport/proto/policy/v1/access_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { sha256 } from '../digests.ts';
import { memoryPins } from '../testing/peers.ts';
import { followCatalog } from './catalog.ts';
import { readDefinitions } from './definition.ts';
import { offeredList } from './offered-list.ts';
import { pinsOf } from './settle.ts';
import type { Toolset } from './toolset.ts';

const definition = (name: string) => ({ name, inputSchema: { type: 'object' } });
const who = (user: string, over: object = {}) =>
  ({ tenant: 'acme', tools: [], user, id: user, ...over }) as unknown as Principal;
const globs = (...tools: string[]): Access =>
  readAccess({
    grants: [create(AccessGrantSchema, { tools, clientTools: AccessGrant_ClientTools.DECIDE })],
    bounds: [],
    policyRevision: 'r',
  });

async function catalogOf(specs: Readonly<Record<string, object>>) {
  const items = Object.entries(specs).map(([key, more]) => {
    const [tenant, name] = key.split('/');
    const spec = { timeoutSeconds: 1, defaultClass: 'Read', tools: [], ...more };
    return {
      tenant,
      name,
      uid: key,
      generation: 1,
      contentHash: JSON.stringify(spec),
      spec,
    } as unknown as SnapshotItem;
  });
  let changed: (kind: string) => void = () => undefined;
  const onChange = (listener: typeof changed) => {
    changed = listener;
  };
  const snapshot = { items: () => items, onChange };
  const catalog = followCatalog(snapshot as never, sha256);
  const pins = memoryPins();
  const lists = async (uid: string, ...names: string[]) => {
    const server = [...catalog.servers()].find((one) => one.uid === uid);
    if (server === undefined) throw new Error(`no ${uid}`);
    const { definitions, dropped } = readDefinitions(sha256, names.map(definition));
    const { seen, reviewed } = pinsOf(server.spec, definitions);
    const held = await pins.pin('acme', uid, seen, reviewed);
    catalog.listed(uid, { definitions, dropped, pins: held });
    return { definitions, held };
  };
  const change = (key: string, more: object) => {
    const at = items.findIndex(({ uid }) => uid === key);
    const item = items[at] as SnapshotItem;
    const spec = { ...(item.spec as object), ...more };
    items[at] = { ...item, spec, contentHash: JSON.stringify(spec) } as SnapshotItem;
    changed('ToolServer');
  };
  return { catalog, lists, change };
}

describe('the list of an endpoint', () => {
  it('[mcp:list-compiled] is worked out once for all who have the same rights, and for nobody who has others', async () => {
    const { catalog, lists } = await catalogOf({ 'acme/mail': {}, 'acme/crm': {}, 'rival/mail': {} });
    await lists('acme/mail', 'read', 'send');
    await lists('acme/crm', 'read');
    await lists('rival/mail', 'read');
    const of = (principal: Principal, access: Access) => offeredList(catalog, principal, access, undefined);
    const names = (principal: Principal, access: Access) => of(principal, access).tools.map(({ name }) => name);
    const ann = of(who('ann'), globs('mail/*', 'crm/*'));
    expect(of(who('bob'), globs('crm/*', 'mail/*'))).toBe(ann);
    expect(names(who('ann'), globs('mail/*'))).toEqual(['mail__read', 'mail__send']);
    expect(names(who('ann', { tools: ['mail/read'] }), globs('mail/*', 'crm/*'))).toEqual(['mail__read']);
    const bound = { grants: [create(AccessGrantSchema, { tools: ['mail/*'] })], policyRevision: 'r' };
    const owner = { of: 'user:ann', grants: [create(AccessGrantSchema, { tools: ['*/read'] })] };
    expect(names(who('ann'), readAccess({ ...bound, bounds: [owner] } as never))).toEqual(['mail__read']);
    expect(names(who('ann'), readAccess({ ...bound, bounds: [], closedServers: ['mail'] } as never))).toEqual([]);
    const rival = of(who('ann', { tenant: 'rival' }), globs('mail/*', 'crm/*'));
    expect(rival.tools.map(({ tool }) => tool.server.tenant)).toEqual(['rival']);
  });

  it('[mcp:list-compiled] is another one as soon as a server lists another thing, and only in that tenant', async () => {
    const { catalog, lists, change } = await catalogOf({ 'acme/mail': {}, 'rival/mail': {} });
    await lists('acme/mail', 'read', 'send');
    await lists('rival/mail', 'read');
    const all = globs('*');
    const of = (tenant: string) => offeredList(catalog, who('ann', { tenant }), all, undefined);
    const [acme, rival] = [of('acme'), of('rival')];
    await lists('acme/mail', 'read', 'send');
    expect(of('acme')).toBe(acme);
    await lists('acme/mail', 'read');
    expect(of('acme').tools.map(({ name }) => name)).toEqual(['mail__read']);
    change('acme/mail', { tools: [{ name: 'read', enabled: false }] });
    expect(of('acme').tools).toEqual([]);
    expect(of('rival')).toBe(rival);
  });

  it('[mcp:list-compiled] holds what is there for each person, and for as long as it is', async () => {
    const whileDown = { type: 'Disabled' };
    const { catalog, lists } = await catalogOf({
      'acme/desk': { auth: { type: 'OAuth' } },
      'acme/mail': { tools: [{ name: 'send', whileDown }] },
    });
    await lists('acme/mail', 'read', 'send');
    const { definitions, held } = await lists('acme/desk', 'mine', 'yours');
    const own = new Map([...definitions].filter(([name]) => name === 'mine'));
    catalog.listedFor('acme/desk', 'ann', own, held);
    catalog.listedFor('acme/desk', 'bob', definitions, held);
    const all = globs('*');
    const names = (user: string) => offeredList(catalog, who(user), all, undefined).tools.map(({ name }) => name);
    expect(names('ann')).toEqual(['desk__mine', 'mail__read', 'mail__send']);
    expect(names('bob')).toEqual(['desk__mine', 'desk__yours', 'mail__read', 'mail__send']);
    catalog.judge((uid) => uid === 'acme/mail');
    expect(names('ann')).toEqual(['desk__mine', 'mail__read']);
    catalog.judge(() => false);
    expect(names('ann')).toEqual(['desk__mine', 'mail__read', 'mail__send']);
    catalog.own.left('acme/desk', 'bob');
    catalog.listedFor('acme/desk', 'ann', definitions, held);
    expect(names('ann')).toEqual(['desk__mine', 'desk__yours', 'mail__read', 'mail__send']);
  });

  it('[mcp:list-compiled] of a toolset follows the toolset, and gives a name to the first tool that is theirs', async () => {
    const { catalog, lists } = await catalogOf({ 'acme/mail': {}, 'acme/crm': {} });
    await lists('acme/mail', 'send');
    await lists('acme/crm', 'post');
    const set = (contentHash: string, ...servers: [string, string][]): Toolset =>
      ({
        tenant: 'acme',
        name: 'desk',
        uid: 'set',
        generation: 1,
        contentHash,
        spec: { mode: 'All', tools: servers.map(([server, tool]) => ({ server, tool, as: 'tell', arguments: [] })) },
      }) as unknown as Toolset;
    const servers = (access: Access, toolset: Toolset) =>
      offeredList(catalog, who('ann'), access, toolset).tools.map(({ name, tool }) => `${name}=${tool.server.name}`);
    const both = set('1', ['mail', 'send'], ['crm', 'post']);
    expect(servers(globs('*'), both)).toEqual(['tell=mail']);
    expect(servers(globs('crm/*'), both)).toEqual(['tell=crm']);
    expect(servers(globs('*'), set('2', ['crm', 'post'], ['mail', 'send']))).toEqual(['tell=crm']);
    expect(servers(globs('x/*'), both)).toEqual([]);
  });
});
