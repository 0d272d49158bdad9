import type { ToolServerSpec } from '@sallyport/custom-resources/tool-server';
import type { Pins } from '../store.ts';
import type { Definition, ReadDefinitions } from './definition.ts';

/** What a server offered at its last successful listing, and which definitions are pinned. */
export interface Listing extends ReadDefinitions {
  /** Digest in force by tool; what has none is not in force. */
  readonly pins: Pins;
}

/** A definition in force, as the ToolServer classes it. */
export interface InForce {
  readonly definition: Definition;
  readonly toolClass: string;
  readonly timeoutMs: number;
}

/** Line of `status.tools`. Digests with the prefix `sha256:`, classes as the resource writes them. */
export interface ToolStatus {
  readonly name: string;
  readonly class: string;
  readonly digest: string;
  readonly heldDigest?: string;
}

/** What a listing comes to under a ToolServer. */
export interface Settled {
  /** May be listed and called. */
  readonly inForce: readonly InForce[];
  /** Names of tools whose definition is another than the pinned one: neither listed nor callable. */
  readonly held: readonly string[];
  readonly status: readonly ToolStatus[];
  readonly dropped: Listing['dropped'];
}

/**
 * Decides which of the listed definitions are in force: those whose digest is the one that the ToolServer names, else the
 * one that was pinned when the tool was first seen. A definition that changed is held until the ToolServer names it.
 */
export function settle(server: { readonly spec: ToolServerSpec }, listing: Listing): Settled {
  const { spec } = server;
  const named = new Map(spec.tools.map((tool) => [tool.name, tool]));
  const inForce: InForce[] = [];
  const held: string[] = [];
  const status: ToolStatus[] = [];
  const names = [...listing.definitions.keys()].sort();
  for (const name of names) {
    const definition = listing.definitions.get(name) as Definition;
    const known = named.get(name);
    const given = known?.class ?? spec.defaultClass;
    const pin = bareDigest(known?.digest) ?? listing.pins.get(name);
    if (pin === undefined) continue;
    if (pin !== definition.digest) {
      held.push(name);
      status.push({ name, class: given, digest: `sha256:${pin}`, heldDigest: `sha256:${definition.digest}` });
      continue;
    }
    status.push({ name, class: given, digest: `sha256:${pin}` });
    if (known?.enabled === false) continue;
    const timeoutMs = (known?.timeoutSeconds ?? spec.timeoutSeconds) * 1000;
    inForce.push({ definition, toolClass: given.toLowerCase(), timeoutMs });
  }
  return { inForce, held, status, dropped: listing.dropped };
}

/** What to pin of a listing: digests seen, and digests that the ToolServer names and the server offers (reviewed). */
export function pinsOf(
  spec: ToolServerSpec,
  definitions: ReadonlyMap<string, Definition>,
): { seen: Map<string, string>; reviewed: Map<string, string> } {
  const named = new Map(spec.tools.map((tool) => [tool.name, bareDigest(tool.digest)]));
  const seen = new Map<string, string>();
  const reviewed = new Map<string, string>();
  for (const [name, { digest }] of definitions) {
    const wanted = named.get(name);
    if (wanted === undefined) seen.set(name, digest);
    else if (wanted === digest) reviewed.set(name, digest);
  }
  return { seen, reviewed };
}

function bareDigest(digest: string | undefined): string | undefined {
  return digest?.replace(/^sha256:/, '');
}
