import { type Decision, deny, hasSideEffect, mayRun, type ToolClass } from './decision.ts';
import { join, joinAll, type Label, TRUSTED, UNLABELLED } from './label.ts';
import { type Refusal, refusal, refusalOf } from './refusal.ts';

/** What the step needs to know of a call; callers add their own fields. */
export type StepCall = {
  /** Unique in the batch: approvals, intents and digests name it. */
  readonly id: string;
  readonly classes: readonly ToolClass[];
  /** Join of the labels of the call's arguments, as origins tell them. */
  readonly label: Label;
};

/** Calls that a model made together, decided before any of their results is seen. */
export type ToolBatch<C extends StepCall> = {
  readonly calls: readonly C[];
  /** The label of everything in play when the calls were made. */
  readonly inPlay: Label;
  readonly policyRevision: string;
};

/** What a tool gave back. Error results of a tool are results: their text is as untrusted as any. */
export type ToolResult<R> = {
  readonly content: R;
  readonly isError: boolean;
  /** What the tool's declaration says of its results; undefined counts as UNLABELLED. */
  readonly label: Label | undefined;
};

/** What quarantine made of a result. */
export type QuarantinedResult<R> = {
  readonly content: R;
  /** The label of the values; stays untrusted. */
  readonly label: Label;
  /** What joins the label in play because a model reads this: typed values in the bit budget and handles only. */
  readonly contextLabel: Label;
};

/** How a call ended. */
export type StepStatus = 'done' | 'quarantined' | 'withheld' | 'failed' | 'refused' | 'waiting' | 'cancelled';

/** One call's result, safe to show to the model: either `content` or `refusal`. */
export type StepResult<R> = {
  readonly callId: string;
  readonly status: StepStatus;
  readonly content?: R;
  readonly refusal?: Refusal;
  readonly isError: boolean;
  readonly label: Label;
  readonly contextLabel: Label;
  readonly decision: Decision;
  readonly resultDecision?: Decision;
};

/** What is recorded of a call: exactly one outcome for each call of a batch, also for those that were refused. */
export type StepOutcome<C extends StepCall, R> = {
  readonly call: C;
  readonly result: StepResult<R>;
  /** What a port threw; for records and logs, never for a model. */
  readonly fault?: unknown;
};

/** What the step needs from outside. Every port keeps its own deadline and honours the signal. */
export type ToolStepPorts<C extends StepCall, R> = {
  /** Decides all calls as one batch: one decision for each, in order. Rejecting denies all. */
  decide(batch: ToolBatch<C>, signal: AbortSignal): Promise<readonly Decision[]>;
  /** Resolves once the intents of all calls about to run are durable. Rejecting refuses those with side effects. */
  commitIntents(intents: readonly { call: C; decision: Decision }[], signal: AbortSignal): Promise<void>;
  /** Makes the call. `refusal` where the call could not be made by a rule of the gate (arguments, handles, drift). */
  execute(call: C, signal: AbortSignal): Promise<ToolResult<R> | { readonly refusal: Refusal }>;
  /** Decides what becomes of a result, by its label. Rejecting withholds it. */
  decideResult(call: C, result: ToolResult<R> & { readonly label: Label }, signal: AbortSignal): Promise<Decision>;
  /** Reads a result in quarantine. Rejecting withholds it: raw text is never shown instead. */
  quarantine(
    call: C,
    result: ToolResult<R> & { readonly label: Label },
    signal: AbortSignal,
  ): Promise<QuarantinedResult<R>>;
  /** Records an outcome, also after an abort. */
  recordOutcome(outcome: StepOutcome<C, R>): Promise<void>;
};

/** Settings of a batch. */
export type ToolStepSettings<C extends StepCall> = {
  readonly signal: AbortSignal;
  /** Calls that run at once; 8 by default. */
  readonly parallel?: number;
  /** Whether a call needs a durable intent; by default every call with side effects (`audit.required`). */
  readonly needsIntent?: (call: C) => boolean;
};

/** What a batch gave. */
export type BatchResult<R> = {
  /** One for each call, in order. */
  readonly results: readonly StepResult<R>[];
  /** What joins the label in play because a model reads these results. */
  readonly contextLabel: Label;
  /** Ids of calls whose outcome could not be recorded; their intents are there. */
  readonly unrecorded: readonly string[];
};

const PARALLEL = 8;

/**
 * Runs the calls a model made together: decided as one batch, intents made durable, executed side by side, each result
 * labelled, decided and, where a rule says so, read in quarantine, each outcome recorded. Never rejects; what fails
 * ends in a refusal (DESIGN §7), and nothing that a tool or an error says is shown before its result is decided.
 */
export async function runToolBatch<C extends StepCall, R>(
  ports: ToolStepPorts<C, R>,
  batch: ToolBatch<C>,
  settings: ToolStepSettings<C>,
): Promise<BatchResult<R>> {
  const ending = endingOf(settings.signal);
  try {
    return await runUntil(ports, batch, settings, ending);
  } finally {
    ending.over();
  }
}

async function runUntil<C extends StepCall, R>(
  ports: ToolStepPorts<C, R>,
  batch: ToolBatch<C>,
  settings: ToolStepSettings<C>,
  ending: Ending,
): Promise<BatchResult<R>> {
  const decided = await decideAll(ports, batch, ending);
  const intended = await commitAll(ports, decided, settings, ending);
  const results: StepResult<R>[] = new Array(batch.calls.length);
  const unrecorded: string[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < intended.length) {
      const index = next++;
      const outcome = await runCall(ports, intended[index] as Decided<C>, batch.policyRevision, ending);
      results[index] = outcome.result;
      try {
        await ports.recordOutcome(outcome);
      } catch {
        unrecorded.push(outcome.call.id);
      }
    }
  };
  const workers = Math.max(1, Math.min(settings.parallel ?? PARALLEL, intended.length));
  await Promise.all(Array.from({ length: workers }, work));
  return { results, contextLabel: joinAll(results.map((one) => one.contextLabel)), unrecorded };
}

type Decided<C> = {
  readonly call: C;
  readonly decision: Decision;
  readonly refusal?: Refusal;
  readonly fault?: unknown;
};

async function decideAll<C extends StepCall, R>(
  ports: ToolStepPorts<C, R>,
  batch: ToolBatch<C>,
  ending: Ending,
): Promise<readonly Decided<C>[]> {
  const { signal } = ending;
  const denyAll = (fault: unknown): Decided<C>[] =>
    batch.calls.map((call) => {
      const decision = deny('builtin/policy-unavailable', 'The call could not be decided.', batch.policyRevision);
      return { call, decision, refusal: refusal(signal.aborted ? 'cancelled' : 'policy_unavailable'), fault };
    });
  let decisions: readonly Decision[];
  try {
    decisions = await abortable(() => ports.decide(batch, signal), ending);
  } catch (fault) {
    return denyAll(fault);
  }
  if (decisions.length !== batch.calls.length) return denyAll(new Error('as many decisions as calls are needed'));
  const repeated = repeatedIds(batch.calls);
  return batch.calls.map((call, index) => {
    if (repeated?.has(call.id)) {
      const decision = deny('builtin/duplicate-call-id', 'Two calls have the same id.', batch.policyRevision);
      return { call, decision, refusal: refusal('invalid_arguments') };
    }
    const decision = decisions[index] as Decision;
    return mayRun(decision) ? { call, decision } : { call, decision, refusal: refusalOf(decision) };
  });
}

// One call, as nearly all batches have, repeats nothing.
function repeatedIds(calls: readonly StepCall[]): ReadonlySet<string> | undefined {
  if (calls.length < 2) return undefined;
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { id } of calls) (seen.has(id) ? repeated : seen).add(id);
  return repeated;
}

async function commitAll<C extends StepCall, R>(
  ports: ToolStepPorts<C, R>,
  decided: readonly Decided<C>[],
  settings: ToolStepSettings<C>,
  ending: Ending,
): Promise<readonly Decided<C>[]> {
  const intents = decided.filter((one) => one.refusal === undefined);
  if (intents.length === 0) return decided;
  try {
    const committed = intents.map(({ call, decision }) => ({ call, decision }));
    await abortable(() => ports.commitIntents(committed, settings.signal), ending);
    return decided;
  } catch (fault) {
    const needsIntent = settings.needsIntent ?? ((call: C) => hasSideEffect(call.classes));
    return decided.map((one) =>
      one.refusal === undefined && needsIntent(one.call)
        ? { ...one, refusal: refusal(settings.signal.aborted ? 'cancelled' : 'audit_unavailable'), fault }
        : one,
    );
  }
}

async function runCall<C extends StepCall, R>(
  ports: ToolStepPorts<C, R>,
  intended: Decided<C>,
  policyRevision: string,
  ending: Ending,
): Promise<StepOutcome<C, R>> {
  const { call, decision } = intended;
  const { signal } = ending;
  const end = (status: StepStatus, said: Refusal, fault?: unknown, resultDecision?: Decision): StepOutcome<C, R> => {
    const result: StepResult<R> = {
      callId: call.id,
      status,
      refusal: said,
      isError: true,
      // Rule-owned words: reading them taints nothing.
      label: TRUSTED,
      contextLabel: TRUSTED,
      decision,
      ...(resultDecision === undefined ? {} : { resultDecision }),
    };
    return fault === undefined ? { call, result } : { call, result, fault };
  };

  if (intended.refusal !== undefined) {
    const held = decision.enforced === 'ask' ? 'waiting' : 'refused';
    return end(intended.refusal.code === 'cancelled' ? 'cancelled' : held, intended.refusal, intended.fault);
  }
  let raw: ToolResult<R>;
  try {
    const executed = await abortable(() => ports.execute(call, signal), ending);
    if ('refusal' in executed) return end('refused', executed.refusal);
    raw = executed;
  } catch (fault) {
    return signal.aborted
      ? end('cancelled', refusal('cancelled'), fault)
      : end('failed', refusal('tool_failed'), fault);
  }

  // What a tool makes of tainted arguments is tainted, whatever its declaration says (laundering by echo).
  const result = { ...raw, label: join(raw.label ?? UNLABELLED, call.label) };
  let resultDecision: Decision;
  try {
    resultDecision = await abortable(() => ports.decideResult(call, result, signal), ending);
  } catch (fault) {
    const denied = deny('builtin/policy-unavailable', 'The result could not be decided.', policyRevision);
    return end('withheld', refusal('result_withheld', denied), fault, denied);
  }
  if (!mayRun(resultDecision)) {
    return end(
      'withheld',
      refusal('result_withheld', resultDecision.enforcedBy ?? resultDecision),
      undefined,
      resultDecision,
    );
  }
  if (resultDecision.enforced === 'allow' && decision.enforced !== 'quarantine') {
    const { content, isError, label } = result;
    const shown = { callId: call.id, status: 'done' as const, content, isError, label, contextLabel: label };
    return { call, result: { ...shown, decision, resultDecision } };
  }
  // The text of an error would tell as much as the result that is to be kept away, so only its being one is told.
  if (result.isError) return end('failed', refusal('tool_failed'), undefined, resultDecision);
  try {
    const read = await abortable(() => ports.quarantine(call, result, signal), ending);
    // "A quarantined answer stays untrusted": not even the reader can raise its values.
    const label = join(read.label, result.label);
    const shown = { callId: call.id, status: 'quarantined' as const, content: read.content, isError: false, label };
    return { call, result: { ...shown, contextLabel: read.contextLabel, decision, resultDecision } };
  } catch (fault) {
    return end('withheld', refusal('quarantine_unavailable'), fault, resultDecision);
  }
}

/** Tells of the end of a signal by one listener, however many ports are waited for. */
type Ending = {
  readonly signal: AbortSignal;
  /** Whoever waits for a port now. */
  readonly waiting: Set<(reason: unknown) => void>;
  readonly over: () => void;
};

function endingOf(signal: AbortSignal): Ending {
  const waiting: Ending['waiting'] = new Set();
  const onAbort = () => {
    for (const reject of waiting) reject(signal.reason);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  return { signal, waiting, over: () => signal.removeEventListener('abort', onAbort) };
}

/** Waits for a port, but no longer than the signal: a port that hangs must not hold the turn. */
function abortable<T>(start: () => Promise<T>, { signal, waiting }: Ending): Promise<T> {
  // A race between promises makes five objects where this makes two, three times for each call of a tool.
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    waiting.add(reject);
    start().then(
      (value) => {
        waiting.delete(reject);
        resolve(value);
      },
      (fault: unknown) => {
        waiting.delete(reject);
        reject(fault);
      },
    );
  });
}
