import { GatewayError } from '@sallyport/chassis/errors';
import { decisionOf, labelOf, resultForRules } from '@sallyport/peers/decision-wire';
import type { Question } from '@sallyport/proto/policy/v1/policy_pb';
import {
  addHandle,
  addResult,
  addSpan,
  escapeHandles,
  handleIdsIn,
  type JsonValue,
  join,
  type Label,
  refusal,
  TRUSTED,
  UNMATCHED_HISTORY,
  untrusted,
} from '@sallyport/turn';
import type { ToolCallFact } from '../chat/facts.ts';
import type { ToolResultBlock } from '../chat/message.ts';
import type { Gate } from './gate.ts';
import type { Attested } from './label.ts';
import { clientTool } from './offer.ts';
import { recordQuarantine, recordWithheld } from './record.ts';
import type { Turn, TurnTool } from './turn.ts';

const DECIDE_TIMEOUT_MS = 2_000;
/** Reading takes a model call of its own. */
const EXTRACT_TIMEOUT_MS = 120_000;
const PARALLEL = 8;

/**
 * Stage 3. Decides what becomes of each tool result that the client brings: shown with its label, read in quarantine and
 * answered in types, or withheld. Results that mcp-broker produced were decided there; `attested` names them.
 */
export async function quarantine(gate: Gate, turn: Turn, attested: Attested): Promise<void> {
  const all = resultBlocks(turn);
  const blocks = all.filter((block) => !attested.has(block.callId));
  const calls = new Map(turn.facts.assistant.flatMap(({ toolCalls }) => toolCalls.map((call) => [call.id, call])));
  let next = 0;
  const work = async () => {
    while (next < blocks.length) {
      const block = blocks[next++] as ToolResultBlock;
      await decideBrought(gate, turn, block, calls.get(block.callId));
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, blocks.length) }, work));
  for (const block of all) {
    const known = attested.get(block.callId);
    if (known) noteAttested(turn, block, known, calls.get(block.callId)?.name ?? '');
  }
}

async function decideBrought(
  gate: Gate,
  turn: Turn,
  block: ToolResultBlock,
  call: ToolCallFact | undefined,
): Promise<void> {
  const text = textOf(block);
  const tool = call && toolOf(turn, call.name);
  if (!tool) {
    // A result of no call of the history: nobody can vouch for it and no rule can be found for it.
    const label = untrusted('client-tool:unknown');
    turn.label = join(turn.label, label);
    show(turn, block, text, label, undefined);
    return;
  }
  const structured = structuredOf(text);
  try {
    const answer = await gate.clients.decisions.decideResult(
      {
        principal: turn.principal,
        trajectory: turn.trajectory,
        tool: tool.ref,
        argumentsJson: argumentsOf(call),
        resultJson: resultForRules(structured ?? ''),
        isError: block.isError === true,
        sizeBytes: Buffer.byteLength(text),
      },
      { timeoutMs: DECIDE_TIMEOUT_MS, signal: turn.signal },
    );
    const decision = answer.decision ? decisionOf(answer.decision) : undefined;
    // What the gate runs comes from the gate: from a client it is a claim, whatever rules say of the tool.
    const claimed = tool.runBy === 'client' ? TRUSTED : untrusted(UNMATCHED_HISTORY);
    const label = join(labelOf(answer.label), claimed);
    if (decision?.enforced === 'allow') {
      turn.label = join(turn.label, label);
      show(turn, block, text, label, structured);
    } else if (decision?.enforced === 'quarantine' && answer.question) {
      const read = await readInQuarantine(gate, turn, tool, answer.question, text, structured ?? '');
      change(turn, block, read.answerJson);
      addHandles(turn, tool.name, read.handles);
    } else {
      change(turn, block, refusal('result_withheld', decision?.enforcedBy ?? decision).text);
      recordWithheld(gate, turn, tool, block.callId, decision);
    }
  } catch (error) {
    if (turn.signal.aborted) throw error;
    gate.log.warn('A tool result was withheld because it could not be decided', { tool: tool.name, error });
    change(turn, block, refusal('quarantine_unavailable').text);
    recordWithheld(gate, turn, tool, block.callId, undefined, error);
  }
}

/** The tool of a call in the history; one that this request does not declare is still the client's, by its name. */
function toolOf(turn: Turn, name: string): TurnTool {
  return turn.tools.get(name) ?? clientTool(turn.principal, name, '');
}

function argumentsOf(call: ToolCallFact): string {
  if (typeof call.arguments !== 'string') return JSON.stringify(call.arguments);
  return parsesAs(call.arguments) === 'object' ? call.arguments : '';
}

/** Has quarantine read content for a question of policy; records the exchange. Throws where it could not be read. */
export async function readInQuarantine(
  gate: Gate,
  turn: Turn,
  tool: TurnTool,
  question: Question,
  content: string,
  structuredJson: string,
): Promise<{ answerJson: string; handles: readonly string[]; label: Label }> {
  const startedAtMs = Date.now();
  const step = ++turn.step;
  const answer = await gate.clients.quarantine.extract(
    {
      principal: turn.principal,
      trajectory: turn.trajectory,
      turn: turn.id,
      step: String(step),
      tool: tool.name,
      question,
      content,
      structuredJson,
    },
    { timeoutMs: EXTRACT_TIMEOUT_MS, signal: turn.signal },
  );
  recordQuarantine(gate, turn, { tool, question, answer, startedAtMs, step });
  if (answer.answerJson === '') throw new GatewayError('upstream_invalid', 'Quarantine gave no answer.');
  return { answerJson: answer.answerJson, handles: answer.handles, label: untrusted(sourceOf(tool)) };
}

/** Names a tool as a source in labels, in policy's words: `tool:<server or client>/<tool>`. */
export function sourceOf(tool: TurnTool | string): string {
  if (typeof tool === 'string') return `tool:${tool}`;
  return `tool:${tool.ref.server || tool.ref.owner}/${tool.ref.name}`;
}

/** Makes handles known to this turn: they may now stand in arguments and in the final text. */
export function addHandles(turn: Turn, tool: string, handles: readonly string[]): void {
  for (const id of handles) {
    turn.handles.add(id);
    if (turn.corpus) addHandle(turn.corpus, id, tool, '', untrusted(sourceOf(turn.tools.get(tool) ?? tool)));
  }
}

function show(turn: Turn, block: ToolResultBlock, text: string, label: Label, structured: string | undefined): void {
  if (turn.corpus) {
    addSpan(turn.corpus, { text, origin: { kind: 'result' }, label });
    if (structured) addResult(turn.corpus, '', JSON.parse(structured) as JsonValue, label);
  }
  // Nobody but the gate names handles: what looks like one in a tool's text is broken up.
  const escaped = escapeHandles(text);
  if (escaped !== text) change(turn, block, escaped);
}

/** Puts another text in a result's place, in both forms of the request. */
function change(turn: Turn, block: ToolResultBlock, text: string): void {
  block.content = [{ type: 'text', text }];
  turn.changedResults.set(block.callId, text);
}

function noteAttested(turn: Turn, block: ToolResultBlock, label: Label, tool: string): void {
  const text = textOf(block);
  addHandles(turn, tool, handleIdsIn(text));
  if (turn.corpus) addSpan(turn.corpus, { text, origin: { kind: 'result', tool }, label });
}

function resultBlocks(turn: Turn): ToolResultBlock[] {
  return (turn.request?.messages ?? []).flatMap((message) => (message.role === 'tool' ? message.content : []));
}

function textOf(block: ToolResultBlock): string {
  return block.content.map((part) => (part.type === 'text' ? part.text : JSON.stringify(part))).join('\n');
}

function structuredOf(text: string): string | undefined {
  return parsesAs(text) === 'none' ? undefined : text;
}

function parsesAs(text: string): 'object' | 'array' | 'none' {
  const start = text.trimStart()[0];
  if (start !== '{' && start !== '[') return 'none';
  try {
    JSON.parse(text);
    return start === '{' ? 'object' : 'array';
  } catch {
    return 'none';
  }
}
