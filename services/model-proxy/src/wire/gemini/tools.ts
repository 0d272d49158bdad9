import { DecodeError } from '../../chat/failure.ts';
import { asString, isObject, otherFields } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { Unsupported } from '../../chat/request.ts';
import type { FunctionTool, Tool, ToolChoice } from '../../chat/tools.ts';
import { decodeMcpTool } from '../mcp-tool.ts';
import { arrayField, field, objectField, spellings, stringField } from './field.ts';
import { toJsonSchema } from './json-schema.ts';

const declarations = spellings('functionDeclarations');
const known = spellings('name', 'description', 'parameters', 'parametersJsonSchema');

/** Reads one entry of `tools`, which may declare functions and tools of the provider at once. DecodeError names the path. */
export function decodeTool(entry: unknown, path: string): Tool[] {
  if (!isObject(entry)) throw new DecodeError('wrong_shape', path, 'must be an object');
  if (entry.type === 'mcp') return [decodeMcpTool(entry, path)];
  const tools: Tool[] = [];
  for (const [key, value] of Object.entries(entry)) {
    if (value === undefined || value === null) continue;
    if (declarations.has(key)) {
      if (!Array.isArray(value)) throw new DecodeError('wrong_shape', `${path}.${key}`, 'must be an array');
      for (const [index, one] of value.entries()) tools.push(decodeFunction(one, `${path}.${key}[${index}]`));
    } else tools.push(providerTool(key, value));
  }
  return tools;
}

/** Reads `tools`. DecodeError names the path. */
export function decodeTools(value: unknown): Tool[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new DecodeError('wrong_shape', 'tools', 'must be an array');
  return value.flatMap((entry, index) => decodeTool(entry, `tools[${index}]`));
}

/** A tool of Google's own: all run there but the computer, whose actions the client carries out. */
function providerTool(key: string, value: unknown): Tool {
  const kind = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const runBy = kind === 'computerUse' ? 'client' : 'provider';
  return { type: 'provider', dialect: 'gemini', kind, runBy, definition: { [key]: value } };
}

function decodeFunction(declaration: unknown, path: string): FunctionTool {
  if (!isObject(declaration)) throw new DecodeError('wrong_shape', path, 'must be an object');
  const name = stringField(declaration, 'name');
  if (!name) throw new DecodeError('wrong_shape', `${path}.name`, 'must be a non-empty string');
  const schema = field(declaration, 'parametersJsonSchema');
  const parameters = objectField(declaration, 'parameters');
  const description = asString(declaration.description);
  const other = otherFields(declaration, known);
  return {
    type: 'function',
    name,
    ...(description === undefined ? {} : { description }),
    ...(isObject(schema) ? { parameters: schema } : parameters ? { parameters: toJsonSchema(parameters) } : {}),
    ...(other ? { extra: { gemini: other } } : {}),
  };
}

/** Writes one function. */
export function encodeFunction(tool: FunctionTool): JsonObject {
  return {
    name: tool.name,
    ...(tool.description === undefined ? {} : { description: tool.description }),
    ...(tool.parameters === undefined ? {} : { parametersJsonSchema: tool.parameters }),
    ...tool.extra?.gemini,
  };
}

/** Writes tools, all functions in one entry. */
export function encodeTools(tools: readonly Tool[], unsupported: Unsupported[]): JsonObject[] {
  const functions: JsonObject[] = [];
  const entries: JsonObject[] = [];
  for (const [index, tool] of tools.entries()) {
    const at = `tools[${index}]`;
    switch (tool.type) {
      case 'function':
        functions.push(encodeFunction(tool));
        break;
      case 'custom':
        unsupported.push({ field: at, reason: 'Gemini has no tools that take free text' });
        break;
      case 'mcp':
        unsupported.push({ field: at, reason: 'tools of type mcp are run by the gateway, not by the provider' });
        break;
      case 'provider':
        if (tool.dialect === 'gemini') entries.push(tool.definition);
        else
          unsupported.push({ field: at, reason: `the provider-run tool ${tool.kind} exists in ${tool.dialect} only` });
    }
  }
  return functions.length > 0 ? [{ functionDeclarations: functions }, ...entries] : entries;
}

/** Reads `toolConfig.functionCallingConfig`; undefined for a mode that this dialect alone has. */
export function decodeToolChoice(toolConfig: unknown): ToolChoice | undefined {
  const config = isObject(toolConfig) ? objectField(toolConfig, 'functionCallingConfig') : undefined;
  const names = arrayField(config, 'allowedFunctionNames').filter((name) => typeof name === 'string');
  switch (stringField(config, 'mode')?.toUpperCase()) {
    case 'AUTO':
      return { type: 'auto' };
    case 'NONE':
      return { type: 'none' };
    case 'ANY': {
      const [only] = names;
      if (only === undefined) return { type: 'required' };
      return names.length === 1 ? { type: 'tool', name: only } : { type: 'allowed', mode: 'required', names };
    }
    default:
      return undefined;
  }
}

/** Writes a choice. Gemini cannot narrow a free choice to some of the tools. */
export function encodeToolChoice(choice: ToolChoice | undefined, unsupported: Unsupported[]): JsonObject | undefined {
  const config = (mode: string, names?: readonly string[]) => ({
    functionCallingConfig: { mode, ...(names === undefined ? {} : { allowedFunctionNames: names }) },
  });
  switch (choice?.type) {
    case undefined:
      return undefined;
    case 'auto':
      return config('AUTO');
    case 'none':
      return config('NONE');
    case 'required':
      return config('ANY');
    case 'tool':
      return config('ANY', [choice.name]);
    case 'allowed':
      if (choice.mode === 'required') return config('ANY', choice.names);
      unsupported.push({ field: 'toolChoice', reason: 'Gemini cannot offer some of the tools and demand none' });
      return undefined;
  }
}
