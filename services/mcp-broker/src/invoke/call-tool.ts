import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { decisionOf, labelOf, resultForRules, wireLabel } from '@sallyport/peers/decision-wire';
import type { Question } from '@sallyport/proto/policy/v1/policy_pb';
import {
  classesOf,
  type Decision,
  deny,
  refusal,
  runToolBatch,
  type StepCall,
  type ToolStepPorts,
  TRUSTED,
  untrusted,
} from '@sallyport/turn';
import type { BrokerTool } from '../catalog/catalog.ts';
import type { JsonObject } from '../catalog/definition.ts';
import { runTool } from '../execute/run-tool.ts';
import { refOf } from '../server.ts';
import type { Gate } from './gate.ts';
import { type Prepared, prepare, wireOrigins } from './prepare.ts';
import { type CallFacts, recordQuarantine, recordRefusedCall, recordToolOutcome, toolIntent } from './record.ts';
import { type Claim, joinRun } from './run-of-call.ts';
import { type Shown, shownAnswer, shownReading, shownWords } from './shown.ts';
import type { Turn } from './turn.ts';

const DECIDE_TIMEOUT_MS = 2_000;
/** Reading takes a model call of its own. */
const EXTRACT_TIMEOUT_MS = 120_000;

interface OneCall extends StepCall {
  readonly tool: BrokerTool;
  readonly written: JsonObject;
  prepared?: Prepared;
  question?: Question | undefined;
  resultDecision?: Promise<Decision>;
  inputsJson: string;
  detail: Record<string, unknown>;
}

/**
 * A `tools/call` from admission to its record, with the stages of DESIGN §4 for the tool plane: label, reserve, decide,
 * intent, execute, decide the result, quarantine, settle, record. What is refused is an error result with a stable text;
 * nothing here rejects but an abort.
 */
export async function callTool(
  gate: Gate,
  turn: Turn,
  claim: Claim,
  tool: BrokerTool,
  written: JsonObject,
): Promise<Shown> {
  const callId = uuidv7();
  turn.step = 1;
  try {
    await joinRun(gate, turn, claim);
  } catch (error) {
    turn.signal.throwIfAborted();
    turn.trajectory ||= uuidv7();
    recordRefusedCall(gate, turn, tool, callId, asGatewayError(error));
    return shownWords(refusal('policy_unavailable').text);
  }
  const { principal, trajectory, newTrajectory } = turn;
  const { customer } = turn.attribution;
  const amounts = { requests: 1, steps: 1, concurrency: 1 };
  const reserved = await gate.limits
    .reserve({ principal, model: '', trajectory, customer, newTrajectory }, amounts)
    .catch((error: unknown) => asGatewayError(error));
  if (reserved instanceof GatewayError) {
    recordRefusedCall(gate, turn, tool, callId, reserved);
    const why = `[${reserved.code}] ${reserved.message} The call was not made.`;
    return shownWords(reserved.code === 'step_limit' ? refusal('step_limit').text : why);
  }
  const facts: Omit<CallFacts, 'inputsJson' | 'detail'> = {
    tool,
    intentId: uuidv7(),
    step: turn.step,
    startedAtMs: turn.startedAtMs,
    limits: reserved.touched,
  };
  const call: OneCall = {
    id: callId,
    classes: classesOf([tool.toolClass]),
    label: turn.label,
    tool,
    written,
    inputsJson: '',
    detail: {},
  };
  try {
    const batch = await runToolBatch<OneCall, Shown>(
      portsOf(gate, turn, facts),
      { calls: [call], inPlay: turn.label, policyRevision: turn.policyRevision },
      { signal: turn.signal, needsIntent: () => gate.config.auditRequired && tool.toolClass !== 'read' },
    );
    const result = batch.results[0];
    if (!result) throw new GatewayError('internal', 'The call had no result.');
    turn.signal.throwIfAborted();
    const shown = result.content ?? shownWords((result.refusal ?? refusal('tool_failed')).text);
    try {
      await gate.memory.remember(turn, tool.exposedName, result, shown);
    } catch {
      // Untrusted content whose taint nobody keeps would be clean at the next call.
      if (result.contextLabel.integrity === 'untrusted') return shownWords(refusal('result_withheld').text);
    }
    return shown;
  } finally {
    reserved.settle(amounts);
  }
}

function portsOf(
  gate: Gate,
  turn: Turn,
  facts: Omit<CallFacts, 'inputsJson' | 'detail'>,
): ToolStepPorts<OneCall, Shown> {
  const { principal } = turn;
  const factsOf = ({ inputsJson, detail }: OneCall): CallFacts => ({ ...facts, inputsJson, detail });
  return {
    async decide({ calls }) {
      const decisions: Decision[] = [];
      for (const call of calls) decisions.push(await decide(gate, turn, call));
      return decisions;
    },
    async commitIntents(intents) {
      await gate.recorder.commit(
        intents.map(({ call, decision }) => toolIntent(turn, call.id, decision, factsOf(call))),
      );
    },
    async execute(call, signal) {
      const { tool, prepared } = call;
      if (!prepared || prepared.refused) throw new GatewayError('internal', 'An undecided call was about to run.');
      // Another definition, or the same one at another server or address, is not what was decided.
      const now = gate.catalog.byExposedName(principal.tenant, tool.exposedName);
      if (now?.definition.digest !== tool.definition.digest || now.server !== tool.server) {
        return { refusal: refusal('tool_changed') };
      }
      const { args, argumentsJson } = prepared;
      const ran = await runTool(gate.runner, { principal, tool, args, argumentsJson, signal });
      call.detail = { bytes: ran.sizeBytes, upstreamMs: Math.round(ran.latencyMs), credential: ran.credential };
      // Before the tool was reached: words of ours, which no rule on results is about.
      if (ran.own && ran.latencyMs === 0) {
        return { refusal: { code: 'invalid_arguments', text: String(ran.answer.content[0]?.text) } };
      }
      const content = shownAnswer(ran.answer);
      const asked = gate.clients.decisions.decideResult(
        {
          principal,
          trajectory: turn.trajectory,
          tool: refOf(tool),
          argumentsJson,
          resultJson: resultForRules(content.structuredJson),
          isError: ran.answer.isError,
          sizeBytes: ran.sizeBytes,
        },
        { timeoutMs: DECIDE_TIMEOUT_MS, signal },
      );
      // The call was made: where its result cannot be decided, the port below withholds it and reports why.
      const decided = await asked.catch((error: unknown) => {
        call.resultDecision = Promise.reject(error);
        call.resultDecision.catch(() => {});
        return undefined;
      });
      call.question = decided?.question;
      if (decided?.decision) call.resultDecision = Promise.resolve(decisionOf(decided.decision));
      return { content, isError: ran.answer.isError, label: decided ? labelOf(decided.label) : undefined };
    },
    async decideResult(call) {
      if (!call.resultDecision) throw new GatewayError('unavailable', 'The result was not decided.');
      return await call.resultDecision;
    },
    async quarantine(call, result) {
      const { question, tool } = call;
      if (!question) throw new GatewayError('unavailable', 'Policy asked no question of the result.');
      const startedAtMs = Date.now();
      const step = ++turn.step;
      const answer = await gate.clients.quarantine.extract(
        {
          principal,
          trajectory: turn.trajectory,
          turn: turn.id,
          step: String(step),
          tool: tool.exposedName,
          question,
          content: result.content.text,
          structuredJson: result.content.structuredJson,
        },
        { timeoutMs: EXTRACT_TIMEOUT_MS, signal: turn.signal },
      );
      recordQuarantine(gate, turn, { tool, question, answer, startedAtMs, step });
      if (answer.answerJson === '') throw new GatewayError('upstream_invalid', 'Quarantine gave no answer.');
      return {
        content: shownReading(answer.answerJson, tool.definition.outputSchema !== undefined),
        label: untrusted(`tool:${tool.exposedName}`),
        // Typed values within bounds, and handles: what the model reads here says nothing that could instruct it.
        contextLabel: TRUSTED,
      };
    },
    async recordOutcome(outcome) {
      recordToolOutcome(gate, turn, outcome, factsOf(outcome.call));
    },
  };
}

async function decide(gate: Gate, turn: Turn, call: OneCall): Promise<Decision> {
  const { tool, written } = call;
  const prepared = await prepare(gate, turn, written, tool.definition.inputSchema);
  call.prepared = prepared;
  call.inputsJson = JSON.stringify({
    arguments: prepared.argumentsJson === '' ? written : prepared.args,
    origins: Object.fromEntries(prepared.origins.map(({ pointer, origin }) => [pointer, origin])),
    context: { trusted: turn.label.integrity === 'trusted', sources: turn.label.sources },
  });
  const decision = prepared.refused ?? (await ask(gate, turn, call, prepared));
  gate.metrics.decisions.inc({ verdict: decision.verdict, enforced: decision.enforced });
  return decision;
}

async function ask(gate: Gate, turn: Turn, call: OneCall, prepared: Prepared): Promise<Decision> {
  const answer = await gate.clients.decisions.decideCalls(
    {
      principal: turn.principal,
      trajectory: turn.trajectory,
      context: wireLabel(turn.label),
      calls: [
        {
          callId: call.id,
          tool: refOf(call.tool),
          argumentsJson: prepared.argumentsJson,
          origins: wireOrigins(prepared),
        },
      ],
    },
    { timeoutMs: DECIDE_TIMEOUT_MS, signal: turn.signal },
  );
  const wire = answer.decisions[0];
  if (!wire) return deny('builtin/undecided', 'Policy said nothing of this call.', turn.policyRevision);
  const decision = decisionOf(wire);
  // A list does not vary with the run, so a tool that a rule would hide is one the client sees: it is told why. What is
  // hidden because it is not theirs stays as if it were not there.
  const visible = decision.rule !== 'builtin/access' && decision.rule !== 'builtin/unknown-tool';
  return decision.enforced === 'hide' && visible ? { ...decision, enforced: 'deny' } : decision;
}
