import type { Target } from '../catalog.ts';
import type { JsonObject } from '../chat/message.ts';
import type { Unsupported } from '../chat/request.ts';
import type { FunctionTool, Tool, ToolChoice } from '../chat/tools.ts';
import { frontOf } from '../fronts/index.ts';
import { mostTokens } from '../routing/serving.ts';
import type { Decoration } from '../turn/decorate.ts';
import { withParameters } from '../turn/parameters.ts';
import type { Turn } from '../turn/turn.ts';
import { withCacheMarks } from '../wire/anthropic-messages/cache-marks.ts';
import { withCachePoints } from '../wire/bedrock-converse/cache-points.ts';
import { encodeRequestFor, forwardBytes, ownWire, unsupportedOf } from '../wire/codec.ts';
import type { RequestChanges } from '../wire/forward.ts';
import { attributionOf } from './attribution.ts';
import { leaveOut } from './leave-out.ts';

/**
 * The bytes of the request to a target. In the client's own dialect its body is forwarded with the least change; into
 * another dialect the neutral form is encoded, and what that dialect cannot say is refused before the call.
 */
export function upstreamBody(turn: Turn, target: Target, offered: readonly Tool[]): Buffer {
  const { declaration } = target.provider;
  const visible = offered.filter((tool) => runsAt(turn, target, tool));
  const isAnthropic = declaration.wire === 'anthropic-messages';
  const stubs = visible.length === 0 && isAnthropic ? stubsOfHistory(turn) : [];
  const tools = [...visible, ...stubs];
  const most = mostTokens(turn);
  const maxTokens = most !== undefined && (turn.facts.maxTokens ?? Number.POSITIVE_INFINITY) > most ? most : undefined;
  const own = ownWire(turn.dialect, declaration);
  if (own !== undefined) {
    leaveOut(turn, unsupportedOf(own, turn.body));
    if (turn.decoration !== undefined) nameDropped(turn, turn.decoration.unsaid);
    const changes = changesOf(turn, target, visible, maxTokens);
    const told = attributionOf(turn, target.provider)?.fields;
    if (told !== undefined) changes.fields = { ...changes.fields, ...told };
    const asked = askedOfRouter(turn, target);
    if (asked !== undefined) changes.fields = { ...changes.fields, ...asked };
    if (stubs.length === 0) return forwardBytes(own, turn.bytes, afterRounds(turn), changes);
    changes.addTools = stubs;
    return forwardBytes(own, turn.bytes, { ...turn.body, tool_choice: { type: 'none' } }, changes);
  }
  const { decoration } = turn;
  const asked = turn.request ?? frontOf(turn.dialect).neutralRequest(turn);
  const request = decoration === undefined ? asked : withParameters(asked, decoration.parameters);
  const { toolChoice: choice, ...rest } = request;
  const wanted: ToolChoice | undefined = turn.appended.length > 0 && forces(choice) ? { type: 'auto' } : choice;
  const encoded = encodeRequestFor(declaration, {
    ...rest,
    model: target.model,
    messages: [...request.messages, ...turn.appended],
    tools,
    ...choiceAmong(tools, stubs.length > 0 ? { type: 'none' } : wanted),
    streamUsage: true,
    ...(maxTokens === undefined ? {} : { sampling: { ...request.sampling, maxTokens } }),
  });
  if (decoration === undefined) leaveOut(turn, encoded.unsupported);
  else {
    const isOurs = putIn(decoration);
    leaveOut(
      turn,
      encoded.unsupported.filter((one) => !isOurs(one)),
    );
    nameDropped(
      turn,
      encoded.unsupported.filter(isOurs).map(({ field }) => field),
    );
  }
  const marked = { ...markedBody(encoded.body, turn, target), ...askedOfRouter(turn, target) };
  const told = attributionOf(turn, target.provider);
  return Buffer.from(JSON.stringify(told === undefined ? marked : { ...marked, ...told.fields }));
}

/** OpenRouter knows what is asked of it; which models may serve is said here. */
function askedOfRouter({ wish }: Turn, { provider }: Target): JsonObject | undefined {
  const asked = provider.declaration.id === 'openrouter' ? wish?.fields.provider : undefined;
  return asked === undefined ? undefined : { provider: asked };
}

/** A body with marks for the provider's cache of prompts, where the Model wants them and the dialect has them. */
function markedBody(body: JsonObject, { model: { spec } }: Turn, { provider, model }: Target): JsonObject {
  if (spec.promptCache === undefined) return body;
  switch (provider.declaration.wire) {
    case 'anthropic-messages':
      return withCacheMarks(body, spec.promptCache);
    case 'bedrock-converse':
      return withCachePoints(body, model, spec.promptCache);
    default:
      return body;
  }
}

/** Tells of what a target cannot say whether the Model put it in: the client did not ask for it, and it is left out there. */
function putIn({ parameters: { sampling, ...others } }: Decoration): (one: Unsupported) => boolean {
  const put = new Set([...Object.keys(sampling).map((name) => `sampling.${name}`), ...Object.keys(others)]);
  return ({ field }) => put.has(field);
}

function nameDropped(turn: Turn, fields: readonly string[]): void {
  if (fields.length > 0) turn.dropped = [...new Set([...turn.dropped, ...fields])];
}

/** A tool that a provider runs was decided for that provider: a fallback to another one goes without it. */
function runsAt(turn: Turn, target: Target, tool: Tool): boolean {
  if (tool.type !== 'provider') return true;
  const known = turn.tools.get(toolName(tool));
  return known?.runBy !== 'provider' || known.ref.owner === target.provider.name;
}

function forces(choice: ToolChoice | undefined): boolean {
  return (
    choice?.type === 'tool' || choice?.type === 'required' || (choice?.type === 'allowed' && choice.mode === 'required')
  );
}

/** A forced choice is met by the first round: kept up, the model could never come to its answer. */
function afterRounds({ body, request, appended }: Turn): JsonObject {
  if (appended.length === 0 || !forces(request?.toolChoice)) return body;
  const { tool_choice: choice, toolConfig: _own, tool_config: _snake, ...rest } = body;
  const parallel = (choice as JsonObject | undefined)?.disable_parallel_tool_use;
  return parallel === undefined
    ? rest
    : { ...rest, tool_choice: { type: 'auto', disable_parallel_tool_use: parallel } };
}

/**
 * Anthropic refuses a history with tool calls in a request without tools. Where all are hidden, those that the history
 * names stand as empty stubs that may not be chosen: the model has seen their names already.
 */
function stubsOfHistory(turn: Turn): FunctionTool[] {
  const names = new Set(turn.facts.assistant.flatMap((message) => message.toolCalls.map((call) => call.name)));
  for (const message of turn.appended) {
    if (message.role !== 'assistant') continue;
    for (const block of message.content) if (block.type === 'toolCall') names.add(block.name);
  }
  return [...names].map((name) => ({
    type: 'function',
    name,
    description: 'Not available.',
    parameters: { type: 'object' },
  }));
}

/** A choice that names a hidden tool would make the provider refuse, and tell the client that it exists. */
function choiceAmong(tools: readonly Tool[], choice: ToolChoice | undefined): { toolChoice?: ToolChoice } {
  if (choice === undefined || tools.length === 0) return {};
  const names = new Set(tools.map((tool) => (tool.type === 'mcp' ? '' : toolName(tool))));
  if (choice.type === 'tool' && !names.has(choice.name)) return {};
  if (choice.type === 'allowed' && !choice.names.every((name) => names.has(name))) return {};
  return { toolChoice: choice };
}

function changesOf(turn: Turn, target: Target, tools: readonly Tool[], maxTokens: number | undefined): RequestChanges {
  const changes: RequestChanges = { model: target.model };
  if (turn.facts.stream && !turn.facts.streamUsage) changes.streamUsage = true;
  if (maxTokens !== undefined) changes.maxTokens = maxTokens;
  if (turn.facts.assistant.some((one) => one.unsealed)) changes.sealedOnly = true;
  const { promptCache } = turn.model.spec;
  if (promptCache !== undefined && turn.dialect === 'anthropic-messages') changes.cacheMarks = promptCache;
  if (turn.request) {
    const kept = new Set(tools.map((tool) => (tool.type === 'mcp' ? '' : toolName(tool))));
    changes.keepTool = (tool) => tool.type !== 'mcp' && kept.has(toolName(tool));
    changes.addTools = tools.filter(
      (tool): tool is FunctionTool =>
        tool.type === 'function' && (turn.tools.get(tool.name)?.runBy === 'gateway' || turn.searches.has(tool.name)),
    );
    if (turn.changedResults.size > 0) changes.toolResults = turn.changedResults;
    if (turn.appended.length > 0) changes.appendMessages = turn.appended;
  }
  return changes;
}

function toolName(tool: Exclude<Tool, { type: 'mcp' }>): string {
  return tool.type === 'provider' ? (tool.name ?? tool.kind) : tool.name;
}
