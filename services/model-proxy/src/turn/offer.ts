import { GatewayError } from '@sallyport/chassis/errors';
import { ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { definitionDigest, JsonFault, type JsonValue } from '@sallyport/turn';
import type { JsonObject } from '../chat/message.ts';
import type { FunctionTool, McpTool, RequireApproval, Tool, ToolChoice, ToolNameFilter } from '../chat/tools.ts';
import { nameOnServer } from '../wire/openai-responses/tools.ts';
import { clientOf } from './admit.ts';
import type { Gate } from './gate.ts';
import { type BrokeredTool, listItem } from './mcp-items.ts';
import { searchFunctions } from './searching.ts';
import type { Turn, TurnTool } from './turn.ts';

const LIST_TIMEOUT_MS = 5_000;

/**
 * Gives each tool of the request its identity, before anything is decided of it: client-declared functions by client, name
 * and digest; `mcp` tools become the brokered tools of the ToolServer that `server_label` names; provider-run tools by type.
 */
export async function offerTools(gate: Gate, turn: Turn): Promise<void> {
  const request = turn.request;
  if (!request || request.tools.length === 0) return;
  const offered: Tool[] = [];
  for (const tool of request.tools) {
    if (tool.type === 'mcp') offered.push(...(await offerServer(gate, turn, tool)));
    else offered.push(offerOwn(gate, turn, tool));
  }
  request.tools = offered;
}

function offerOwn(gate: Pick<Gate, 'sha256'>, turn: Turn, tool: Exclude<Tool, McpTool>): Tool {
  const name = tool.type === 'provider' ? (tool.name ?? tool.kind) : tool.name;
  take(turn, name);
  if (tool.type === 'provider' && tool.runBy === 'provider') turn.tools.set(name, providerTool(turn, name, tool.kind));
  else {
    const digest = digestOf(gate, name, tool);
    const inputSchema = tool.type === 'function' ? tool.parameters : undefined;
    turn.tools.set(name, { ...clientTool(turn.principal, name, digest), ...(inputSchema ? { inputSchema } : {}) });
  }
  return tool;
}

/** A function that a client declares: never the brokered tool of that name, egress until a ToolPolicy names it. */
export function clientTool(principal: Principal, name: string, digest: string): TurnTool {
  const ref = { ...refBase, kind: ToolRef_Kind.CLIENT, owner: clientOf(principal), name, digest };
  return { name, runBy: 'client', toolClass: 'egress', ref };
}

function providerTool(turn: Turn, name: string, kind: string): TurnTool {
  const owner = turn.model.targets[0]?.provider.name ?? '';
  const ref = { ...refBase, kind: ToolRef_Kind.PROVIDER, owner, name: kind, digest: kind };
  return { name, runBy: 'provider', toolClass: 'egress', ref };
}

function digestOf(gate: Pick<Gate, 'sha256'>, name: string, tool: Exclude<Tool, McpTool>): string {
  const { description } = tool as { description?: string };
  try {
    return definitionDigest(gate.sha256, {
      name: name.isWellFormed() ? name : fault(),
      ...(description === undefined ? {} : { description }),
      inputSchema: toolDefinition(tool) as JsonValue,
    });
  } catch (error) {
    if (error instanceof JsonFault) return fault();
    throw error;
  }
}

// What has no canonical form has no identity: half a surrogate pair, or a schema without end.
function fault(): never {
  throw new GatewayError('invalid_request', 'The definition of a tool cannot be read.', {
    details: { param: 'tools' },
  });
}

async function offerServer(gate: Gate, turn: Turn, tool: McpTool): Promise<FunctionTool[]> {
  if (tool.serverUrl !== undefined || tool.connectorId !== undefined) {
    throw new GatewayError(
      'unsupported',
      'Tools of type mcp are named by server_label; server_url and connector_id are not taken.',
      {
        status: 400,
        details: { param: 'tools' },
      },
    );
  }
  const { exchange } = turn;
  if (exchange === undefined && tool.requireApproval !== undefined && tool.requireApproval !== 'never') {
    // Running what the client wants to be asked about would be worse than saying no.
    throw new GatewayError('unsupported', 'Calls of tools of type mcp are not put before the client: policy decides.', {
      status: 400,
      details: { param: 'tools' },
    });
  }
  const answer = await gate.clients.tools.listTools(
    { principal: turn.principal, servers: [tool.serverLabel] },
    { timeoutMs: LIST_TIMEOUT_MS, signal: turn.signal },
  );
  const { allowedTools } = tool;
  const tools = answer.tools.filter((one) => allowedTools === undefined || fits(one, allowedTools));
  if (answer.tools.length === 0) {
    if (answer.unavailable.length > 0) {
      throw new GatewayError('unavailable', `The tools of ${tool.serverLabel} cannot be listed right now.`, {
        retryAfterMs: 2_000,
      });
    }
    throw new GatewayError('not_found', `There is no tool server ${tool.serverLabel}, or you have no access to it.`, {
      details: { param: 'tools' },
    });
  }
  const label = tool.serverLabel;
  if (exchange !== undefined && !exchange.listed.has(label)) exchange.opening.push(listItem(label, tools));
  const search = tools.length === 0 ? undefined : offerSearch(gate, turn, label, answer.searched);
  const functions = tools.flatMap((one): FunctionTool[] => {
    if (!one.ref) return [];
    const { ref, exposedName: name, description, toolClass } = one;
    const inputSchema = JSON.parse(one.inputSchemaJson || '{"type":"object"}') as JsonObject;
    const set = setBy(one);
    // A tool that is searched is called by a name that stands in arguments: it may be that of a function.
    if (search === undefined || turn.tools.has(name)) take(turn, name);
    const outputSchemaJson = one.outputSchemaJson;
    const listed = exchange === undefined ? {} : { listed: { label, asks: asks(one, tool.requireApproval) } };
    const known = set === undefined ? inputSchema : { ...inputSchema, properties: declaredWith(inputSchema, set.set) };
    const toolset = set === undefined ? {} : { toolset: set };
    turn.tools.set(name, {
      name,
      ref,
      runBy: 'gateway',
      toolClass,
      inputSchema: known,
      outputSchemaJson,
      ...listed,
      ...toolset,
      ...(search === undefined ? {} : { searched: label }),
    });
    return [{ type: 'function', name, description, parameters: inputSchema }];
  });
  if (search === undefined) return functions;
  // What the client has its model choose the model has to be told of.
  const chosen = namesChosen(turn.request?.toolChoice);
  return [...search, ...functions.filter(({ name }) => chosen.has(name) && !turn.searches.has(name))];
}

/** Puts the two functions that stand for a toolset in the place of its tools; undefined where the model is given these. */
function offerSearch(
  gate: Gate,
  turn: Turn,
  label: string,
  searched: readonly { name: string; about: string }[],
): FunctionTool[] | undefined {
  const said = searched.find(({ name }) => name === label);
  if (said === undefined) return undefined;
  return searchFunctions(gate, label, said.about).map(([tool, does]) => {
    take(turn, tool.name);
    turn.searches.set(tool.name, does);
    return tool;
  });
}

function namesChosen(choice: ToolChoice | undefined): ReadonlySet<string> {
  if (choice?.type === 'tool') return new Set([choice.name]);
  return new Set(choice?.type === 'allowed' ? choice.names : []);
}

function setBy({ toolset, setArgumentsJson }: BrokeredTool): { name: string; set: JsonObject } | undefined {
  // Absent where a broker of before answers.
  if (!toolset) return undefined;
  return { name: toolset, set: JSON.parse(setArgumentsJson || '{}') as JsonObject };
}

// The names that the toolset gave are none that the model chose.
function declaredWith({ properties }: JsonObject, set: JsonObject): JsonObject {
  return {
    ...(properties as JsonObject | undefined),
    ...Object.fromEntries(Object.keys(set).map((name) => [name, {}])),
  };
}

function fits(tool: BrokeredTool, { toolNames, readOnly }: ToolNameFilter): boolean {
  const own = tool.toolset ? nameOnServer(tool.toolset, tool.exposedName) : tool.ref?.name;
  const isNamed = toolNames === undefined || toolNames.some((name) => name === own || name === tool.exposedName);
  return isNamed && (readOnly === undefined || readOnly === (tool.toolClass === 'read'));
}

/** Whether the client wants to be asked about calls of a tool: as in OpenAI's API, where it does not say that it does not. */
function asks(tool: BrokeredTool, approval: RequireApproval | undefined): boolean {
  if (approval === undefined || typeof approval === 'string') return approval !== 'never';
  return (
    approval.never === undefined ||
    !fits(tool, approval.never) ||
    (approval.always !== undefined && fits(tool, approval.always))
  );
}

// Two tools of one name could be told apart by nobody: neither the model nor policy.
function take(turn: Turn, name: string): void {
  if (turn.tools.has(name) || turn.searches.has(name)) {
    throw new GatewayError('invalid_request', `Two tools have the name ${name}.`, { details: { param: 'tools' } });
  }
}

function toolDefinition(tool: Exclude<Tool, McpTool>): JsonObject {
  if (tool.type === 'provider') return tool.definition;
  return tool.type === 'custom' ? (tool.format ?? {}) : (tool.parameters ?? {});
}

const refBase = { $typeName: 'sallyport.policy.v1.ToolRef' as const, server: '', serverUid: '' };
