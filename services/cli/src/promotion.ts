import { type Document, isMap, parseAllDocuments } from 'yaml';

/** What is known of a tool of a server, as its status tells it. */
export interface SeenTool {
  readonly name: string;
  readonly class: string;
  readonly digest?: string;
  readonly heldDigest?: string;
  readonly suspicions?: readonly { readonly code: string; readonly at: string }[];
}

/** An entry of `spec.tools`. */
export interface NamedTool {
  readonly name: string;
  readonly class?: string;
  readonly digest?: string;
}

/** An entry of `spec.pins`. */
export interface PinnedTool {
  readonly name: string;
  readonly digest: string;
}

/** What a promotion writes, and what it leaves to a person. */
export interface Promotion {
  readonly tools: readonly NamedTool[];
  /** Digests of tools for which `tools` has no room; empty: it has. */
  readonly pins: readonly PinnedTool[];
  /** Tools that are pinned by it. */
  readonly pinned: readonly string[];
  /** Left out: something in the definition has to be looked at first. */
  readonly leftOut: readonly SeenTool[];
}

/** Most entries of `spec.tools`. */
export const MAX_NAMED = 256;

/**
 * The entries of `spec.tools`, and of `spec.pins` where there are too many, by which a server is promoted: each tool that is there with the digest of the definition that
 * it has now. A tool with something suspicious in its definition is left out unless it is accepted by name.
 */
export function promotionOf(
  named: readonly NamedTool[],
  seen: readonly SeenTool[],
  accepted: readonly string[],
  earlier: readonly PinnedTool[] = [],
): Promotion {
  const leftOut = seen.filter(({ name, suspicions = [] }) => suspicions.length > 0 && !accepted.includes(name));
  const taken = seen.filter((tool) => !leftOut.includes(tool));
  const known = new Map(named.map((tool) => [tool.name, tool]));
  const pins = taken.flatMap((tool) => {
    const digest = tool.heldDigest ?? tool.digest;
    return digest === undefined
      ? []
      : [{ ...(known.get(tool.name) ?? { name: tool.name, class: tool.class }), digest }];
  });
  const pinned = new Set(pins.map(({ name }) => name));
  const tools = [...pins, ...named.filter(({ name }) => !pinned.has(name))];
  const left = earlier.filter(({ name }) => !pinned.has(name));
  if (tools.length <= MAX_NAMED) return { tools, pins: left, pinned: [...pinned], leftOut };
  // Of a tool of which nothing else is said the digest alone is written; its class is that of the server.
  const bare = pins.filter(({ name }) => !known.has(name)).map(({ name, digest }) => ({ name, digest }));
  return {
    tools: tools.filter(({ name }) => known.has(name)),
    pins: [...left, ...bare],
    pinned: [...pinned],
    leftOut,
  };
}

/** Text of YAML in which a ToolServer is promoted, all else as it was written; undefined where the server is not in it. */
export function promotedText(
  text: string,
  server: string,
  tools: readonly NamedTool[],
  pins: readonly PinnedTool[] = [],
): string | undefined {
  const documents = parseAllDocuments(text) as Document[];
  const found = documents.find(
    (one) => one.get('kind') === 'ToolServer' && one.getIn(['metadata', 'name']) === server && isMap(one.get('spec')),
  );
  if (found === undefined) return undefined;
  found.setIn(['spec', 'stage'], 'Live');
  for (const tool of tools) {
    const written = found.getIn(['spec', 'tools']) as { items?: { get?: (key: string) => unknown }[] } | undefined;
    const at = written?.items?.findIndex((item) => item.get?.('name') === tool.name) ?? -1;
    if (at >= 0 && tool.digest === undefined) continue;
    if (at >= 0) found.setIn(['spec', 'tools', at, 'digest'], tool.digest);
    else if (written === undefined) found.setIn(['spec', 'tools'], found.createNode([tool]));
    else found.addIn(['spec', 'tools'], found.createNode(tool));
  }
  if (pins.length > 0) found.setIn(['spec', 'pins'], found.createNode(pins));
  return documents.map((one) => one.toString({ lineWidth: 0 })).join('');
}
