import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { type Lacking, lackingOf } from '@sallyport/peers/connecting';
import { decisionOf, labelOf, resultForRules } from '@sallyport/peers/decision-wire';
import type { Presentation, Question } from '@sallyport/proto/policy/v1/policy_pb';
import {
  canonicalJson,
  classesOf,
  type Decision,
  isOfferingCall,
  join,
  type Label,
  mayRun,
  refusal,
  runToolBatch,
  type StepCall,
  splitAnswers,
  type ToolStepPorts,
  TRUSTED,
  untrusted,
  withAnswers,
} from '@sallyport/turn';
import { inRun, labelOfResult, runOf } from '../a2a/loop/call-run.ts';
import type { BrokerTool } from '../catalog/catalog.ts';
import type { JsonObject } from '../catalog/definition.ts';
import { mayBeMadeTwice, runOnce } from '../execute/run-once.ts';
import { runTool, saysDown } from '../execute/run-tool.ts';
import { offeringTool } from '../offerings/offering-tool.ts';
import { refOf } from '../server.ts';
import { askedFacts } from '../upstream/asked-facts.ts';
import { callerOfCall, type Logged } from '../upstream/caller.ts';
import type { Patience, PendingApproval } from './ask.ts';
import { type DecidableCall, type DecidedCall, decide } from './decide.ts';
import { shownLogs } from './decide-logs.ts';
import { decidingEvents } from './decided-events.ts';
import type { Gate } from './gate.ts';
import { callSubject, ONE_CALL, refusedByLimit } from './limit-call.ts';
import { nameInRules } from './prepare.ts';
import { readApart } from './read-apart.ts';
import { type CallFacts, recordRefusedCall, recordToolOutcome, toolIntent } from './record.ts';
import { type Claim, joinRun } from './run-of-call.ts';
import { type Shown, shownAnswer, shownWords } from './shown.ts';
import type { Turn } from './turn.ts';

const DECIDE_TIMEOUT_MS = 2_000;

interface OneCall extends StepCall, DecidableCall {
  /** Of the run, which deciding may find to have read more, and of what was filled in. No getter: each would give its call a hidden class of its own. */
  label: Label;
  decided?: DecidedCall;
  question?: Question | undefined;
  presentation?: Presentation | undefined;
  resultDecision?: Promise<Decision>;
  /** What the result brought was remembered with the decision on it. */
  remembered?: boolean;
  detail: Record<string, unknown>;
  /** What an account of the person would have to be connected for. */
  lacking?: Lacking | undefined;
  /** The server of its tool cannot be called, and the call may be made elsewhere. */
  down?: boolean;
  /** The client's own name for this call, under which it is made once. */
  readonly onceKey?: string | undefined;
}

/** How a call ended: what the client is shown, and the approval or the account of the person that it still waits for. */
export interface Called {
  readonly shown: Shown;
  /** Label of what is shown; absent: words of the gate. */
  readonly label?: Label;
  /** What is shown is what the tool gave, as it gave it: no refusal, no reading of it by quarantine. */
  readonly asGiven?: boolean;
  /** What its server logged on the way and may be shown; absent: nothing. */
  readonly logs?: readonly Logged[];
  readonly pending?: PendingApproval;
  /** The call was not made: the person has to connect the server first, or for more. */
  readonly lacking?: Lacking;
  /** A limit refused the call; whole seconds until it lets one through. */
  readonly retryAfterSeconds?: number;
  /** Its server cannot be called now; the call was not made there, or may be made twice. */
  readonly down?: boolean;
  /** The tool that was called in its place. */
  readonly answeredBy?: string;
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
  patience: Patience,
): Promise<Called> {
  const callId = uuidv7();
  turn.step++;
  try {
    await joinRun(gate, turn, claim);
  } catch (error) {
    turn.signal.throwIfAborted();
    turn.trajectory ||= uuidv7();
    recordRefusedCall(gate, turn, tool, callId, asGatewayError(error));
    return { shown: shownWords(refusal('policy_unavailable').text) };
  }
  const unready = await readiness(gate, turn, tool);
  if (unready !== undefined) {
    recordRefusedCall(gate, turn, tool, callId, unready);
    const lacking = lackingOf(unready);
    if (lacking !== undefined) return { shown: shownWords(refusal('not_connected').text), lacking };
    return { shown: shownWords(`[${unready.code}] ${unready.message} The call was not made.`) };
  }
  const { principal, limitRun, newTrajectory } = turn;
  const { customer } = turn.attribution;
  const taken = gate.limits.reserve(
    callSubject(tool, { principal, trajectory: limitRun, customer, newTrajectory }),
    ONE_CALL,
  );
  const reserved = taken instanceof Promise ? await taken.catch(asGatewayError) : taken;
  if (reserved instanceof GatewayError) {
    recordRefusedCall(gate, turn, tool, callId, reserved);
    return refusedByLimit(reserved);
  }
  const facts: Omit<CallFacts, 'inputsJson' | 'detail'> = {
    tool,
    intentId: uuidv7(),
    step: turn.step,
    startedAtMs: turn.startedAtMs,
    limits: reserved.touched,
  };
  const brought = callerOfCall.getStore()?.back;
  const call: OneCall = {
    id: callId,
    intentId: facts.intentId,
    classes: classesOf([tool.toolClass]),
    label: turn.label,
    tool,
    written: brought === undefined ? written : withAnswers(written, brought.responses),
    brought,
    detail: {},
    onceKey: claim.onceKey,
  };
  try {
    const batch = await runToolBatch<OneCall, Shown>(
      portsOf(gate, turn, facts, patience),
      { calls: [call], inPlay: turn.label, policyRevision: turn.policyRevision },
      { signal: turn.signal, needsIntent: () => gate.config.auditRequired && hasEffect(call) },
    );
    const result = batch.results[0];
    if (!result) throw new GatewayError('internal', 'The call had no result.');
    turn.signal.throwIfAborted();
    // A process that waits for an answer for minutes asks nobody else meanwhile.
    if (brought?.state !== undefined && result.status === 'refused') gate.runner.upstream.giveUp(brought.state);
    const shown = result.content ?? shownWords((result.refusal ?? refusal('tool_failed')).text);
    gate.memory.decided(turn, call, result);
    try {
      if (call.remembered !== true) await gate.memory.remember(turn, call, result, shown);
      gate.runs.saw(principal, turn.trajectory, join(turn.label, result.contextLabel));
    } catch {
      // Untrusted content whose taint nobody keeps would be clean at the next call.
      if (result.contextLabel.integrity === 'untrusted') {
        return { shown: shownWords(refusal('result_withheld').text) };
      }
    }
    const pending = result.status === 'waiting' ? call.decided?.pending : undefined;
    const { lacking } = call;
    const asGiven = result.status === 'done' && result.content !== undefined;
    const logged = callerOfCall.getStore()?.takeLogged?.() ?? [];
    const { argumentsJson = '{}' } = call.decided?.prepared ?? {};
    const logs = asGiven && logged.length > 0 ? await shownLogs(gate, turn, { ...call, argumentsJson }, logged) : [];
    return {
      shown,
      label: result.label,
      asGiven,
      ...(logs.length > 0 ? { logs } : {}),
      ...(pending ? { pending } : {}),
      ...(lacking ? { lacking } : {}),
      ...(call.down === true ? { down: true } : {}),
    };
  } finally {
    reserved.settle(ONE_CALL);
  }
}

// To answer a server is an effect, whatever its tool does.
function hasEffect({ tool, brought }: OneCall): boolean {
  return tool.toolClass !== 'read' || brought !== undefined;
}

/** What was decided, as it is sent: the arguments, and beside them the answers, which the connection takes from its caller. */
function sentOf({ brought }: OneCall, { prepared }: DecidedCall): { args: JsonObject; argumentsJson: string } {
  const caller = callerOfCall.getStore();
  if (brought === undefined || caller === undefined) {
    return { args: prepared.args as JsonObject, argumentsJson: prepared.argumentsJson };
  }
  const { args, answers } = splitAnswers(prepared.args);
  caller.sends = { state: brought.state, responses: answers as JsonObject };
  return { args: args as JsonObject, argumentsJson: canonicalJson(args) };
}

/** The tool of this identity that is in force now. */
function currentTool({ catalog }: Pick<Gate, 'catalog'>, tenant: string, tool: BrokerTool): BrokerTool | undefined {
  const call = tool.definition.name;
  if (!isOfferingCall(call)) return catalog.byExposedName(tenant, tool.exposedName);
  const server = catalog.server(tenant, tool.server.name);
  return server && offeringTool(server, call);
}

/** Before people are asked: what they approve is approved once, and would be used up by a call that cannot be made. */
async function readiness(gate: Gate, turn: Turn, tool: BrokerTool): Promise<GatewayError | undefined> {
  if (tool.server.spec.auth === undefined) return undefined;
  try {
    await gate.runner.upstream.ready(tool.server, turn.principal);
  } catch (error) {
    turn.signal.throwIfAborted();
    return asGatewayError(error);
  }
  return undefined;
}

function portsOf(
  gate: Gate,
  turn: Turn,
  facts: Omit<CallFacts, 'inputsJson' | 'detail'>,
  patience: Patience,
): ToolStepPorts<OneCall, Shown> {
  const { principal } = turn;
  const factsOf = ({ decided, detail }: OneCall): CallFacts => ({
    ...facts,
    inputsJson: decided?.inputsJson ?? '',
    detail,
  });
  return {
    async decide({ calls }) {
      const decisions: Decision[] = [];
      for (const call of calls) {
        call.decided = await decide(gate, turn, call, patience);
        // What a tool is given of values that the client did not see, it may say again in a result that is trusted otherwise.
        call.label = join(turn.label, call.decided.prepared.filledLabel);
        decisions.push(call.decided.decision);
      }
      return decisions;
    },
    async commitIntents(intents) {
      const records = intents.map(({ call, decision }) => toolIntent(turn, call.id, decision, factsOf(call)));
      // What only reads has no effect that its intent would have to precede (`audit.required` is for side effects).
      if (!intents.some(({ call }) => hasEffect(call))) for (const one of records) gate.recorder.append(one);
      else await gate.recorder.commit(records);
    },
    async execute(call, signal) {
      const { tool, decided } = call;
      if (!decided || !mayRun(decided.decision))
        throw new GatewayError('internal', 'An undecided call was about to run.');
      // Another definition, or the same one at another server or address, is not what was decided.
      const now = currentTool(gate, principal.tenant, tool);
      if (now?.definition.digest !== tool.definition.digest || now.server !== tool.server) {
        return { refusal: refusal('tool_changed') };
      }
      const { argumentsJson } = decided.prepared;
      const sent = sentOf(call, decided);
      const make = () => runTool(gate.runner, { principal, tool, ...sent, signal });
      const { onceKey: key } = call;
      const which = [tool.server.uid, tool.definition.name, argumentsJson].join('\n');
      const run = () =>
        key === undefined ? make() : runOnce(gate.once, { principal, key, call: which }, tool, signal, make);
      const { trajectory } = turn;
      const own = runOf(tool, { trajectory, label: call.label, depth: 0 });
      const ran = await inRun(own, () => decidingEvents(gate, turn, call, run)).catch((error: unknown) => {
        call.lacking = lackingOf(error);
        call.down = saysDown(error) && !turn.signal.aborted && mayBeMadeTwice(tool);
        if (call.lacking === undefined) throw error;
        return undefined;
      });
      if (ran === undefined) return { refusal: refusal('not_connected') };
      call.detail = { bytes: ran.sizeBytes, upstreamMs: Math.round(ran.latencyMs), credential: ran.credential };
      if (ran.answer.asks === true) call.detail.asks = askedFacts(callerOfCall.getStore()?.asked);
      // Before the tool was reached: words of ours, which no rule on results is about.
      if (ran.notCalled !== undefined) {
        call.down = ran.notCalled !== 'invalid_arguments';
        return { refusal: { code: ran.notCalled, text: String(ran.answer.content[0]?.text) } };
      }
      const content = shownAnswer(ran.answer);
      // A call that is to be read apart is, whatever is decided about its result.
      // What an agent of this gateway answers is labelled here, by what its model has read.
      const showing =
        own === undefined && decided.decision.enforced === 'allow'
          ? gate.memory.showing(turn, call, content)
          : undefined;
      const asked = gate.clients.decisions.decideResult(
        {
          principal,
          trajectory: turn.trajectory,
          tool: refOf(tool),
          argumentsJson,
          resultJson: resultForRules(content.structuredJson),
          isError: ran.answer.isError,
          sizeBytes: ran.sizeBytes,
          ...(showing ? { showing } : {}),
        },
        { timeoutMs: DECIDE_TIMEOUT_MS, signal },
      );
      // The call was made: where its result cannot be decided, the port below withholds it and reports why.
      const answered = await asked.catch((error: unknown) => {
        call.resultDecision = Promise.reject(error);
        call.resultDecision.catch(() => {});
        return undefined;
      });
      call.remembered = answered?.remembered === true;
      call.question = answered?.question;
      call.presentation = answered?.presentation;
      if (answered?.decision) call.resultDecision = Promise.resolve(decisionOf(answered.decision));
      return {
        content,
        isError: ran.answer.isError,
        label: answered ? labelOfResult(labelOf(answered.label), answered.decision?.rule, own) : undefined,
      };
    },
    async decideResult(call) {
      if (!call.resultDecision) throw new GatewayError('unavailable', 'The result was not decided.');
      return await call.resultDecision;
    },
    async quarantine(call, result) {
      const { question, presentation, tool, written } = call;
      const policyRevision = (await call.resultDecision)?.policyRevision ?? '';
      const unread = { question, presentation, shown: result.content, written, policyRevision };
      return {
        content: await readApart(gate, turn, tool, unread),
        label: join(untrusted(`tool:${nameInRules(tool)}`), { ...TRUSTED, audience: result.label.audience }),
        // Typed values within bounds, and handles: what the model reads here says nothing that could instruct it.
        contextLabel: TRUSTED,
      };
    },
    async recordOutcome(outcome) {
      recordToolOutcome(gate, turn, outcome, factsOf(outcome.call));
    },
  };
}
