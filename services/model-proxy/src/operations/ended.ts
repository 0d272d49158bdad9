import type { GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { newTrajectory } from '../turn/admit.ts';
import type { Gate } from '../turn/gate.ts';
import { recordEndedTurn, recordRefusedAdmission } from '../turn/record.ts';
import type { Turn } from '../turn/turn.ts';

/** How far a request came. */
export interface Begun {
  readonly id: string;
  readonly endpoint: string;
  readonly startedAtMs: number;
  /** The client's word for what it asked; '' where that was not read. */
  readonly model: string;
  /** Undefined: it is not known who asks, and nothing is recorded. */
  readonly principal: Principal | undefined;
  readonly turn: Turn | undefined;
}

/** Counts and records a request that came to no answer, once; tells the run that it is of, where somebody is known. */
export function recordEnd(gate: Gate, begun: Begun, error: GatewayError): string | undefined {
  const { id, endpoint, startedAtMs, model, principal, turn } = begun;
  gate.metrics.turns.inc({ endpoint, outcome: error.code });
  if (turn === undefined) {
    if (principal === undefined) return undefined;
    const trajectory = uuidv7();
    recordRefusedAdmission(gate, principal, { trajectory, turn: id, endpoint, model, startedAtMs }, error);
    return trajectory;
  }
  if (turn.trajectory === '') newTrajectory(turn);
  if (!turn.failureRecorded) recordEndedTurn(gate, turn, error);
  return turn.trajectory;
}
