import type { ToolsetSpec } from '@sallyport/custom-resources/toolset';
import type { Access } from '@sallyport/peers/access';
import type { Snapshot } from '@sallyport/peers/snapshot';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Catalog } from './catalog.ts';
import { type ListedCatalog, offersFor } from './offered-list.ts';
import { type OfferedTool, plainly, type Toolset } from './toolset.ts';
import { mayUseServer, toolFilter } from './visibility.ts';

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

/** The tool of a name at an endpoint, if it is there for a principal. */
export function offeredTool(
  catalog: ListedCatalog,
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

function mayCall(catalog: ListedCatalog, principal: Principal, access: Access): (offered: OfferedTool) => boolean {
  const may = toolFilter(principal, access);
  return ({ tool }) => may(tool) && catalog.offers(principal, tool);
}
