import type { ToolsetSpec } from '@sallyport/custom-resources/toolset';
import type { Access } from '@sallyport/peers/access';
import type { Snapshot } from '@sallyport/peers/snapshot';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { BrokerTool, Catalog } from './catalog.ts';
import { type OfferedTool, offersOf, plainly, type Toolset } from './toolset.ts';
import { mayUseServer, toolFilter, visibleTools } from './visibility.ts';

/** The virtual servers at `/mcp/<name>`. */
export interface Toolsets {
  /** One that this principal may know of: some server that it picks from is theirs to use. Others look as if they were not. */
  find(principal: Principal, access: Access, name: string): Toolset | undefined;
  all(): Iterable<Toolset>;
  /** Called after Toolsets have changed. */
  onChange(listener: () => void): void;
}

/** Follows Toolset in the snapshot. */
export function followToolsets(
  snapshot: Pick<Snapshot, 'items' | 'onChange'>,
  catalog: Pick<Catalog, 'server'>,
): Toolsets {
  let byName = new Map<string, Toolset>();
  const listeners = new Set<() => void>();
  const follow = () => {
    byName = new Map(
      snapshot.items('Toolset').map(({ tenant, name, uid, generation, contentHash, spec }) => {
        return [`${tenant}/${name}`, { tenant, name, uid, generation, contentHash, spec: spec as ToolsetSpec }];
      }),
    );
  };
  snapshot.onChange((kind) => {
    if (kind !== 'Toolset') return;
    follow();
    for (const listener of listeners) listener();
  });
  follow();
  return {
    all: () => byName.values(),
    onChange: (listener) => void listeners.add(listener),
    find(principal, access, name) {
      const found = byName.get(`${principal.tenant}/${name}`);
      const mayKnow = found?.spec.tools.some((pick) => {
        const server = catalog.server(principal.tenant, pick.server);
        return server !== undefined && mayUseServer(principal, access, server);
      });
      return mayKnow ? found : undefined;
    },
  };
}

type Tools = Pick<Catalog, 'tools' | 'offers' | 'byExposedName'>;
type Offers = ReturnType<typeof offersOf>;

/** Worked out once for a toolset and what is in force, not for each request. */
const worked = new WeakMap<readonly BrokerTool[], Map<string, { readonly of: string; readonly offers: Offers }>>();

function offersFor(catalog: Tools, toolset: Toolset): Offers {
  const tools = catalog.tools(toolset.tenant);
  const held = worked.get(tools) ?? new Map<string, { of: string; offers: Offers }>();
  worked.set(tools, held);
  const known = held.get(toolset.uid);
  if (known?.of === toolset.contentHash) return known.offers;
  const offers = offersOf(toolset, tools);
  held.set(toolset.uid, { of: toolset.contentHash, offers });
  return offers;
}

/** The tools of an endpoint for a principal, in ascending order of names: of a toolset, or of `/mcp` where there is none. */
export function offeredTools(
  catalog: Tools,
  principal: Principal,
  access: Access,
  toolset: Toolset | undefined,
): OfferedTool[] {
  if (toolset === undefined) return visibleTools(catalog, principal, access).map(plainly);
  const may = mayCall(catalog, principal, access);
  return [...offersFor(catalog, toolset).values()].flatMap((alike) => alike.find(may) ?? []);
}

/** The tool of a name at an endpoint, if it is there for a principal. */
export function offeredTool(
  catalog: Tools,
  principal: Principal,
  access: Access,
  toolset: Toolset | undefined,
  name: string,
): OfferedTool | undefined {
  const may = mayCall(catalog, principal, access);
  if (toolset !== undefined) return offersFor(catalog, toolset).get(name)?.find(may);
  const tool = catalog.byExposedName(principal.tenant, name);
  const plain = tool && plainly(tool);
  return plain && may(plain) ? plain : undefined;
}

function mayCall(catalog: Tools, principal: Principal, access: Access): (offered: OfferedTool) => boolean {
  const may = toolFilter(principal, access);
  return ({ tool }) => may(tool) && catalog.offers(principal, tool);
}
