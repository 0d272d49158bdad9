import { DecodeError } from '../../chat/failure.ts';
import { asArray, asObject, asString, isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { Unsupported } from '../../chat/request.ts';
import type { FunctionTool, ProviderTool, Tool, ToolChoice } from '../../chat/tools.ts';
import { decodeMcpTool } from '../mcp-tool.ts';
import { decodeCustom, decodeFunction, encodeCustom, noChoice, noteUnsaid, wordOfChoice } from '../openai-tools.ts';

/** Grammars are nested here, as they are in the neutral model. */
const asItIs = (format: JsonObject): JsonObject => format;

/** Fields of a request that declare tools, those included that a provider runs. */
export const TOOL_FIELDS: readonly string[] = [
  'tools',
  'web_search_options',
  'enable_search',
  'search_parameters',
  'plugins',
  'data_sources',
];

/** Reads `tools`, and the fields that switch on a provider-run tool by another name. DecodeError names the path. */
export function decodeTools(body: JsonObject): Tool[] {
  const tools: Tool[] = [];
  const declared = body.tools;
  if (declared !== undefined && declared !== null) {
    if (!Array.isArray(declared)) throw new DecodeError('wrong_shape', 'tools', 'must be an array');
    for (let index = 0; index < declared.length; index += 1) tools.push(decodeTool(declared[index], `tools[${index}]`));
  }
  const options = searchField(body, 'web_search_options');
  if (options) tools.push(providerTool('web_search', options, 'web_search_options'));
  // Qwen's and xAI's searches are switched on by fields as well.
  const search = body.enable_search;
  // Whatever a provider may take for yes.
  if (search !== undefined && search !== null && search !== false) {
    tools.push(providerTool('web_search', { enable_search: search }, 'enable_search'));
  }
  const live = searchField(body, 'search_parameters');
  if (live && live.mode !== 'off') tools.push(providerTool('live_search', live, 'search_parameters'));
  // OpenRouter's plugins (web search, file parsing) run at the provider.
  for (const plugin of listOf(body, 'plugins')) {
    tools.push(providerTool(asString(plugin.id) ?? 'plugin', plugin, 'plugins'));
  }
  // Azure asks the search at any address that stands there, with what it has read.
  const sources = listOf(body, 'data_sources');
  if (sources.length > 0) tools.push(providerTool('data_sources', { data_sources: sources }, 'data_sources'));
  return tools;
}

/** A field that switches a search on. What is of another form might be taken for yes all the same, and is refused. */
function searchField(body: JsonObject, name: string): JsonObject | undefined {
  const value = body[name];
  if (value === undefined || value === null || value === false) return undefined;
  if (!isObject(value)) throw new DecodeError('wrong_shape', name, 'must be an object');
  return value;
}

function listOf(body: JsonObject, name: string): readonly JsonObject[] {
  const value = body[name];
  if (value === undefined || value === null || value === false) return [];
  if (!Array.isArray(value) || !value.every(isObject)) {
    throw new DecodeError('wrong_shape', name, 'must be a list of objects');
  }
  return value;
}

function providerTool(kind: string, definition: JsonObject, field?: string): ProviderTool {
  return { type: 'provider', dialect: 'openai-chat', kind, runBy: 'provider', ...(field ? { field } : {}), definition };
}

/** Reads one entry of `tools`. */
export function decodeTool(tool: unknown, path: string): Tool {
  if (!isObject(tool)) throw new DecodeError('wrong_shape', path, 'must be an object');
  const type = tool.type;
  if (typeof type !== 'string') throw new DecodeError('wrong_shape', `${path}.type`, 'must be a string');
  if (type === 'mcp') return decodeMcpTool(tool, path);
  if (type === 'function' || type === 'custom') {
    const definition = asObject(tool[type]);
    const name = asString(definition?.name);
    if (!definition || !name)
      throw new DecodeError('wrong_shape', `${path}.${type}.name`, 'must be a non-empty string');
    return type === 'function'
      ? decodeFunction('openai-chat', definition, name, `${path}.function`)
      : decodeCustom('openai-chat', definition, name, asItIs);
  }
  return providerTool(type, tool);
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
        encoded.push({ type: 'custom', custom: encodeCustom('openai-chat', tool, asItIs) });
        break;
      case 'mcp':
        noteUnsaid(tool, field, unsupported);
        break;
      case 'provider':
        if (tool.dialect !== 'openai-chat') noteUnsaid(tool, field, unsupported);
        else if (tool.field === 'plugins') fields.plugins = [...asArray(fields.plugins), tool.definition];
        else if (tool.field === 'enable_search' || tool.field === 'data_sources')
          Object.assign(fields, tool.definition);
        else if (tool.field) fields[tool.field] = tool.definition;
        else encoded.push(tool.definition);
    }
  }
  return { tools: encoded, fields };
}

/** Writes one function tool. */
export function encodeFunctionTool(tool: FunctionTool): JsonObject {
  const definition: JsonObject = { name: tool.name };
  if (tool.description !== undefined) definition.description = tool.description;
  if (tool.parameters) definition.parameters = tool.parameters;
  if (tool.strict !== undefined) definition.strict = tool.strict;
  return { type: 'function', function: { ...definition, ...tool.extra?.['openai-chat'] } };
}

/** Reads `tool_choice`. */
export function decodeToolChoice(choice: unknown): ToolChoice | undefined {
  if (choice === undefined || choice === null) return undefined;
  const word = wordOfChoice(choice);
  if (word) return word;
  const object = asObject(choice);
  const type = asString(object?.type);
  const named = type === 'function' || type === 'custom' ? asString(asObject(object?.[type])?.name) : undefined;
  if (named) return { type: 'tool', name: named };
  const allowed = type === 'allowed_tools' ? asObject(object?.allowed_tools) : undefined;
  if (allowed && Array.isArray(allowed.tools)) {
    const names = allowed.tools.map((tool) => asString(asObject(asObject(tool)?.function)?.name));
    if (names.every((name) => name !== undefined)) {
      return { type: 'allowed', mode: allowed.mode === 'required' ? 'required' : 'auto', names };
    }
  }
  throw noChoice();
}

/** Writes `tool_choice`. */
export function encodeToolChoice(choice: ToolChoice): unknown {
  switch (choice.type) {
    case 'auto':
    case 'none':
    case 'required':
      return choice.type;
    case 'tool':
      return { type: 'function', function: { name: choice.name } };
    case 'allowed': {
      const tools = choice.names.map((name) => ({ type: 'function', function: { name } }));
      return { type: 'allowed_tools', allowed_tools: { mode: choice.mode, tools } };
    }
  }
}
