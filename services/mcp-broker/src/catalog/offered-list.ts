import { type WeighedCache, weighedCache } from '@sallyport/chassis/weighed-cache';
import type { Access } from '@sallyport/peers/access';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { BrokerTool, Catalog } from './catalog.ts';
import { definitionTokens } from './token-cost.ts';
import { type OfferedTool, offersOf, plainly, type Toolset } from './toolset.ts';
import { toolFilter } from './visibility.ts';

/** What an endpoint offers to all who have the same rights; one object for as long as nothing of it changes. */
export interface OfferedList {
  /** Unique in this process: what is made of the list is kept by it. */
  readonly id: number;
  /** In ascending order of names, which are unique. */
  readonly tools: readonly OfferedTool[];
  /** What their definitions take in the context of a model together. */
  readonly tokens: number;
}

/** What lists are made of. */
export type ListedCatalog = Pick<Catalog, 'tools' | 'offers' | 'varies' | 'byExposedName'>;

/** What may be offered to somebody with certain rights, before it is asked what is there for this person now. */
interface Candidates {
  /** Those of one name; the first that is there has it. */
  readonly alike: readonly (readonly OfferedTool[])[];
  /** Tools among them that are not there for everybody, or not always. */
  readonly varying: readonly BrokerTool[];
}

/** What is made of the tools in force of one tenant. */
interface Made {
  readonly candidates: WeighedCache<Candidates>;
  readonly lists: WeighedCache<OfferedList>;
  readonly offers: Map<string, { readonly of: string; readonly offers: Offers }>;
}

type Offers = ReturnType<typeof offersOf>;

/** Weight of the lists kept of one tenant: a unit is about eight bytes. */
const MAX_WEIGHT = 1_000_000;
/** What a list weighs that has nothing in it. */
const LIST_WEIGHT = 64;
/** The tools in force of a tenant are one object for as long as they are, and what is made of them goes with them. */
const madeOf = new WeakMap<readonly BrokerTool[], Made>();
let lastId = 0;

/**
 * The list of an endpoint for a principal: of a toolset, or of `/mcp` where there is none. Worked out once for all who have
 * the same rights, by what these rights are, and for one state of the catalog; what a server offers to each person, and what
 * is not offered while its server is down, is asked each time, and is part of what a list is kept by.
 */
export function offeredList(
  catalog: ListedCatalog,
  principal: Principal,
  access: Access,
  toolset: Toolset | undefined,
): OfferedList {
  const { candidates, lists } = madeOfTools(catalog.tools(principal.tenant));
  const of = toolset === undefined ? '' : `${toolset.uid} ${toolset.contentHash}`;
  const rights = `${of} ${access.toolRights} ${JSON.stringify(principal.tools)}`;
  let held = candidates.get(rights);
  if (held === undefined) {
    held = findCandidates(catalog, principal, access, toolset);
    candidates.put(rights, held, LIST_WEIGHT + held.alike.length * 6);
  }
  const { alike, varying } = held;
  const there = varying.map((tool) => (catalog.offers(principal, tool) ? '1' : '0')).join('');
  const key = `${rights} ${there}`;
  const known = lists.get(key);
  if (known !== undefined) return known;
  const away = new Set(varying.filter((_, index) => there[index] === '0'));
  const tools = alike.flatMap((ones) => ones.find(({ tool }) => !away.has(tool)) ?? []);
  const list = { id: ++lastId, tools, tokens: tokensOf(tools) };
  lists.put(key, list, LIST_WEIGHT + tools.length + there.length);
  return list;
}

/** What definitions take in the context of a model together. */
export function tokensOf(offered: readonly OfferedTool[]): number {
  return offered.reduce((sum, { shown }) => sum + definitionTokens(shown), 0);
}

function findCandidates(
  catalog: ListedCatalog,
  principal: Principal,
  access: Access,
  toolset: Toolset | undefined,
): Candidates {
  const may = toolFilter(principal, access);
  const all =
    toolset === undefined
      ? catalog.tools(principal.tenant).flatMap((tool) => (may(tool) ? [[plainly(tool)]] : []))
      : [...offersFor(catalog, toolset).values()].map((alike) => alike.filter(({ tool }) => may(tool)));
  const alike = all.filter(({ length }) => length > 0);
  const tools = new Set(alike.flatMap((ones) => ones.map(({ tool }) => tool)));
  return { alike, varying: [...tools].filter(catalog.varies) };
}

/** What a toolset offers of the tools in force, by name; to whom is another question. Worked out once, not for each request. */
export function offersFor(catalog: Pick<Catalog, 'tools'>, toolset: Toolset): Offers {
  const tools = catalog.tools(toolset.tenant);
  const held = madeOfTools(tools).offers;
  const known = held.get(toolset.uid);
  if (known?.of === toolset.contentHash) return known.offers;
  const offers = offersOf(toolset, tools);
  held.set(toolset.uid, { of: toolset.contentHash, offers });
  return offers;
}

function madeOfTools(tools: readonly BrokerTool[]): Made {
  const known = madeOf.get(tools);
  if (known !== undefined) return known;
  const made = {
    candidates: weighedCache<Candidates>(MAX_WEIGHT),
    lists: weighedCache<OfferedList>(MAX_WEIGHT),
    offers: new Map<string, { of: string; offers: Offers }>(),
  };
  madeOf.set(tools, made);
  return made;
}
