import { GatewayError } from '@sallyport/chassis/errors';
import type { Access } from '@sallyport/peers/access';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { canonicalJson, exposedName, refusal } from '@sallyport/turn';
import type { Catalog } from './catalog/catalog.ts';
import type { JsonObject } from './catalog/definition.ts';
import { offeredList, tokensOf } from './catalog/offered-list.ts';
import { type Found, findTools } from './catalog/search/find.ts';
import type { OfferedTool } from './catalog/toolset.ts';
import type { Toolsets } from './catalog/toolsets.ts';
import { sha256 } from './digests.ts';

interface Known {
  readonly catalog: Catalog;
  readonly toolsets: Toolsets;
}

/**
 * The tools of a toolset for the model plane: its names below its own name, its texts and narrower schemas, and the
 * arguments that it sets. Empty where there is none, or none that is theirs.
 */
export function ofToolset({ catalog, toolsets }: Known, principal: Principal, access: Access, name: string) {
  const toolset = toolsets.find(principal, access, name);
  if (toolset === undefined) return [];
  return offeredList(catalog, principal, access, toolset).tools.map((offered) => {
    const { shown, tool } = offered;
    const as = {
      exposedName: nameBelow(name, offered),
      description: shown.description ?? '',
      inputSchemaJson: JSON.stringify(shown.inputSchema),
      toolset: name,
      setArgumentsJson: JSON.stringify(setBy(offered)),
    };
    return { tool, as };
  });
}

/** The toolsets among some names whose tools a model is to search, with what it is told of them. */
export function searchedAmong({ toolsets }: Known, principal: Principal, access: Access, names: readonly string[]) {
  return names.flatMap((name) => {
    const spec = toolsets.find(principal, access, name)?.spec;
    if (spec?.mode !== 'Search') return [];
    return [{ name, about: [spec.title, spec.instructions].filter((one) => one !== undefined).join(': ') }];
  });
}

/** Looks for tools of a toolset by its names at the model plane, among those named and nowhere else. */
export function searchToolset(
  { catalog, toolsets }: Known,
  principal: Principal,
  access: Access,
  asked: {
    readonly toolset: string;
    readonly among: readonly string[];
    readonly query: string;
    readonly limit: number;
  },
): Found {
  const toolset = toolsets.find(principal, access, asked.toolset);
  const among = new Set(asked.among);
  const all = toolset === undefined ? [] : offeredList(catalog, principal, access, toolset).tools;
  const offered = all.filter((one) => among.has(nameBelow(asked.toolset, one)));
  return findTools(offered, tokensOf(offered), asked, (one) => ({
    name: nameBelow(asked.toolset, one),
    ...(one.shown.description === undefined ? {} : { description: one.shown.description }),
    inputSchema: one.shown.inputSchema,
  }));
}

/**
 * Why a decided call may not be made by the toolset under which it was listed: words for the model, as an answer of the
 * tool; undefined where nothing stands against it. Throws GatewayError conflict where the toolset is another by now.
 */
export function breaksToolset(
  { catalog, toolsets }: Known,
  principal: Principal,
  access: Access,
  asked: {
    readonly toolset: string;
    readonly exposedName: string;
    readonly tool?: { readonly name: string } | undefined;
  },
  args: JsonObject,
) {
  const toolset = toolsets.find(principal, access, asked.toolset);
  const offered =
    toolset &&
    offeredList(catalog, principal, access, toolset).tools.find(
      (one) => nameBelow(toolset.name, one) === asked.exposedName && one.tool.definition.name === asked.tool?.name,
    );
  if (offered === undefined) throw new GatewayError('conflict', 'The toolset of this tool has changed.');
  const set = setBy(offered);
  const isSet = Object.entries(set).every(
    ([name, value]) => canonicalJson(args[name] ?? null) === canonicalJson(value),
  );
  if (!isSet) throw new GatewayError('conflict', 'The toolset of this tool has changed.');
  const given = Object.fromEntries(Object.entries(args).filter(([name]) => !Object.hasOwn(set, name)));
  const completed = offered.complete(given);
  if (!('fault' in completed)) return undefined;
  const text = `${refusal('invalid_arguments').text} ${completed.fault}`;
  const resultJson = JSON.stringify({ content: [{ type: 'text', text }], isError: true });
  return { resultJson, isError: true, latencyMs: 0, credentialReference: '', sizeBytes: Buffer.byteLength(resultJson) };
}

function nameBelow(toolset: string, { name }: OfferedTool): string {
  return exposedName(sha256, toolset, name);
}

/** The arguments that a toolset sets, whatever is given. */
function setBy(offered: OfferedTool): JsonObject {
  const completed = offered.complete({});
  return 'fault' in completed ? {} : Object.fromEntries(completed.set.map(({ name, value }) => [name, value]));
}
