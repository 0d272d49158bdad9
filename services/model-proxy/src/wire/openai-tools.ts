import { DecodeError } from '../chat/failure.ts';
import { asObject, asString, isObject, otherFields } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import type { Unsupported } from '../chat/request.ts';
import type { CustomTool, FunctionTool, Tool } from '../chat/tools.ts';

type OpenAiDialect = 'openai-chat' | 'openai-responses';

const FUNCTION: readonly string[] = ['name', 'description', 'parameters', 'strict'];
const CUSTOM: readonly string[] = ['name', 'description', 'format'];
/** In chat completions a definition stands inside of its tool, in responses it is the tool. */
const known = {
  'openai-chat': { function: new Set(FUNCTION), custom: new Set(CUSTOM) },
  'openai-responses': { function: new Set([...FUNCTION, 'type']), custom: new Set([...CUSTOM, 'type']) },
};

/** Reads the definition of a function, at `path`. Throws DecodeError for parameters that are no object. */
export function decodeFunction(
  dialect: OpenAiDialect,
  definition: JsonObject,
  name: string,
  path: string,
): FunctionTool {
  const { parameters } = definition;
  if (parameters !== undefined && parameters !== null && !isObject(parameters)) {
    throw new DecodeError('wrong_shape', `${path}.parameters`, 'must be an object');
  }
  const tool: FunctionTool = { type: 'function', name };
  const description = asString(definition.description);
  if (description !== undefined) tool.description = description;
  if (isObject(parameters)) tool.parameters = parameters;
  if (typeof definition.strict === 'boolean') tool.strict = definition.strict;
  const other = otherFields(definition, known[dialect].function);
  if (other) tool.extra = { [dialect]: other };
  return tool;
}

/** Reads the definition of a tool that takes free text; `format` as the neutral model has it. */
export function decodeCustom(
  dialect: OpenAiDialect,
  definition: JsonObject,
  name: string,
  formatOf: (format: JsonObject) => JsonObject,
): CustomTool {
  const description = asString(definition.description);
  const format = asObject(definition.format);
  const other = otherFields(definition, known[dialect].custom);
  return {
    type: 'custom',
    name,
    ...(description === undefined ? {} : { description }),
    ...(format ? { format: formatOf(format) } : {}),
    ...(other ? { extra: { [dialect]: other } } : {}),
  };
}

/** The definition of a tool that takes free text. */
export function encodeCustom(
  dialect: OpenAiDialect,
  { name, description, format, extra }: CustomTool,
  formatOf: (format: JsonObject) => JsonObject,
): JsonObject {
  return {
    name,
    ...(description === undefined ? {} : { description }),
    ...(format ? { format: formatOf(format) } : {}),
    ...extra?.[dialect],
  };
}

/** Notes a tool that a dialect cannot say: one of a server, or one that the provider of another dialect runs. */
export function noteUnsaid(tool: Tool, field: string, unsupported: Unsupported[]): void {
  const reason =
    tool.type === 'provider'
      ? `the provider-run tool ${tool.kind} exists in ${tool.dialect} only`
      : 'tools of type mcp are run by the gateway, not by the provider';
  unsupported.push({ field, reason });
}

/** Reads a choice that is one word. */
export function wordOfChoice(choice: unknown): { type: 'auto' | 'none' | 'required' } | undefined {
  return choice === 'auto' || choice === 'none' || choice === 'required' ? { type: choice } : undefined;
}

/** The refusal of a choice that is none. */
export function noChoice(): DecodeError {
  return new DecodeError('wrong_shape', 'tool_choice', 'must be auto, none, required or name a tool');
}
