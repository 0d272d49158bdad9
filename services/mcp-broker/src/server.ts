import { GatewayError } from '@sallyport/chassis/errors';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import type { AccessCache } from '@sallyport/peers/access';
import { labelOf, wireLabel } from '@sallyport/peers/decision-wire';
import type { Limits } from '@sallyport/peers/limits';
import { ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { ToolService } from '@sallyport/proto/tools/v1/tools_pb';
import { isJsonObject, parseStrict, readSearch, SEARCH_TOOLS } from '@sallyport/turn';
import { inRun, runOf } from './a2a/loop/call-run.ts';
import type { BrokerTool, Catalog } from './catalog/catalog.ts';
import type { JsonObject } from './catalog/definition.ts';
import type { ListFor } from './catalog/look-for.ts';
import { offeredList } from './catalog/offered-list.ts';
import type { Toolsets } from './catalog/toolsets.ts';
import { mayUseServer, toolFilter } from './catalog/visibility.ts';
import { runTool, type ToolRunner } from './execute/run-tool.ts';
import { callSubject, ONE_CALL } from './invoke/limit-call.ts';
import { breaksToolset, ofToolset, searchedAmong, searchToolset } from './toolset-tools.ts';

/** Who may call what, by the service's name in its certificate. */
export const CALLERS = { 'sallyport.tools.v1.ToolService': ['model-proxy'] } as const;

const MAX_DEPTH = 64;
/** What limits know a search by, as at `/mcp`. */
const SEARCH = { server: { name: 'sallyport' }, definition: { name: SEARCH_TOOLS } };

/** The brokered tools for the turn loop of model-proxy, which decides and records; here they are listed and run. */
export function toolService(options: {
  readonly catalog: Catalog;
  readonly access: AccessCache;
  readonly runner: ToolRunner;
  readonly revision: () => string;
  /** Waits a little for servers that were never listed yet, as right after a start. */
  readonly tried: (uids: readonly string[], signal: AbortSignal) => Promise<void>;
  readonly listFor: ListFor;
  readonly toolsets: Toolsets;
  readonly limits: Pick<Limits, 'reserve'>;
}): ServiceImpl<typeof ToolService> {
  const { catalog, access, runner } = options;
  return {
    async listTools(request, context) {
      const principal = principalOf(request);
      const granted = await access.accessOf(principal, context.signal);
      const servers = request.servers.flatMap((name) => catalog.server(principal.tenant, name) ?? []);
      const unlisted = servers.filter(({ uid }) => catalog.settled(uid) === undefined).map(({ uid }) => uid);
      if (unlisted.length > 0) await options.tried(unlisted, context.signal);
      await options.listFor(principal, granted, context.signal);
      const allowed = offeredList(catalog, principal, granted, undefined).tools.map(({ tool }) => tool);
      const wanted = new Set(request.servers);
      const tools = allowed.filter((tool) => wanted.size === 0 || wanted.has(tool.server.name));
      const sets = request.servers.filter((name) => catalog.server(principal.tenant, name) === undefined);
      const picked = sets.flatMap((name) => ofToolset(options, principal, granted, name));
      return {
        tools: [...tools.map(wireTool), ...picked.map(({ tool, as }) => ({ ...wireTool(tool), ...as }))],
        unavailable: request.servers.filter((name) => {
          const server = catalog.server(principal.tenant, name);
          if (server === undefined || catalog.settled(server.uid) !== undefined) return false;
          // That a server exists is known only to those who may use something of it.
          return mayUseServer(principal, granted, server);
        }),
        revision: options.revision(),
        searched: searchedAmong(options, principal, granted, sets),
      };
    },
    async searchTools(request, context) {
      const principal = principalOf(request);
      const read = readSearch({ query: request.query, limit: request.limit });
      if ('fault' in read) throw new GatewayError('invalid_request', read.fault);
      const granted = await access.accessOf(principal, context.signal);
      const { toolset, among, trajectory, customer } = request;
      const who = { principal, trajectory, customer, newTrajectory: false, toolLimitsOnly: true };
      const reserved = await options.limits.reserve(callSubject(SEARCH, who), ONE_CALL);
      try {
        await options.listFor(principal, granted, context.signal);
        const found = searchToolset(options, principal, granted, { toolset, among, ...read });
        runner.metrics.searches.inc({ found: found.tools.length > 0 ? 'some' : 'none' });
        const { tools, searched, tokens, tokensOfAll } = found;
        return {
          resultJson: JSON.stringify(found),
          found: tools.map(({ name }) => name),
          searched,
          tokens,
          tokensOfAll,
        };
      } finally {
        reserved.settle(ONE_CALL);
      }
    },
    async execute(request, context) {
      const principal = principalOf(request);
      const { tool: ref } = request;
      const granted = await access.accessOf(principal, context.signal);
      const may = toolFilter(principal, granted);
      const find = () => ref && catalog.byIdentity(principal.tenant, ref.serverUid, ref.name);
      const first = find();
      // Another replica may have listed what its server offers to this person.
      if (!first || !catalog.offers(principal, first)) await options.listFor(principal, granted, context.signal);
      // Looked up after all waiting, so that it is what is in force now.
      const tool = find();
      const allowed = tool && may(tool) && catalog.offers(principal, tool);
      if (!ref || ref.kind !== ToolRef_Kind.BROKERED || !tool || !allowed) {
        throw new GatewayError('not_found', 'There is no such tool.');
      }
      // What was decided was another definition than the one in force: whoever decided must look again.
      if (ref.digest !== tool.definition.digest) {
        throw new GatewayError('conflict', 'The definition of this tool has changed.');
      }
      const { argumentsJson } = request;
      const args = readArguments(argumentsJson);
      if (request.toolset !== '') {
        const broken = breaksToolset(options, principal, granted, request, args);
        if (broken !== undefined) return broken;
      }
      const { trajectory, customer } = request;
      const who = { principal, trajectory, customer, newTrajectory: false, toolLimitsOnly: true };
      const reserved = await options.limits.reserve(callSubject(tool, who), ONE_CALL);
      try {
        const run = runOf(tool, { trajectory, label: labelOf(request.context), depth: context.depth });
        const ran = await inRun(run, () =>
          runTool(runner, { principal, tool, args, argumentsJson, signal: context.signal }),
        );
        return {
          resultJson: ran.resultJson,
          isError: ran.answer.isError,
          latencyMs: ran.latencyMs,
          credentialReference: ran.credential,
          sizeBytes: ran.sizeBytes,
          ...(run === undefined ? {} : { label: wireLabel(run.read) }),
        };
      } finally {
        reserved.settle(ONE_CALL);
      }
    },
  };
}

/** A tool's identity as policy and records know it. */
export function refOf({ server, definition }: BrokerTool) {
  return {
    kind: ToolRef_Kind.BROKERED,
    server: server.name,
    serverUid: server.uid,
    owner: '',
    name: definition.name,
    digest: definition.digest,
  };
}

function wireTool(tool: BrokerTool) {
  const { definition } = tool;
  return {
    ref: refOf(tool),
    exposedName: tool.exposedName,
    title: definition.title ?? '',
    description: definition.description ?? '',
    inputSchemaJson: JSON.stringify(definition.inputSchema),
    outputSchemaJson: definition.outputSchema === undefined ? '' : JSON.stringify(definition.outputSchema),
    toolClass: tool.toolClass,
    toolset: '',
    setArgumentsJson: '',
  };
}

function principalOf(request: { readonly principal?: Principal | undefined }): Principal {
  const { principal } = request;
  if (!principal || principal.tenant === '') throw new GatewayError('invalid_request', 'A principal is needed.');
  return principal;
}

function readArguments(json: string): JsonObject {
  try {
    const value = parseStrict(json === '' ? '{}' : json, { maxDepth: MAX_DEPTH, exactNumbers: true });
    if (isJsonObject(value)) return value;
  } catch {
    // Said below, together with JSON that is no object.
  }
  throw new GatewayError('invalid_request', 'The arguments are not a JSON object.');
}
