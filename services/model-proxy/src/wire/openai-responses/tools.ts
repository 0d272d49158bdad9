import { DecodeError } from '../../chat/failure.ts';
import { asArray, asObject, asString, isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { Unsupported } from '../../chat/request.ts';
import type { FunctionTool, Tool, ToolChoice } from '../../chat/tools.ts';
import { decodeMcpTool } from '../mcp-tool.ts';
import { decodeCustom, decodeFunction, encodeCustom, noChoice, noteUnsaid, wordOfChoice } from '../openai-tools.ts';

/** Reads `tools`. DecodeError names the path. */
export function decodeTools(tools: unknown): Tool[] {
  if (tools === undefined || tools === null) return [];
  if (!Array.isArray(tools)) throw new DecodeError('wrong_shape', 'tools', 'must be an array');
  return tools.map((tool, index) => decodeTool(tool, `tools[${index}]`));
}

/** Reads one entry of `tools`. What is neither a function nor custom nor `mcp` is run by the provider, as far as is known. */
export function decodeTool(tool: unknown, path: string): Tool {
  if (!isObject(tool)) throw new DecodeError('wrong_shape', path, 'must be an object');
  const type = asString(tool.type);
  if (type === undefined) throw new DecodeError('wrong_shape', `${path}.type`, 'must be a string');
  if (type === 'mcp') return decodeMcpTool(tool, path);
  if (type !== 'function' && type !== 'custom') {
    return { type: 'provider', dialect: 'openai-responses', kind: type, runBy: 'provider', definition: tool };
  }
  const name = asString(tool.name);
  if (!name) throw new DecodeError('wrong_shape', `${path}.name`, 'must be a non-empty string');
  return type === 'function'
    ? decodeFunction('openai-responses', tool, name, path)
    : decodeCustom('openai-responses', tool, name, nested);
}

/** A grammar in the neutral model is nested, as chat completions have it; here it is flat. */
function nested(format: JsonObject): JsonObject {
  if (format.type !== 'grammar') return format;
  const { type, ...grammar } = format;
  return { type, grammar };
}

function flat(format: JsonObject): JsonObject {
  const grammar = asObject(format.grammar);
  return format.type === 'grammar' && grammar ? { type: 'grammar', ...grammar } : format;
}

/** Writes tools. */
export function encodeTools(tools: readonly Tool[], unsupported: Unsupported[]): JsonObject[] {
  const encoded: JsonObject[] = [];
  for (const [index, tool] of tools.entries()) {
    const field = `tools[${index}]`;
    switch (tool.type) {
      case 'function':
        encoded.push(encodeFunctionTool(tool));
        break;
      case 'custom':
        encoded.push({ type: 'custom', ...encodeCustom('openai-responses', tool, flat) });
        break;
      case 'mcp':
        noteUnsaid(tool, field, unsupported);
        break;
      case 'provider':
        if (tool.dialect === 'openai-responses') encoded.push(tool.definition);
        else noteUnsaid(tool, field, unsupported);
    }
  }
  return encoded;
}

/** Writes one function. Here functions are strict unless they say otherwise; in all other dialects it is the other way round. */
export function encodeFunctionTool(tool: FunctionTool): JsonObject {
  return {
    type: 'function',
    name: tool.name,
    ...(tool.description === undefined ? {} : { description: tool.description }),
    parameters: tool.parameters ?? { type: 'object', properties: {} },
    strict: tool.strict ?? false,
    ...tool.extra?.['openai-responses'],
  };
}

/** Reads `tool_choice`. */
export function decodeToolChoice(choice: unknown): ToolChoice | undefined {
  if (choice === undefined || choice === null) return undefined;
  const word = wordOfChoice(choice);
  if (word) return word;
  const object = asObject(choice);
  if (object?.type === 'allowed_tools' && Array.isArray(object.tools)) {
    const names = asArray(object.tools).map((tool) => nameOfChoice(asObject(tool)));
    if (names.every((name) => name !== undefined)) {
      return { type: 'allowed', mode: object.mode === 'required' ? 'required' : 'auto', names };
    }
  }
  const name = nameOfChoice(object);
  if (name !== undefined) return { type: 'tool', name };
  throw noChoice();
}

function nameOfChoice(choice: JsonObject | undefined): string | undefined {
  const type = asString(choice?.type);
  const name = asString(choice?.name);
  if (type === undefined || type === 'allowed_tools') return undefined;
  if (type === 'function' || type === 'custom') return name;
  if (type !== 'mcp') return type;
  const label = asString(choice?.server_label);
  return label !== undefined && name !== undefined ? mcpToolName(label, name) : undefined;
}

/** Writes `tool_choice` among these tools. */
export function encodeToolChoice(choice: ToolChoice, tools: readonly Tool[]): unknown {
  switch (choice.type) {
    case 'auto':
    case 'none':
    case 'required':
      return choice.type;
    case 'tool':
      return named(choice.name, tools);
    case 'allowed':
      return { type: 'allowed_tools', mode: choice.mode, tools: choice.names.map((name) => named(name, tools)) };
  }
}

function named(name: string, tools: readonly Tool[]): JsonObject {
  for (const tool of tools) {
    if (tool.type === 'custom' && tool.name === name) return { type: 'custom', name };
    if (tool.type === 'provider' && tool.kind === name) return { type: name };
  }
  return { type: 'function', name };
}

/** The name under which a model sees a tool of a server: as mcp-broker exposes it. */
export function mcpToolName(serverLabel: string, name: string): string {
  const prefix = `${serverLabel}__`;
  return name.startsWith(prefix) ? name : `${prefix}${name}`;
}

/** The name of a tool beside the label of its server, as items of type `mcp_call` have it. */
export function nameOnServer(serverLabel: string, exposed: string): string {
  const prefix = `${serverLabel}__`;
  return exposed.startsWith(prefix) ? exposed.slice(prefix.length) : exposed;
}
