import type { Target } from '../catalog.ts';
import type { FunctionTool, Tool } from '../chat/tools.ts';
import { asUnsupported } from '../fronts/failure.ts';
import { frontOf } from '../fronts/index.ts';
import type { Turn } from '../turn/turn.ts';
import { encodeRequestFor, forwardBytes } from '../wire/codec.ts';
import type { RequestChanges } from '../wire/forward.ts';

/**
 * The bytes of the request to a target. In the client's own dialect its body is forwarded with the least change; into
 * another dialect the neutral form is encoded, and what that dialect cannot say is refused before the call.
 */
export function upstreamBody(turn: Turn, target: Target, tools: readonly Tool[]): Buffer {
  const { declaration } = target.provider;
  const most = turn.model.spec.maxOutputTokens;
  const maxTokens = most !== undefined && (turn.facts.maxTokens ?? Number.POSITIVE_INFINITY) > most ? most : undefined;
  if (declaration.wire === turn.dialect) {
    const changes = changesOf(turn, target, tools, maxTokens);
    return forwardBytes(declaration, turn.bytes, turn.body, changes);
  }
  const request = turn.request ?? frontOf(turn.dialect).neutralRequest(turn);
  const encoded = encodeRequestFor(declaration, {
    ...request,
    model: target.model,
    messages: [...request.messages, ...turn.appended],
    tools: [...tools],
    streamUsage: true,
    ...(maxTokens === undefined ? {} : { sampling: { ...request.sampling, maxTokens } }),
  });
  if (encoded.unsupported.length > 0) throw asUnsupported(encoded.unsupported);
  return Buffer.from(JSON.stringify(encoded.body));
}

function changesOf(turn: Turn, target: Target, tools: readonly Tool[], maxTokens: number | undefined): RequestChanges {
  const changes: RequestChanges = { model: target.model };
  if (turn.facts.stream && !turn.facts.streamUsage) changes.streamUsage = true;
  if (maxTokens !== undefined) changes.maxTokens = maxTokens;
  if (turn.request) {
    const kept = new Set(tools.map((tool) => (tool.type === 'mcp' ? '' : toolName(tool))));
    changes.keepTool = (tool) => tool.type !== 'mcp' && kept.has(toolName(tool));
    changes.addTools = tools.filter(
      (tool): tool is FunctionTool => tool.type === 'function' && turn.tools.get(tool.name)?.runBy === 'gateway',
    );
    if (turn.changedResults.size > 0) changes.toolResults = turn.changedResults;
    if (turn.appended.length > 0) changes.appendMessages = turn.appended;
  }
  return changes;
}

function toolName(tool: Exclude<Tool, { type: 'mcp' }>): string {
  return tool.type === 'provider' ? (tool.name ?? tool.kind) : tool.name;
}
