import type { ToolsetSpec } from '@sallyport/custom-resources/toolset';
import type { Access } from '@sallyport/peers/access';
import type { Snapshot } from '@sallyport/peers/snapshot';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Catalog } from './catalog.ts';
import { type OfferedTool, offeredBy, plainly, type Toolset } from './toolset.ts';
import { mayUseServer, visibleTools } from './visibility.ts';

/** The virtual servers at `/mcp/<name>`. */
export interface Toolsets {
  /** One that this principal may know of: some server that it picks from is theirs to use. Others look as if they were not. */
  find(principal: Principal, access: Access, name: string): Toolset | undefined;
}

/** Follows Toolset in the snapshot. */
export function followToolsets(
  snapshot: Pick<Snapshot, 'items' | 'onChange'>,
  catalog: Pick<Catalog, 'server'>,
): Toolsets {
  let byName = new Map<string, Toolset>();
  const follow = () => {
    byName = new Map(
      snapshot.items('Toolset').map(({ tenant, name, uid, contentHash, spec }) => {
        return [`${tenant}/${name}`, { tenant, name, uid, contentHash, spec: spec as ToolsetSpec }];
      }),
    );
  };
  snapshot.onChange((kind) => {
    if (kind === 'Toolset') follow();
  });
  follow();
  return {
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

/** The tools of an endpoint for a principal, in ascending order of names: of a toolset, or of `/mcp` where there is none. */
export function offeredTools(
  catalog: Pick<Catalog, 'tools' | 'offers'>,
  principal: Principal,
  access: Access,
  toolset: Toolset | undefined,
): OfferedTool[] {
  const tools = visibleTools(catalog, principal, access);
  return toolset === undefined ? tools.map(plainly) : offeredBy(toolset, tools);
}
