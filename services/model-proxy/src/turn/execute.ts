import { abortSignalOf } from '@sallyport/chassis/ending';
import { GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { connectLink, lackingOf } from '@sallyport/peers/connecting';
import { decisionOf, labelOf, resultForRules, wireLabel } from '@sallyport/peers/decision-wire';
import type { Presentation, Question, Label as WireLabel } from '@sallyport/proto/policy/v1/policy_pb';
import {
  addResult,
  addSpan,
  type BatchResult,
  classesOf,
  type Decision,
  deny,
  escapeHandles,
  type JsonValue,
  join,
  type Label,
  mayRun,
  notConnected,
  notRun,
  parseExact,
  type Refusal,
  refusal,
  replyLabel,
  runToolBatch,
  type StepCall,
  type ToolStepPorts,
  TRUSTED,
} from '@sallyport/turn';
import type { AssistantContent, ToolResultBlock } from '../chat/message.ts';
import { ask, asks } from './ask.ts';
import { type Decided, decide } from './decide.ts';
import { noteUntrusted } from './fingerprint.ts';
import type { Gate } from './gate.ts';
import { type BatchOutcome, endWaiting, recordRefusedCall } from './hand-over.ts';
import { mayBeRead, readApart } from './read-apart.ts';
import { recordToolOutcome, toolIntent } from './record.ts';
import type { Release } from './release.ts';
import { reserveSteps } from './reserve.ts';
import { answerOwn, type OwnAnswer, ownResult } from './search.ts';
import { originName, sourceOf } from './source.ts';
import type { Turn, TurnCall } from './turn.ts';

const RESULT_TIMEOUT_MS = 2_000;
/** Longer than any tool may take; mcp-broker keeps each tool's own time. */
const EXECUTE_TIMEOUT_MS = 600_000;

/** What a tool gave back, as text for a model and as structured JSON where there is some. */
export interface Shown {
  readonly text: string;
  readonly structuredJson: string;
}

interface GatewayCall extends StepCall {
  readonly turnCall: TurnCall;
  readonly intentId: string;
  readonly step: number;
  readonly startedAtMs: number;
  decided?: Decided;
  question?: Question | undefined;
  presentation?: Presentation | undefined;
  resultDecision?: Promise<Decision>;
  detail: Record<string, unknown>;
}

/**
 * Stage 13. Runs the calls of brokered tools of one model message, decided as one batch, and appends them with their
 * results to the conversation. Calls of the client's own tools in the same message are not run: the model is told to make
 * them again by themselves.
 */
export async function execute(
  gate: Gate,
  turn: Turn,
  release: Release,
  calls: readonly TurnCall[],
  content: readonly AssistantContent[],
): Promise<BatchOutcome> {
  const mine = calls.filter(isRunHere);
  let decided = await decidedOrFault(gate, turn, mine);
  if (Array.isArray(decided) && asks(decided)) {
    const asked = await ask(gate, turn, release, decided);
    if (asked.outcome === 'waiting') return await endWaiting(gate, turn, release, decided, asked.approvals);
    decided = asked.decided;
  }
  const own = await answerOwn(gate, turn, calls);
  const results = await runHere(gate, turn, mine, decided);
  turn.signal.throwIfAborted();

  const byId = new Map(results.results.map((result) => [result.callId, result]));
  const blocks = calls.map((call): ToolResultBlock => {
    const answered = own.get(call);
    if (answered) return ownResult(call, answered);
    const result = byId.get(call.id);
    if (!result) recordLeftOut(gate, turn, call);
    const text = result?.content?.text ?? (result?.refusal ?? notRun()).text;
    if (result?.content && result.status === 'done') addToCorpus(gate, turn, call, result.content, result.label);
    const isError = result === undefined || result.isError;
    return { type: 'toolResult', callId: call.id, content: [{ type: 'text', text }], ...(isError ? { isError } : {}) };
  });
  turn.label = join(turn.label, results.contextLabel);
  turn.appended.push({ role: 'assistant', content: [...content] }, { role: 'tool', content: blocks });
  return outcomeOf(results, own);
}

/** Whether anything was done of a batch; otherwise why not. */
export function outcomeOf({ results }: BatchResult<Shown>, own: ReadonlyMap<TurnCall, OwnAnswer>): BatchOutcome {
  const answers = [...own.values()];
  const ran =
    results.some(({ status }) => status !== 'refused' && status !== 'waiting') ||
    answers.some(({ refusal: refused }) => refused === undefined);
  return ran ? 'ran' : { refusals: [...results, ...answers].flatMap((one) => one.refusal ?? []) };
}

/** Whether a call is one of a tool that the gateway runs; what is unknown is refused by it. */
export function isRunHere({ tool, own }: TurnCall): boolean {
  return own === undefined && (tool === undefined || tool.runBy === 'gateway');
}

/** What policy decided, or why it could not be asked: then each call is refused and says so. */
export type DecidedOrFault = readonly Decided[] | { readonly fault: unknown };

/** Decides calls; a fault is given back, so that each call is refused and says so. */
export async function decidedOrFault(gate: Gate, turn: Turn, calls: readonly TurnCall[]): Promise<DecidedOrFault> {
  if (calls.length === 0) return [];
  try {
    return await decide(gate, turn, calls);
  } catch (fault) {
    turn.signal.throwIfAborted();
    return { fault };
  }
}

/** Runs decided calls, in the order of DESIGN section 4: intents, calls, results, records. */
export async function runHere(
  gate: Gate,
  turn: Turn,
  calls: readonly TurnCall[],
  decided: DecidedOrFault,
): Promise<BatchResult<Shown>> {
  if (calls.length === 0) return { results: [], contextLabel: TRUSTED, unrecorded: [] };
  const steps = await reserveSteps(gate, turn, calls.length);
  try {
    const known = 'fault' in decided ? [] : decided;
    const batch: GatewayCall[] = calls.map((turnCall, index) => ({
      id: turnCall.id,
      classes: classesOf(turnCall.tool ? [turnCall.tool.toolClass] : undefined),
      // What a tool is given of values that the model did not see, it may say again in a result that is trusted otherwise.
      label: join(turn.label, known[index]?.filledLabel ?? TRUSTED),
      turnCall,
      intentId: known[index]?.intentId ?? uuidv7(),
      step: ++turn.step,
      startedAtMs: Date.now(),
      detail: turnCall.via === undefined ? {} : { via: turnCall.via },
    }));
    return await runToolBatch<GatewayCall, Shown>(
      portsOf(gate, turn, decided),
      { calls: batch, inPlay: turn.label, policyRevision: turn.policyRevision },
      {
        signal: abortSignalOf(turn.signal),
        // By the class that policy decided with; unknown is not read.
        needsIntent: (call) => gate.config.auditRequired && call.decided?.toolClass !== 'read',
      },
    );
  } finally {
    steps.settle({ steps: calls.length });
  }
}

/** Lets the turn know what a result brought. */
export function addToCorpus(gate: Gate, turn: Turn, call: TurnCall, shown: Shown, label: Label): void {
  const { text, structuredJson } = shown;
  if (label.integrity === 'untrusted') {
    noteUntrusted(gate, turn, shown, { source: sourceOf(call.tool ?? call.name), said: call.written });
  }
  if (!turn.corpus) return;
  const tool = originName(call.tool ?? call.name);
  addSpan(turn.corpus, { text, origin: { kind: 'result', tool }, label });
  if (structuredJson !== '') addResult(turn.corpus, tool, parseExact(structuredJson) as JsonValue, label);
}

/** Records a call that nothing decided on: it stood in a message with calls that the gateway runs. */
export function recordLeftOut(gate: Gate, turn: Turn, call: TurnCall): void {
  const decision = deny('builtin/mixed-batch', 'The call was made together with calls of another owner.', '');
  const inputsJson = JSON.stringify({ arguments: call.written });
  recordRefusedCall(gate, turn, { call, decision, label: turn.label, inputsJson }, notRun());
}

function portsOf(gate: Gate, turn: Turn, decided: DecidedOrFault): ToolStepPorts<GatewayCall, Shown> {
  return {
    async decide(batch) {
      if ('fault' in decided) throw decided.fault;
      for (const [index, call] of batch.calls.entries()) call.decided = decided[index] as Decided;
      return decided.map((one) => one.decision);
    },
    async commitIntents(intents) {
      await gate.recorder.commit(
        intents.flatMap(({ call, decision }) => {
          const tool = call.turnCall.tool;
          if (!tool) return [];
          const { intentId: id, step } = call;
          return [
            toolIntent(turn, { id, callId: call.id, tool, decision, inputsJson: call.decided?.inputsJson ?? '', step }),
          ];
        }),
      );
    },
    async execute(call, signal) {
      const tool = call.turnCall.tool;
      if (!tool || !call.decided || !mayRun(call.decided.decision))
        throw new GatewayError('internal', 'An undecided call was about to run.');
      const answer = await gate.clients.tools
        .execute(
          {
            principal: turn.principal,
            trajectory: turn.trajectory,
            turn: turn.id,
            step: String(call.step),
            tool: tool.ref,
            argumentsJson: call.decided.argumentsJson,
            intentId: call.intentId,
            customer: turn.attribution.customer,
            context: wireLabel(call.label),
            ...(tool.toolset === undefined ? {} : { toolset: tool.toolset.name, exposedName: tool.name }),
          },
          { timeoutMs: EXECUTE_TIMEOUT_MS, signal, depth: (turn.loop?.depth ?? 0) + 1 },
        )
        .catch((error: unknown) => ruleOf(error, gate.config.publicUrl) ?? Promise.reject(error));
      if ('code' in answer) return { refusal: answer };
      call.detail = {
        ...call.detail,
        bytes: answer.sizeBytes,
        upstreamMs: Math.round(answer.latencyMs),
        credential: answer.credentialReference,
      };
      const content = shownOf(answer.resultJson);
      const decided = await gate.clients.decisions
        .decideResult(
          {
            principal: turn.principal,
            trajectory: turn.trajectory,
            tool: tool.ref,
            argumentsJson: call.decided.argumentsJson,
            resultJson: resultForRules(content.structuredJson),
            isError: answer.isError,
            sizeBytes: answer.sizeBytes,
          },
          { timeoutMs: RESULT_TIMEOUT_MS, signal },
        )
        .catch((error: unknown) => {
          // The call was made: its result is withheld by the port below, which reports why.
          call.resultDecision = Promise.reject(error);
          call.resultDecision.catch(() => {});
          return undefined;
        });
      call.question = decided?.question;
      call.presentation = decided?.presentation;
      if (decided?.decision) call.resultDecision = Promise.resolve(decisionOf(decided.decision));
      const label = decided && labelOfAnswer(labelOf(decided.label), decided.decision?.rule, answer.label);
      return { content, isError: answer.isError, label };
    },
    async decideResult(call) {
      if (!call.resultDecision) throw new GatewayError('unavailable', 'The result was not decided.');
      return await call.resultDecision;
    },
    async quarantine(call, result, _signal) {
      const { question, presentation, turnCall } = call;
      if (!mayBeRead(call) || !turnCall.tool) {
        throw new GatewayError('unavailable', 'Policy did not say how the result is to be read.');
      }
      const read = await readApart(gate, turn, turnCall.tool, {
        question,
        presentation,
        content: result.content.text,
        structuredJson: result.content.structuredJson,
        argumentsJson: turnCall.written,
        label: result.label,
        policyRevision: (await call.resultDecision)?.policyRevision ?? '',
      });
      return {
        content: { text: read.answerJson, structuredJson: '' },
        label: read.label,
        // Typed values within bounds, and handles: what the model reads here says nothing that could instruct it.
        contextLabel: TRUSTED,
      };
    },
    async recordOutcome(outcome) {
      const { call } = outcome;
      if (outcome.fault !== undefined && !turn.signal.aborted) {
        const { status } = outcome.result;
        gate.log.warn('A tool call failed in the gate', { tool: call.turnCall.name, status, error: outcome.fault });
      }
      recordToolOutcome(gate, turn, outcome, {
        tool: call.turnCall.tool,
        name: call.turnCall.name,
        intentId: call.intentId,
        inputsJson: call.decided?.inputsJson ?? '',
        step: call.step,
        startedAtMs: call.startedAtMs,
        detail: call.detail,
      });
    },
  };
}

/** By policy; of what an agent of the gateway's own answered, which says what it has read, by that. */
function labelOfAnswer(decided: Label, rule: string | undefined, read: WireLabel | undefined): Label {
  return read === undefined ? decided : replyLabel(labelOf(read), decided, rule);
}

/** What the broker refused by a rule of the gate, before the tool was asked; undefined for what went wrong on the way. */
function ruleOf(error: unknown, publicUrl: string | undefined): Refusal | undefined {
  const lacking = lackingOf(error);
  if (lacking) return notConnected(publicUrl && connectLink(publicUrl.replace(/\/+$/, ''), lacking));
  switch (error instanceof GatewayError ? error.code : '') {
    case 'conflict':
      return refusal('tool_changed');
    case 'not_found':
      return refusal('no_such_tool');
    case 'invalid_request':
      return refusal('invalid_arguments');
    case 'rate_limited':
    case 'step_limit':
      return refusal('rate_limited');
    default:
      return undefined;
  }
}

/** An MCP CallToolResult as text for a model; what looks like a handle in it is broken up. */
function shownOf(resultJson: string): Shown {
  const result = parseExact(resultJson) as { content?: unknown; structuredContent?: unknown };
  const structuredJson = result.structuredContent === undefined ? '' : JSON.stringify(result.structuredContent);
  const blocks = Array.isArray(result.content) ? result.content : [];
  // Rules look at the structured content: a model must not be shown other words than those that were decided on.
  const text = structuredJson === '' ? blocks.map(textOf).join('\n') : structuredJson;
  return { text: escapeHandles(text), structuredJson };
}

function textOf(block: unknown): string {
  const { type, text, data, mimeType } = block as { [key: string]: unknown };
  if (type === 'text' && typeof text === 'string') return text;
  // Pictures and sounds have no place in the text of a result.
  if (typeof data === 'string') return `[${type}: ${mimeType}, not shown]`;
  return JSON.stringify(block);
}
