import type { ToolServerSpec } from '@sallyport/custom-resources/tool-server';
import { isStaged, needsReview } from '@sallyport/custom-resources/tool-server-stage';
import { canonicalJson, type JsonValue } from '@sallyport/turn';
import type { Suspicion } from '../catalog/poison/detector.ts';
import { isCertain, lookThrough } from '../catalog/poison/look-through.ts';
import type { HeldFor } from '../catalog/settle.ts';
import { sha256 } from '../digests.ts';
import type { Pins } from '../store.ts';
import type { Prompt, Resource } from './definitions.ts';

/** A prompt whose definition was looked through. */
export interface JudgedPrompt {
  readonly prompt: Prompt;
  readonly digest: string;
  readonly suspicions: readonly Suspicion[];
}

/** Line of `status.prompts`; digests with the prefix `sha256:`. */
export interface PromptStatus {
  readonly name: string;
  readonly digest?: string;
  readonly heldDigest?: string;
  readonly suspicions?: readonly Suspicion[];
}

/** What there is to say of what a server has besides tools. */
export interface Review {
  readonly prompts: readonly PromptStatus[];
  /** Prompts whose definition waits for a reviewer. */
  readonly held: ReadonlyMap<string, HeldFor>;
  /** What is suspicious in resources and templates, by URI: each is told of, none is held. */
  readonly resources: ReadonlyMap<string, readonly Suspicion[]>;
}

/** What a server listed, looked through. */
export interface Judged {
  readonly prompts: readonly JudgedPrompt[];
  readonly resources: ReadonlyMap<string, readonly Suspicion[]>;
}

/** What of a ToolServer says which definitions were reviewed. */
type Reviewed = Pick<ToolServerSpec, 'stage' | 'reviewers' | 'prompts'>;

const MAX_SUSPICIONS = 8;
const MAX_STATUS = 256;
/** Where pins of prompts stand among those of tools: no tool has a name with a slash. */
const PIN = 'prompts/';

/** Looks through prompts, resources and templates for what could lead a model astray, as through tools; to be done in slices. */
export function* judge(prompts: readonly Prompt[], resources: readonly Resource[]): Generator<undefined, Judged> {
  const judged: JudgedPrompt[] = [];
  for (const prompt of prompts) {
    const digest = sha256(canonicalJson({ prompt } as unknown as JsonValue));
    judged.push({ prompt, digest, suspicions: suspicionsOf(prompt, digest) });
    yield;
  }
  const found = new Map<string, readonly Suspicion[]>();
  for (const { uri, name, title, description } of resources) {
    if (title === undefined && description === undefined) continue;
    const texts = {
      name,
      ...(title === undefined ? {} : { title }),
      ...(description === undefined ? {} : { description }),
    };
    const suspicions = suspicionsOf(texts, sha256(canonicalJson({ resource: texts })));
    if (suspicions.length > 0) found.set(uri, suspicions);
    yield;
  }
  return { prompts: judged, resources: found };
}

function suspicionsOf(texts: { readonly name: string }, digest: string): readonly Suspicion[] {
  return lookThrough({ ...texts, inputSchema: null, digest }).slice(0, MAX_SUSPICIONS);
}

/** What to pin of prompts: digests seen, and digests that the ToolServer names and the server offers (reviewed). */
export function promptPins(
  spec: Reviewed,
  prompts: readonly JudgedPrompt[],
): { readonly seen: Map<string, string>; readonly reviewed: Map<string, string> } {
  const named = namedIn(spec);
  const seen = new Map<string, string>();
  const reviewed = new Map<string, string>();
  const bySight = !isStaged(spec) && !needsReview(spec);
  for (const { prompt, digest, suspicions } of prompts) {
    const wanted = named.get(prompt.name);
    if (wanted === digest) reviewed.set(PIN + prompt.name, digest);
    else if (wanted === undefined && bySight && !suspicions.some(isCertain)) seen.set(PIN + prompt.name, digest);
  }
  return { seen, reviewed };
}

/**
 * Decides which prompts are in force: those whose digest the ToolServer names, else the one that was pinned when the prompt was
 * first seen. One that changed is held until the ToolServer names it, and so is one that certainly hides something. In
 * stage Sandbox what is listed is in force, for reviewers to look at; a server that has reviewers and is Live offers what
 * they named.
 */
export function settlePrompts(
  spec: Reviewed,
  { prompts, resources }: Judged,
  pins: Pins,
): { readonly inForce: Prompt[]; readonly review: Review } {
  const named = namedIn(spec);
  const inForce: Prompt[] = [];
  const held = new Map<string, HeldFor>();
  const status: PromptStatus[] = [];
  for (const { prompt, digest, suspicions } of prompts) {
    const { name } = prompt;
    const reviewed = named.get(name);
    const pin = reviewed ?? pinSeen(spec, name, digest, pins);
    const why = heldFor(spec, { digest, suspicions }, reviewed, pin);
    const found = suspicions.length === 0 ? {} : { suspicions };
    if (why === undefined) inForce.push(prompt);
    else held.set(name, why);
    const before = pin === undefined || pin === digest ? {} : { digest: `sha256:${pin}` };
    const now = why === undefined ? { digest: `sha256:${digest}` } : { ...before, heldDigest: `sha256:${digest}` };
    status.push({ name, ...now, ...found });
  }
  return { inForce, review: { prompts: status.slice(0, MAX_STATUS), held, resources } };
}

function pinSeen(spec: Reviewed, name: string, digest: string, pins: Pins): string | undefined {
  if (isStaged(spec)) return digest;
  return needsReview(spec) ? undefined : pins.get(PIN + name);
}

function heldFor(
  spec: Reviewed,
  { digest, suspicions }: Pick<JudgedPrompt, 'digest' | 'suspicions'>,
  reviewed: string | undefined,
  pin: string | undefined,
): HeldFor | undefined {
  if (digest === reviewed) return undefined;
  if (suspicions.some(isCertain)) return 'suspect';
  if (pin === undefined && needsReview(spec)) return 'unreviewed';
  return pin === digest ? undefined : 'drift';
}

/**
 * What there is to say of what a server has for several persons, each of whom it may show another thing: of a prompt that is
 * held for one of them, that it is.
 */
export function reviewOfAll(reviews: readonly Review[]): Review {
  const prompts = new Map<string, PromptStatus>();
  const held = new Map<string, HeldFor>();
  const resources = new Map<string, readonly Suspicion[]>();
  for (const one of reviews) {
    for (const line of one.prompts) {
      if (prompts.get(line.name)?.heldDigest === undefined) prompts.set(line.name, line);
    }
    for (const [name, why] of one.held) if (!held.has(name)) held.set(name, why);
    for (const [uri, found] of one.resources) resources.set(uri, found);
  }
  const lines = [...prompts.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { prompts: lines.slice(0, MAX_STATUS), held, resources };
}

function namedIn({ prompts = [] }: Pick<ToolServerSpec, 'prompts'>): ReadonlyMap<string, string> {
  return new Map(prompts.map(({ name, digest }) => [name, digest.replace(/^sha256:/, '')]));
}
