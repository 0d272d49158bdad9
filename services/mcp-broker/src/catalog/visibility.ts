import { isStaged } from '@sallyport/custom-resources/tool-server-stage';
import { type Access, matcher, mayKnowServer } from '@sallyport/peers/access';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { BrokerTool, Server } from './catalog.ts';

/**
 * Tells whether a principal is authorised for a tool, which must be of its tenant: by AccessPolicy and by the scope of the
 * key, nothing else. The state of a conversation never changes a list (MCP 2026-07-28 forbids it); it is enforced at the
 * call.
 */
export function toolFilter(principal: Principal, access: Access): (tool: BrokerTool) => boolean {
  const scope = principal.tools.length === 0 ? () => true : matcher(principal.tools);
  return ({ server, definition }) =>
    isOpen(principal, access, server) &&
    scope(`${server.name}/${definition.name}`) &&
    access.allowsTool(server.name, definition.name);
}

/** Tells whether a principal may know of a server, listed or not: some tool of it might be theirs. */
export function mayUseServer(principal: Principal, access: Access, server: Server): boolean {
  return isOpen(principal, access, server) && mayKnowServer(principal, access, server.name);
}

/**
 * Tells whether a server is of the principal's tenant and, in stage Sandbox, reviewed by it. By the very spec that is in
 * force here: policy may not have heard of the stage yet, and then names no reviewers.
 */
export function isOpen({ tenant }: Pick<Principal, 'tenant'>, access: Access, server: Server): boolean {
  return server.tenant === tenant && (!isStaged(server.spec) || access.reviews(server.name));
}
