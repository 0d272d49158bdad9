import type { JsonObject, Message } from '../../chat/message.ts';
import type { ChatRequest } from '../../chat/request.ts';
import type { FunctionTool, Tool } from '../../chat/tools.ts';
import { cachePoint, type Notes } from './content.ts';

/** What a request says of tools: `toolConfig`, and what the model itself must be told beside it. */
export interface ToolFields {
  readonly toolConfig?: JsonObject;
  /** Claude's own `tool_choice`, which can say what `toolConfig` cannot. */
  readonly toolChoice?: JsonObject;
}

/** Writes tools and the choice among them; `isClaude` where the model takes Claude's own fields. */
export function encodeTools(request: ChatRequest, isClaude: boolean, notes: Notes): ToolFields {
  const { toolChoice: choice, parallelToolCalls: parallel } = request;
  const functions = functionsOf(request.tools, notes);
  const offered = choice?.type === 'allowed' ? functions.filter(({ name }) => choice.names.includes(name)) : functions;
  const called = calledNames(request.messages);
  if (offered.length === 0 && called.size === 0) return {};
  // A choice of none needs no tools, unless the history has calls: then the API demands them.
  if (choice?.type === 'none' && called.size === 0) {
    notes.adjusted.push({ field: 'tools', reason: 'none may be called: they are left out' });
    return {};
  }
  const mute = offered.length === 0 || choice?.type === 'none';
  const tools = (offered.length > 0 ? offered : [...called].map(stubOf)).flatMap((tool) => encodeTool(tool, notes));
  if (mute && !isClaude && offered.length > 0) {
    notes.unsupported.push({ field: 'toolChoice', reason: 'Bedrock cannot keep this model from calling tools' });
  }
  if (mute) return { toolConfig: { tools }, ...(isClaude ? { toolChoice: { type: 'none' } } : {}) };
  const forced = choice?.type === 'required' || (choice?.type === 'allowed' && choice.mode === 'required');
  const only = choice?.type === 'tool' ? choice.name : undefined;
  if (parallel !== false) {
    const said = only !== undefined ? { tool: { name: only } } : forced ? { any: {} } : undefined;
    return { toolConfig: { tools, ...(said === undefined ? {} : { toolChoice: said }) } };
  }
  if (!isClaude) {
    notes.unsupported.push({ field: 'parallelToolCalls', reason: 'this model decides itself how many calls it makes' });
  }
  const type = only !== undefined ? 'tool' : forced ? 'any' : 'auto';
  const own = { type, ...(only === undefined ? {} : { name: only }), disable_parallel_tool_use: true };
  return { toolConfig: { tools }, toolChoice: own };
}

function functionsOf(tools: readonly Tool[], { unsupported }: Notes): FunctionTool[] {
  const functions: FunctionTool[] = [];
  for (const [index, tool] of tools.entries()) {
    const field = `tools[${index}]`;
    switch (tool.type) {
      case 'function':
        functions.push(tool);
        break;
      case 'custom':
        unsupported.push({ field, reason: 'Bedrock has no tools that take free text' });
        break;
      case 'mcp':
        unsupported.push({ field, reason: 'tools of type mcp are run by the gateway, not by the provider' });
        break;
      case 'provider':
        unsupported.push({ field, reason: `the provider-run tool ${tool.kind} exists in ${tool.dialect} only` });
    }
  }
  return functions;
}

function encodeTool(tool: FunctionTool, notes: Notes): JsonObject[] {
  const toolSpec = {
    name: tool.name,
    ...(tool.description ? { description: tool.description } : {}),
    inputSchema: { json: tool.parameters ?? { type: 'object', properties: {} } },
    ...(tool.strict === undefined ? {} : { strict: tool.strict }),
  };
  return [{ toolSpec }, ...(tool.cache ? cachePoint(tool.cache, `tools.${tool.name}`, notes) : [])];
}

/** Names that the history calls: the API refuses calls without any tools. */
function calledNames(messages: readonly Message[]): Set<string> {
  const names = new Set<string>();
  for (const { role, content } of messages) {
    if (role !== 'assistant') continue;
    for (const block of content) if (block.type === 'toolCall') names.add(block.name);
  }
  return names;
}

function stubOf(name: string): FunctionTool {
  return { type: 'function', name, description: 'Not available.' };
}
