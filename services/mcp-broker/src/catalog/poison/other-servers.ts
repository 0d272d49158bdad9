import { weighedCache } from '@sallyport/chassis/weighed-cache';
import { skeleton } from '@sallyport/turn';
import type { DefinitionParts } from './definition-texts.ts';
import { definitionTexts } from './definition-texts.ts';
import type { Suspicion } from './detector.ts';

/** A tool of a tenant, as far as others can be measured against it. */
export interface NamedTool {
  readonly server: string;
  readonly definition: DefinitionParts & { readonly digest: string };
}

/** Codes of what is found only beside the tools of other servers; guesses, all of them. */
export const BESIDE_OTHERS = ['OtherServersTool', 'LookAlikeName'] as const;

const MAX_PLACES = 3;
const MAX_KEPT = 20_000;
/** How names look: those of a tenant are gathered anew when one server lists another thing. */
const looks = weighedCache<string>(MAX_KEPT);
// Of one plain word anybody may speak: only what is written like a name counts as one.
const IDENTIFIER = /[A-Za-z][A-Za-z0-9]*(?:[_.-]+[A-Za-z0-9]+)+|[a-z]+(?:[A-Z][a-z0-9]*)+/g;
// It takes the square of a run to look for one in it, and no name is that long.
const RUN = /[A-Za-z0-9_.-]+/g;
const MAX_RUN = 512;
const mentions = new Map<string, ReadonlyMap<string, string>>();

/**
 * What of one server's tools is suspicious beside those of the other servers of its tenant: definitions that speak of
 * another server's tools, and names that could be taken for theirs. By tool; tool by tool, since it may take long.
 */
export function* besideOthers(
  server: string,
  own: readonly NamedTool[],
  names: OtherNames,
): Generator<undefined, ReadonlyMap<string, readonly Suspicion[]>> {
  const found = new Map<string, Suspicion[]>();
  const ownNames = new Set(own.map(({ definition }) => definition.name));
  for (const { definition } of own) {
    const here: Suspicion[] = [];
    for (const [word, at] of mentionsIn(definition)) {
      if (here.length >= MAX_PLACES) break;
      if (!ownNames.has(word) && names.isOthers(server, word)) here.push({ code: 'OtherServersTool', at });
    }
    if (names.looksLikeOthers(server, definition.name)) here.push({ code: 'LookAlikeName', at: '/name' });
    if (here.length > 0) found.set(definition.name, here);
    yield;
  }
  return found;
}

/** The names of all tools of a tenant. */
export interface OtherNames {
  /** Whether another server has a tool of exactly this name, by itself or as models see it. */
  isOthers(server: string, name: string): boolean;
  /** Whether another server has a tool whose name is written otherwise and could be taken for this one. */
  looksLikeOthers(server: string, name: string): boolean;
}

/** Gathers names once for a change of the catalog, tool by tool. `exposedName` is under which each is shown to models. */
export function* otherNames(
  tools: Iterable<NamedTool & { readonly exposedName: string }>,
): Generator<undefined, OtherNames> {
  const byName = new Map<string, Set<string>>();
  const byLook = new Map<string, Map<string, Set<string>>>();
  for (const { server, definition, exposedName } of tools) {
    for (const name of [definition.name, exposedName]) byName.set(name, (byName.get(name) ?? new Set()).add(server));
    const look = lookOf(definition.name);
    const alike = byLook.get(look) ?? new Map<string, Set<string>>();
    byLook.set(look, alike.set(definition.name, (alike.get(definition.name) ?? new Set()).add(server)));
    yield;
  }
  const elsewhere = (servers: ReadonlySet<string> | undefined, server: string) =>
    servers !== undefined && (servers.size > 1 || !servers.has(server));
  return {
    isOthers: (server, name) => elsewhere(byName.get(name), server),
    looksLikeOthers: (server, name) =>
      [...(byLook.get(lookOf(name)) ?? [])].some(([other, servers]) => other !== name && elsewhere(servers, server)),
  };
}

function lookOf(name: string): string {
  const known = looks.get(name);
  if (known !== undefined) return known;
  const look = skeleton(name).replace(/[^\p{L}\p{N}]/gu, '');
  looks.put(name, look, 1);
  return look;
}

/** Words of a definition that are written like names of tools, with where the first of each stands. By digest. */
function mentionsIn(definition: NamedTool['definition']): ReadonlyMap<string, string> {
  const { digest, ...parts } = definition;
  const known = mentions.get(digest);
  if (known !== undefined) return known;
  const words = new Map<string, string>();
  for (const { at, plain } of definitionTexts(parts)) {
    if (at === '/name') continue;
    // A member's own name is no mention: `file_path` is an argument here and may be a tool elsewhere.
    if (at.endsWith(`/${plain}`)) continue;
    for (const [run] of plain.matchAll(RUN)) {
      if (run.length > MAX_RUN) continue;
      for (const [word] of run.matchAll(IDENTIFIER)) {
        if (!words.has(word)) words.set(word, at.replace(/[^\x21-\x7e]/g, '?').slice(0, 200));
      }
    }
  }
  if (mentions.size >= MAX_KEPT) mentions.delete(mentions.keys().next().value as string);
  mentions.set(digest, words);
  return words;
}
