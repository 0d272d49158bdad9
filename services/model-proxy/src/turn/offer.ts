import { GatewayError } from '@sallyport/chassis/errors';
import { ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { definitionDigest, type JsonValue } from '@sallyport/turn';
import type { JsonObject } from '../chat/message.ts';
import type { FunctionTool, McpTool, Tool } from '../chat/tools.ts';
import { clientOf } from './admit.ts';
import type { Gate } from './gate.ts';
import type { Turn } from './turn.ts';

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

function offerOwn(gate: Gate, turn: Turn, tool: Exclude<Tool, McpTool>): Tool {
  const runByProvider = tool.type === 'provider' && tool.runBy === 'provider';
  const name = tool.type === 'provider' ? (tool.name ?? tool.kind) : tool.name;
  take(turn, name);
  const base = { server: '', serverUid: '' };
  turn.tools.set(name, {
    name,
    runBy: runByProvider ? 'provider' : 'client',
    toolClass: 'egress',
    ref: runByProvider
      ? {
          ...refBase,
          ...base,
          kind: ToolRef_Kind.PROVIDER,
          owner: providerOf(turn),
          name: tool.kind,
          digest: tool.kind,
        }
      : {
          ...refBase,
          ...base,
          kind: ToolRef_Kind.CLIENT,
          owner: clientOf(turn.principal),
          name,
          digest: definitionDigest(gate.sha256, {
            name,
            ...('description' in tool && tool.description !== undefined ? { description: tool.description } : {}),
            inputSchema: (tool.type === 'function' ? (tool.parameters ?? {}) : toolDefinition(tool)) as JsonValue,
          }),
        },
  });
  return tool;
}

async function offerServer(gate: Gate, turn: Turn, tool: McpTool): Promise<FunctionTool[]> {
  if (tool.serverUrl !== undefined || tool.connectorId !== undefined) {
    throw new GatewayError(
      'unsupported',
      'Tools of type mcp are named by server_label; server_url and connector_id are not taken.',
      {
        details: { param: 'tools' },
      },
    );
  }
  const answer = await gate.clients.tools.listTools(
    { principal: turn.principal, servers: [tool.serverLabel] },
    { timeoutMs: LIST_TIMEOUT_MS, signal: turn.signal },
  );
  const wanted = tool.allowedTools?.toolNames ? new Set(tool.allowedTools.toolNames) : undefined;
  const readOnly = tool.allowedTools?.readOnly === true;
  const tools = answer.tools.filter(
    (one) =>
      (!wanted || wanted.has(one.ref?.name ?? '') || wanted.has(one.exposedName)) &&
      (!readOnly || one.toolClass === 'read'),
  );
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
  return tools.flatMap((one): FunctionTool[] => {
    if (!one.ref) return [];
    take(turn, one.exposedName);
    turn.tools.set(one.exposedName, {
      name: one.exposedName,
      ref: one.ref,
      runBy: 'gateway',
      toolClass: one.toolClass,
    });
    return [
      {
        type: 'function',
        name: one.exposedName,
        description: one.description,
        parameters: JSON.parse(one.inputSchemaJson || '{"type":"object"}') as JsonObject,
      },
    ];
  });
}

// Two tools of one name could be told apart by nobody: neither the model nor policy.
function take(turn: Turn, name: string): void {
  if (turn.tools.has(name)) {
    throw new GatewayError('invalid_request', `Two tools have the name ${name}.`, { details: { param: 'tools' } });
  }
}

function providerOf(turn: Turn): string {
  return turn.model.targets[0]?.provider.name ?? '';
}

function toolDefinition(tool: Exclude<Tool, McpTool>): JsonObject {
  if (tool.type === 'provider') return tool.definition;
  return tool.type === 'custom' ? (tool.format ?? {}) : (tool.parameters ?? {});
}

const refBase = { $typeName: 'sallyport.policy.v1.ToolRef' as const };
