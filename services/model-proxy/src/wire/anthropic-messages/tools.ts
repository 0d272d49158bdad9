import { DecodeError } from '../../chat/failure.ts';
import { asArray, asObject, asString, isObject, otherFields } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { Unsupported } from '../../chat/request.ts';
import type { FunctionTool, ProviderTool, Tool, ToolChoice } from '../../chat/tools.ts';
import { decodeCacheMark } from '../cache-mark.ts';
import { decodeMcpTool } from '../mcp-tool.ts';

const functionFields = new Set(['type', 'name', 'description', 'input_schema', 'strict', 'cache_control']);

/** Tools that Anthropic defines and the client executes; all others of its types run at the provider. */
const clientRun = ['bash_', 'text_editor_', 'computer_', 'memory_', 'browser_'];

/** Reads `tools`, remote MCP servers and container skills. DecodeError names the path. */
export function decodeTools(body: JsonObject): Tool[] {
  const tools: Tool[] = [];
  const declared = body.tools;
  if (declared !== undefined && declared !== null) {
    if (!Array.isArray(declared)) throw new DecodeError('wrong_shape', 'tools', 'must be an array');
    for (let index = 0; index < declared.length; index += 1) tools.push(decodeTool(declared[index], `tools[${index}]`));
  }
  for (const server of asArray(body.mcp_servers)) {
    if (isObject(server)) tools.push(providerTool('mcp_server', server, 'provider', 'mcp_servers'));
  }
  // Skills run code in a container at the provider.
  const container = asObject(body.container);
  if (container && asArray(container.skills).length > 0) {
    tools.push(providerTool('container_skills', container, 'provider', 'container'));
  }
  return tools;
}

function providerTool(
  kind: string,
  definition: JsonObject,
  runBy: 'provider' | 'client',
  field?: string,
): ProviderTool {
  const name = asString(definition.name);
  return {
    type: 'provider',
    dialect: 'anthropic-messages',
    kind,
    ...(name === undefined ? {} : { name }),
    runBy,
    ...(field ? { field } : {}),
    definition,
  };
}

/** Reads one entry of `tools`. */
export function decodeTool(tool: unknown, path: string): Tool {
  if (!isObject(tool)) throw new DecodeError('wrong_shape', path, 'must be an object');
  const type = tool.type ?? 'custom';
  if (typeof type !== 'string') throw new DecodeError('wrong_shape', `${path}.type`, 'must be a string');
  if (type === 'mcp') return decodeMcpTool(tool, path);
  if (type !== 'custom') {
    return providerTool(type, tool, clientRun.some((prefix) => type.startsWith(prefix)) ? 'client' : 'provider');
  }
  const name = asString(tool.name);
  if (!name) throw new DecodeError('wrong_shape', `${path}.name`, 'must be a non-empty string');
  const schema = tool.input_schema;
  if (!isObject(schema)) throw new DecodeError('wrong_shape', `${path}.input_schema`, 'must be an object');
  const decoded: FunctionTool = { type: 'function', name, parameters: schema };
  const description = asString(tool.description);
  if (description !== undefined) decoded.description = description;
  if (typeof tool.strict === 'boolean') decoded.strict = tool.strict;
  const cache = decodeCacheMark(tool.cache_control);
  if (cache) decoded.cache = cache;
  const other = otherFields(tool, functionFields);
  if (other) decoded.extra = { 'anthropic-messages': other };
  return decoded;
}

/** Writes tools; `fields` are the top-level fields that some provider-run tools are declared in. */
export function encodeTools(
  tools: readonly Tool[],
  unsupported: Unsupported[],
): { tools: JsonObject[]; fields: JsonObject } {
  const encoded: JsonObject[] = [];
  const fields: JsonObject = {};
  for (const [index, tool] of tools.entries()) {
    const field = `tools[${index}]`;
    switch (tool.type) {
      case 'function':
        encoded.push(encodeFunctionTool(tool));
        break;
      case 'custom':
        unsupported.push({ field, reason: 'Anthropic has no tools that take free text' });
        break;
      case 'mcp':
        unsupported.push({ field, reason: 'tools of type mcp are run by the gateway, not by the provider' });
        break;
      case 'provider':
        if (tool.dialect !== 'anthropic-messages') {
          unsupported.push({ field, reason: `the provider-run tool ${tool.kind} exists in ${tool.dialect} only` });
        } else if (tool.field === 'mcp_servers') fields.mcp_servers = [...asArray(fields.mcp_servers), tool.definition];
        else if (tool.field) fields[tool.field] = tool.definition;
        else encoded.push(tool.definition);
    }
  }
  return { tools: encoded, fields };
}

/** Writes one function tool; one without parameters takes an empty object. */
export function encodeFunctionTool(tool: FunctionTool): JsonObject {
  return {
    name: tool.name,
    ...(tool.description === undefined ? {} : { description: tool.description }),
    input_schema: tool.parameters ?? { type: 'object', properties: {} },
    ...(tool.strict === undefined ? {} : { strict: tool.strict }),
    ...(tool.cache ? { cache_control: tool.cache } : {}),
    ...tool.extra?.['anthropic-messages'],
  };
}

/** Reads `tool_choice`, which also says whether calls may be parallel. */
export function decodeToolChoice(value: unknown): { toolChoice?: ToolChoice; parallelToolCalls?: boolean } {
  if (value === undefined || value === null) return {};
  const choice = asObject(value);
  const disabled = choice?.disable_parallel_tool_use;
  const parallel = typeof disabled === 'boolean' ? { parallelToolCalls: !disabled } : {};
  switch (choice?.type) {
    case 'auto':
    case 'none':
      return { toolChoice: { type: choice.type }, ...parallel };
    case 'any':
      return { toolChoice: { type: 'required' }, ...parallel };
    case 'tool': {
      const name = asString(choice.name);
      if (name) return { toolChoice: { type: 'tool', name }, ...parallel };
      throw new DecodeError('wrong_shape', 'tool_choice.name', 'must be a non-empty string');
    }
    default:
      throw new DecodeError('wrong_shape', 'tool_choice.type', 'must be auto, any, tool or none');
  }
}

/** Writes `tool_choice`; undefined where there is nothing to say. */
export function encodeToolChoice(
  choice: ToolChoice | undefined,
  parallelToolCalls: boolean | undefined,
  unsupported: Unsupported[],
): JsonObject | undefined {
  if (choice?.type === 'none') return { type: 'none' };
  const parallel = parallelToolCalls === undefined ? {} : { disable_parallel_tool_use: !parallelToolCalls };
  switch (choice?.type) {
    case undefined:
      return parallelToolCalls === false ? { type: 'auto', ...parallel } : undefined;
    case 'auto':
      return { type: 'auto', ...parallel };
    case 'required':
      return { type: 'any', ...parallel };
    case 'tool':
      return { type: 'tool', name: choice.name, ...parallel };
    case 'allowed':
      unsupported.push({ field: 'toolChoice', reason: 'Anthropic cannot restrict the choice to some of the tools' });
      return undefined;
  }
}
