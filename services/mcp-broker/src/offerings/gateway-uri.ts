import type { JsonObject } from '../catalog/definition.ts';

/**
 * The URI by which clients know a resource of a server: `<server>+<URI>`, so that `file:///a` of `docs` is `docs+file:///a`.
 * The scheme says whose it is, since no name of a ToolServer has a plus; templates stay templates, and what a client expands
 * from one has the prefix already. A name that no scheme may begin with is written after `n.`.
 */
export function gatewayUri(server: string, uri: string): string {
  return `${/^(?!n\.)[a-z]/.test(server) ? server : `n.${server}`}+${uri}`;
}

/** Whose resource a client names, and by what URI its server knows it; undefined for what is not written as we write it. */
export function readGatewayUri(written: string): { readonly server: string; readonly uri: string } | undefined {
  const at = written.indexOf('+');
  if (at < 1 || at > 256) return undefined;
  const prefix = written.slice(0, at);
  const server = prefix.startsWith('n.') ? prefix.slice(2) : prefix;
  const uri = written.slice(at + 1);
  return gatewayUri(server, uri) === written && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(server)
    ? { server, uri }
    : undefined;
}

/** A content block as clients see it: a resource that it shows or links to has the URI by which they can read it. */
export function clientBlock(server: string, block: JsonObject): JsonObject {
  if (block.type === 'resource_link' && typeof block.uri === 'string') {
    return { ...block, uri: gatewayUri(server, block.uri) };
  }
  if (block.type !== 'resource') return block;
  const { resource } = block;
  if (typeof resource !== 'object' || resource === null || Array.isArray(resource)) return block;
  if (typeof resource.uri !== 'string') return block;
  return { ...block, resource: { ...resource, uri: gatewayUri(server, resource.uri) } };
}
