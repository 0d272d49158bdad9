import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { turnFields } from '@sallyport/peers/record-fields';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import { refusal } from '@sallyport/turn';
import { ENDPOINT } from './admit.ts';
import type { Gate } from './gate.ts';
import { callSubject, ONE_CALL, refusedByLimit } from './limit-call.ts';
import { type Claim, joinRun } from './run-of-call.ts';
import { type Shown, type ShownTool, shownWords } from './shown.ts';
import type { Turn } from './turn.ts';

/** What work of the gateway's own came to, and what is recorded of it: no content. */
export interface OwnWork<T> {
  readonly value: T;
  readonly detail: object;
}

/** How a step of the gateway's own ended. */
export type OwnStep<T> =
  | { readonly value: T }
  | { readonly refused: Shown; readonly retryAfterSeconds?: number | undefined };

/**
 * A call of a tool of the gateway's own, which reads what the caller may see anyway: it has a run, counts against limits and
 * is recorded as any call that reads is, with nothing durable in its way. Policy has nothing to decide of it; where policy
 * is away it is refused like all calls. Rejects as the work does, and for an abort.
 */
export async function ownStep<T>(
  gate: Pick<Gate, 'clients' | 'digest' | 'runs' | 'limits' | 'recorder'>,
  turn: Turn,
  claim: Claim,
  tool: ShownTool,
  work: () => Promise<OwnWork<T>>,
): Promise<OwnStep<T>> {
  const callId = uuidv7();
  turn.step = 1;
  const record = (
    outcome: 'ok' | 'error' | 'refused',
    detail: object,
    limits: readonly object[],
    error?: GatewayError,
  ) => {
    gate.recorder.append({
      ...turnFields(turn, turn.endpoint ?? ENDPOINT),
      kind: outcome === 'refused' ? Record_Kind.TOOL_REFUSAL : Record_Kind.TOOL_OUTCOME,
      step: turn.step,
      startedAtMs: turn.startedAtMs,
      durationMs: Date.now() - turn.startedAtMs,
      callId,
      toolName: tool.exposedName,
      toolClass: 'read',
      outcome,
      errorCode: error?.code ?? '',
      reason: error?.message ?? '',
      limitsJson: limits.length > 0 ? JSON.stringify(limits) : '',
      detailJson: JSON.stringify({ status: outcome === 'ok' ? 'done' : outcome, ...detail }),
    });
  };
  try {
    await joinRun(gate, turn, claim);
  } catch (error) {
    turn.signal.throwIfAborted();
    turn.trajectory ||= uuidv7();
    record('refused', {}, [], asGatewayError(error));
    return { refused: shownWords(refusal('policy_unavailable').text) };
  }
  const foreign = turn.foreignTrajectory === '' ? {} : { foreignTrajectory: turn.foreignTrajectory };
  const { principal, limitRun, newTrajectory, attribution } = turn;
  const who = { principal, trajectory: limitRun, customer: attribution.customer, newTrajectory };
  const taken = gate.limits.reserve(callSubject(tool, who), ONE_CALL);
  const reserved = taken instanceof Promise ? await taken.catch(asGatewayError) : taken;
  if (reserved instanceof GatewayError) {
    record('refused', { ...reserved.details, ...foreign }, [], reserved);
    const { shown: refused, retryAfterSeconds } = refusedByLimit(reserved);
    return { refused, retryAfterSeconds };
  }
  try {
    const { value, detail } = await work();
    record('ok', { ...detail, ...foreign }, reserved.touched);
    return { value };
  } catch (error) {
    if (!turn.signal.aborted) record('error', foreign, reserved.touched, asGatewayError(error));
    throw error;
  } finally {
    reserved.settle(ONE_CALL);
  }
}
