import { DecodeError } from '../chat/failure.ts';
import { asObject, asString, isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import type { McpTool, RequireApproval, ToolNameFilter } from '../chat/tools.ts';

/**
 * Reads a tool of type `mcp`, in the shape of OpenAI's Responses API, which both dialects accept here: `server_label`,
 * `server_url`, `connector_id`, `allowed_tools`, `require_approval`. A filter that cannot be read is an error, since
 * ignoring it would allow more than was asked.
 */
export function decodeMcpTool(tool: JsonObject, path: string): McpTool {
  const serverLabel = asString(tool.server_label);
  if (!serverLabel) throw new DecodeError('wrong_shape', `${path}.server_label`, 'must be a non-empty string');
  const decoded: McpTool = { type: 'mcp', serverLabel, definition: tool };
  const serverUrl = asString(tool.server_url);
  if (serverUrl !== undefined) decoded.serverUrl = serverUrl;
  const connectorId = asString(tool.connector_id);
  if (connectorId !== undefined) decoded.connectorId = connectorId;
  const allowed = tool.allowed_tools;
  if (allowed !== undefined && allowed !== null) decoded.allowedTools = decodeFilter(allowed, `${path}.allowed_tools`);
  const approval = tool.require_approval;
  if (approval !== undefined && approval !== null) {
    decoded.requireApproval = decodeApproval(approval, `${path}.require_approval`);
  }
  return decoded;
}

function decodeFilter(filter: unknown, path: string): ToolNameFilter {
  const names = Array.isArray(filter) ? filter : asObject(filter)?.tool_names;
  const readOnly = asObject(filter)?.read_only;
  const decoded: ToolNameFilter = {};
  if (names !== undefined) {
    if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
      throw new DecodeError('wrong_shape', path, 'must list tool names');
    }
    decoded.toolNames = names;
  }
  if (typeof readOnly === 'boolean') decoded.readOnly = readOnly;
  if (decoded.toolNames === undefined && decoded.readOnly === undefined) {
    throw new DecodeError('wrong_shape', path, 'must be an array of names or hold tool_names or read_only');
  }
  return decoded;
}

function decodeApproval(approval: unknown, path: string): RequireApproval {
  if (approval === 'always' || approval === 'never') return approval;
  if (!isObject(approval)) throw new DecodeError('wrong_shape', path, 'must be always, never or an object');
  const { always, never } = approval;
  return {
    ...(always === undefined || always === null ? {} : { always: decodeFilter(always, `${path}.always`) }),
    ...(never === undefined || never === null ? {} : { never: decodeFilter(never, `${path}.never`) }),
  };
}
