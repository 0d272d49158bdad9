import { type Document, isMap, parseAllDocuments } from 'yaml';

/** What is known of a prompt of a server, as its status tells it. */
export interface SeenPrompt {
  readonly name: string;
  readonly digest?: string;
  readonly heldDigest?: string;
  readonly suspicions?: readonly { readonly code: string; readonly at: string }[];
}

/** The same of a tool. */
export interface SeenTool extends SeenPrompt {
  readonly class: string;
}

/** An entry of `spec.tools`. */
export interface NamedTool {
  readonly name: string;
  readonly class?: string;
  readonly digest?: string;
}

/** An entry of `spec.pins` or `spec.prompts`. */
export interface Pinned {
  readonly name: string;
  readonly digest: string;
}

/** What a promotion writes, and what it leaves to a person. */
export interface Promotion {
  readonly tools: readonly NamedTool[];
  /** Digests of tools for which `tools` has no room; empty: it has. */
  readonly pins: readonly Pinned[];
  /** Tools that are pinned by it. */
  readonly pinned: readonly string[];
  /** Left out: something in the definition has to be looked at first. */
  readonly leftOut: readonly SeenTool[];
}

/** Most entries of `spec.tools`, and of `spec.prompts`. */
export const MAX_NAMED = 256;

/**
 * The entries of `spec.tools`, and of `spec.pins` where there are too many, by which a server is promoted: each tool that is there with the digest of the definition that
 * it has now. A tool with something suspicious in its definition is left out unless it is accepted by name.
 */
export function promotionOf(
  named: readonly NamedTool[],
  seen: readonly SeenTool[],
  accepted: readonly string[],
  earlier: readonly Pinned[] = [],
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

/** What a promotion writes of prompts. */
export interface PromptPromotion {
  readonly prompts: readonly Pinned[];
  readonly pinned: readonly string[];
  readonly leftOut: readonly SeenPrompt[];
}

/** The entries of `spec.prompts` by which a server is promoted, likewise; a prompt is accepted as `prompt:<name>`. */
export function promptPromotionOf(
  named: readonly Pinned[],
  seen: readonly SeenPrompt[],
  accepted: readonly string[],
): PromptPromotion {
  const leftOut = seen.filter(
    ({ name, suspicions = [] }) => suspicions.length > 0 && !accepted.includes(promptWord(name)),
  );
  const pins = seen.flatMap((prompt) => {
    const digest = prompt.heldDigest ?? prompt.digest;
    return digest === undefined || leftOut.includes(prompt) ? [] : [{ name: prompt.name, digest }];
  });
  const pinned = new Set(pins.map(({ name }) => name));
  return { prompts: [...pins, ...named.filter(({ name }) => !pinned.has(name))], pinned: [...pinned], leftOut };
}

/** How a prompt is named beside tools. */
export function promptWord(name: string): string {
  return `prompt:${name}`;
}

/** Text of YAML in which a ToolServer is promoted, all else as it was written; undefined where the server is not in it. */
export function promotedText(
  text: string,
  server: string,
  tools: readonly NamedTool[],
  pins: readonly Pinned[] = [],
  prompts: readonly Pinned[] = [],
): string | undefined {
  const documents = parseAllDocuments(text) as Document[];
  const found = documents.find(
    (one) => one.get('kind') === 'ToolServer' && one.getIn(['metadata', 'name']) === server && isMap(one.get('spec')),
  );
  if (found === undefined) return undefined;
  found.setIn(['spec', 'stage'], 'Live');
  writeEntries(found, 'tools', tools);
  if (pins.length > 0) found.setIn(['spec', 'pins'], found.createNode(pins));
  writeEntries(found, 'prompts', prompts);
  return documents.map((one) => one.toString({ lineWidth: 0 })).join('');
}

function writeEntries(found: Document, list: 'tools' | 'prompts', entries: readonly NamedTool[]): void {
  for (const entry of entries) {
    const written = found.getIn(['spec', list]) as { items?: { get?: (key: string) => unknown }[] } | undefined;
    const at = written?.items?.findIndex((item) => item.get?.('name') === entry.name) ?? -1;
    if (at >= 0 && entry.digest === undefined) continue;
    if (at >= 0) found.setIn(['spec', list, at, 'digest'], entry.digest);
    else if (written === undefined) found.setIn(['spec', list], found.createNode([entry]));
    else found.addIn(['spec', list], found.createNode(entry));
  }
}
