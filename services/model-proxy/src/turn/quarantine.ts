import { decisionOf, labelOf, resultForRules } from '@sallyport/peers/decision-wire';
import {
  addHandle,
  addResult,
  addSpan,
  escapeHandles,
  handleIdsIn,
  type JsonValue,
  join,
  type Label,
  parseExact,
  placedHandles,
  refusal,
  TRUSTED,
  UNMATCHED_HISTORY,
  untrusted,
} from '@sallyport/turn';
import type { ToolCallFact } from '../chat/facts.ts';
import type { ToolResultBlock } from '../chat/message.ts';
import { noteUntrusted } from './fingerprint.ts';
import type { Gate } from './gate.ts';
import type { Attested } from './label.ts';
import { clientTool } from './offer.ts';
import { mayBeRead, readApart } from './read-apart.ts';
import { recordWithheld } from './record.ts';
import { originName, sourceOf } from './source.ts';
import type { Turn, TurnTool } from './turn.ts';

const DECIDE_TIMEOUT_MS = 2_000;
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
    if (!known) continue;
    const unwrapped = turn.unwrapped.get(block.callId);
    if (unwrapped !== undefined) change(turn, block, unwrapped);
    noteAttested(turn, block, known, calls.get(block.callId)?.name ?? '');
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
    show(turn, block, text, label, undefined, '');
    return;
  }
  const structured = structuredOf(text);
  try {
    const answer = await gate.clients.decisions.decideResult(
      {
        principal: turn.principal,
        trajectory: turn.trajectory,
        tool: tool.ref,
        argumentsJson: argumentsForRules(call),
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
      if (label.integrity === 'untrusted') {
        const known = { source: sourceOf(tool), said: argumentsOf(call) };
        noteUntrusted(gate, turn, { text, structuredJson: structured ?? '' }, known);
      }
      show(turn, block, text, label, structured, originName(tool));
    } else if (decision?.enforced === 'quarantine' && block.isError === true && mayBeRead(answer)) {
      // The text of an error would tell as much as the result that is to be kept away.
      change(turn, block, refusal('tool_failed').text);
    } else if (decision?.enforced === 'quarantine' && mayBeRead(answer)) {
      const { question, presentation } = answer;
      const read = await readApart(gate, turn, tool, {
        question,
        presentation,
        content: text,
        structuredJson: structured ?? '',
        argumentsJson: argumentsOf(call),
        label,
        policyRevision: decision.policyRevision,
      });
      change(turn, block, read.answerJson);
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

/** What rules see of the arguments: what is no JSON stays so, and rules that need them fail. Taken for `{}` they would pass. */
function argumentsForRules(call: ToolCallFact): string {
  if (typeof call.arguments !== 'string') return JSON.stringify(call.arguments);
  return call.arguments.trim() === '' ? '' : call.arguments;
}

function argumentsOf(call: ToolCallFact): string {
  if (typeof call.arguments !== 'string') return JSON.stringify(call.arguments);
  return parsesAs(call.arguments) === 'object' ? call.arguments : '';
}

function show(
  turn: Turn,
  block: ToolResultBlock,
  text: string,
  label: Label,
  structured: string | undefined,
  tool: string,
): void {
  if (turn.corpus) {
    addSpan(turn.corpus, { text, origin: { kind: 'result', tool }, label });
    if (structured) addResult(turn.corpus, tool, parseExact(structured) as JsonValue, label);
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

function noteAttested(turn: Turn, block: ToolResultBlock, label: Label, name: string): void {
  const text = textOf(block);
  const tool = turn.tools.get(name) ?? name;
  for (const id of handleIdsIn(text)) turn.handles.add(id);
  if (!turn.corpus) return;
  const ofHandles = join(untrusted(sourceOf(tool)), label);
  const handles = shownHandles(text);
  for (const { id, path } of handles) addHandle(turn.corpus, id, originName(tool), path, ofHandles);
  // Its values are found as they were in the turn of the call: what people approved of them would be void otherwise.
  const structured = handles.length > 0 ? undefined : structuredOf(text);
  if (structured) addResult(turn.corpus, originName(tool), parseExact(structured) as JsonValue, label);
  addSpan(turn.corpus, { text, origin: { kind: 'result', tool: originName(tool) }, label });
}

/** The handles in a result that quarantine has answered, with the fields that they stand for. */
function shownHandles(text: string): { id: string; path: string }[] {
  return placedHandles(text).map(({ id, start, end }) => {
    const path = /"path"\s*:\s*("(?:[^"\\]|\\.){0,1000}")/.exec(text.slice(start, end))?.[1];
    return { id, path: path === undefined ? '' : (JSON.parse(path) as string) };
  });
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
