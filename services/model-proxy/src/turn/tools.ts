import { GatewayError } from '@sallyport/chassis/errors';
import { decisionOf, wireLabel } from '@sallyport/peers/decision-wire';
import { deny, mayRun } from '@sallyport/turn';
import type { Tool } from '../chat/tools.ts';
import type { Gate } from './gate.ts';
import type { Turn } from './turn.ts';

const DECIDE_TIMEOUT_MS = 2_000;

/**
 * Stage 6. Leaves out of the model request what this principal may not see in the present state. Runs before each model
 * call of the turn, since what came back may have changed the state. Without policy no tool is offered.
 */
export async function hideTools(gate: Gate, turn: Turn): Promise<readonly Tool[]> {
  const request = turn.request;
  if (!request || turn.tools.size === 0) return request?.tools ?? [];
  const tools = [...turn.tools.values()];
  const answer = await gate.clients.decisions.decideTools(
    {
      principal: turn.principal,
      trajectory: turn.trajectory,
      context: wireLabel(turn.label),
      tools: tools.map((tool) => tool.ref),
    },
    { timeoutMs: DECIDE_TIMEOUT_MS, signal: turn.signal },
  );
  if (answer.decisions.length !== tools.length) {
    throw new GatewayError('unavailable', 'The tools of this request could not be decided.', { retryAfterMs: 1_000 });
  }
  turn.policyRevision = answer.policyRevision;
  turn.hidden = [];
  const hidden = new Set<string>();
  for (const [index, tool] of tools.entries()) {
    const wire = answer.decisions[index];
    const decision = wire ? decisionOf(wire) : deny('builtin/undecided', 'Policy said nothing of this tool.', '');
    if (wire) {
      const toolClass = wire.toolClass === '' ? tool.toolClass : wire.toolClass;
      turn.tools.set(tool.name, { ...tool, toolClass, handlePositions: wire.handlePositions ?? [] });
    }
    const shown = mayRun(decision) || decision.enforced === 'ask';
    if (!shown) hidden.add(tool.name);
    if (!shown || decision.verdict === 'hide' || decision.verdict === 'deny') {
      turn.hidden.push({ tool: tool.name, rule: decision.rule, reason: decision.reason, enforced: !shown });
    }
  }
  // What stands for tools is none of them, whatever a server calls one of its own.
  return request.tools.filter((tool) => !hidden.has(nameOf(tool)) || turn.searches.has(nameOf(tool)));
}

function nameOf(tool: Tool): string {
  if (tool.type === 'mcp') return tool.serverLabel;
  return tool.type === 'provider' ? (tool.name ?? tool.kind) : tool.name;
}
