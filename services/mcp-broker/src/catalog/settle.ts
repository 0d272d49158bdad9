import type { ToolServerSpec } from '@sallyport/custom-resources/tool-server';
import { reviewedDigests } from '@sallyport/custom-resources/tool-server-pins';
import { isStaged, needsReview } from '@sallyport/custom-resources/tool-server-stage';
import type { Pins } from '../store.ts';
import type { Definition, ReadDefinitions } from './definition.ts';
import type { Suspicion } from './poison/detector.ts';
import { isCertain } from './poison/look-through.ts';

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
  readonly digest?: string;
  readonly heldDigest?: string;
}

/** Why a definition is held. `drift`: another than the pinned one; `unreviewed`: no reviewer named it; `suspect`: it hides something. */
export type HeldFor = 'drift' | 'unreviewed' | 'suspect';

/** What a listing comes to under a ToolServer. */
export interface Settled {
  /** May be listed and called. */
  readonly inForce: readonly InForce[];
  /** Tools whose definition waits for a reviewer: neither listed nor callable. */
  readonly held: ReadonlyMap<string, HeldFor>;
  readonly status: readonly ToolStatus[];
  readonly dropped: Listing['dropped'];
  /** What the server listed, in force or not. */
  readonly definitions: readonly Definition[];
}

/**
 * Decides which of the listed definitions are in force: those whose digest is the one that the ToolServer names, else the
 * one that was pinned when the tool was first seen. A definition that changed is held until the ToolServer names it, and so
 * is one that certainly hides something. In stage Sandbox what is listed is in force, for reviewers to look at; a server
 * that has reviewers and is Live offers what they named.
 */
export function settle(server: { readonly spec: ToolServerSpec }, listing: Listing): Settled {
  const { spec } = server;
  const named = new Map(spec.tools.map((tool) => [tool.name, tool]));
  const digests = reviewedDigests(spec);
  const inForce: InForce[] = [];
  const held = new Map<string, HeldFor>();
  const status: ToolStatus[] = [];
  const definitions = [...listing.definitions.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const definition of definitions) {
    const { name, digest } = definition;
    const known = named.get(name);
    const given = known?.class ?? spec.defaultClass;
    const reviewed = bareDigest(digests.get(name));
    const pin = reviewed ?? pinSeen(spec, definition, listing.pins);
    const why = heldFor(spec, definition, reviewed, pin);
    const line = { name, class: given };
    if (why !== undefined) {
      held.set(name, why);
      const before = pin === undefined || pin === digest ? {} : { digest: `sha256:${pin}` };
      status.push({ ...line, ...before, heldDigest: `sha256:${digest}` });
      continue;
    }
    if (pin === undefined) continue;
    status.push({ ...line, digest: `sha256:${pin}` });
    if (known?.enabled === false) continue;
    const timeoutMs = (known?.timeoutSeconds ?? spec.timeoutSeconds) * 1000;
    inForce.push({ definition, toolClass: given.toLowerCase(), timeoutMs });
  }
  return { inForce, held, status, dropped: listing.dropped, definitions };
}

function pinSeen(spec: ToolServerSpec, { name, digest }: Definition, pins: Pins): string | undefined {
  if (isStaged(spec)) return digest;
  if (needsReview(spec)) return undefined;
  // What its own resource says has changed with the resource, by whoever may change that.
  return spec.turnLoop === undefined ? pins.get(name) : digest;
}

function heldFor(
  spec: ToolServerSpec,
  definition: Definition,
  reviewed: string | undefined,
  pin: string | undefined,
): HeldFor | undefined {
  const { digest } = definition;
  if (digest === reviewed) return undefined;
  if (hidesSomething(definition)) return 'suspect';
  if (pin === undefined) return needsReview(spec) ? 'unreviewed' : undefined;
  return pin === digest ? undefined : 'drift';
}

function hidesSomething({ suspicions = [] }: { readonly suspicions?: readonly Suspicion[] }): boolean {
  return suspicions.some(isCertain);
}

/** What to pin of a listing: digests seen, and digests that the ToolServer names and the server offers (reviewed). */
export function pinsOf(
  spec: ToolServerSpec,
  definitions: ReadonlyMap<string, Definition>,
): { seen: Map<string, string>; reviewed: Map<string, string> } {
  const digests = reviewedDigests(spec);
  const seen = new Map<string, string>();
  const reviewed = new Map<string, string>();
  const bySight = !isStaged(spec) && !needsReview(spec);
  for (const [name, definition] of definitions) {
    const { digest } = definition;
    const wanted = bareDigest(digests.get(name));
    if (wanted === digest) reviewed.set(name, digest);
    else if (wanted === undefined && bySight && !hidesSomething(definition)) seen.set(name, digest);
  }
  return { seen, reviewed };
}

function bareDigest(digest: string | undefined): string | undefined {
  return digest?.replace(/^sha256:/, '');
}
