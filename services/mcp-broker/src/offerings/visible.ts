import { type Access, matcher } from '@sallyport/peers/access';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { exposedName, type OfferingCall, uriFault } from '@sallyport/turn';
import type { BrokerTool, Catalog, Server } from '../catalog/catalog.ts';
import { isOpen } from '../catalog/visibility.ts';
import { sha256 } from '../digests.ts';
import type { OfferingCatalog } from './catalog.ts';
import type { Offerings, Prompt, Resource } from './definitions.ts';
import { gatewayUri, readGatewayUri } from './gateway-uri.ts';
import { offeringTool } from './offering-tool.ts';

/** Who asks, and what they may use. */
interface Asker {
  readonly principal: Principal;
  readonly access: Access;
}

/** What is known of servers, and what they have besides tools. */
interface Known {
  readonly catalog: Pick<Catalog, 'servers' | 'server'>;
  readonly offerings: Pick<OfferingCatalog, 'of'>;
}

/** A resource, template or prompt as a principal sees it. */
export interface Visible<T> {
  /** URI or name by which clients know it; unique, and the order of lists. */
  readonly shown: string;
  readonly server: Server;
  readonly entry: T;
}

/** The resources of all servers that a principal may read, or the templates of some, by gateway URI in ascending order. */
export function visibleResources(known: Known, asker: Asker, list: 'resources' | 'templates'): Visible<Resource>[] {
  return visible(known, asker, 'resources/read', (server, offerings) =>
    offerings[list]
      .filter(({ uri }) => asker.access.allowsResource(server.name, uri))
      .map((entry) => ({ shown: gatewayUri(server.name, entry.uri), server, entry })),
  );
}

/** The prompts of all servers that a principal may use, by exposed name in ascending order. */
export function visiblePrompts(known: Known, asker: Asker): Visible<Prompt>[] {
  return visible(known, asker, 'prompts/get', (server, offerings) =>
    offerings.prompts
      .filter(({ name }) => asker.access.allowsPrompt(server.name, name))
      .map((entry) => ({ shown: exposedName(sha256, server.name, entry.name), server, entry })),
  );
}

/** A resource that is a principal's to reach by a gateway URI, listed or not; undefined where there is none. */
export function reachedResource(
  { catalog }: Known,
  asker: Asker,
  call: OfferingCall,
  written: string,
): { readonly tool: BrokerTool; readonly uri: string } | undefined {
  const named = readGatewayUri(written);
  if (named !== undefined && uriFault(named.uri) !== undefined) return undefined;
  const server = named && catalog.server(asker.principal.tenant, named.server);
  if (server === undefined || !asker.access.allowsResource(server.name, named?.uri ?? '')) return undefined;
  const tool = callable(asker, server, call);
  return tool && { tool, uri: named?.uri ?? '' };
}

/** A prompt that is a principal's to use, by its exposed name; undefined where there is none. */
export function reachedPrompt(
  known: Known,
  asker: Asker,
  call: OfferingCall,
  written: string,
): { readonly tool: BrokerTool; readonly prompt: Prompt } | undefined {
  const found = visiblePrompts(known, asker).find(({ shown }) => shown === written);
  const tool = found && callable(asker, found.server, call);
  return tool && found && { tool, prompt: found.entry };
}

function visible<T>(
  { catalog, offerings }: Known,
  asker: Asker,
  call: OfferingCall,
  of: (server: Server, offerings: Offerings) => Visible<T>[],
): Visible<T>[] {
  const found: Visible<T>[] = [];
  for (const server of catalog.servers()) {
    if (callable(asker, server, call) === undefined) continue;
    const known = offerings.of(server, asker.principal);
    if (known !== undefined) found.push(...of(server, known));
  }
  return found.sort((a, b) => (a.shown < b.shown ? -1 : 1));
}

/** The tool that a method stands for at a server that is open to who asks, where the credential's scope of tools has it. */
function callable({ principal, access }: Asker, server: Server, call: OfferingCall): BrokerTool | undefined {
  if (!isOpen(principal, access, server)) return undefined;
  const inScope = principal.tools.length === 0 || matcher(principal.tools)(`${server.name}/${call}`);
  return inScope ? offeringTool(server, call) : undefined;
}
