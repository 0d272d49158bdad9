import type { Access } from '@sallyport/peers/access';
import type { Attribution } from '@sallyport/peers/record-fields';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Label } from '@sallyport/turn';

/** One `tools/call` and all that it causes. */
export interface Turn {
  readonly id: string;
  readonly startedAtMs: number;
  readonly principal: Principal;
  readonly access: Access;
  readonly attribution: Attribution;
  /** Ends when the client is gone or the credential is revoked. */
  readonly signal: AbortSignal;
  trajectory: string;
  newTrajectory: boolean;
  /** A trajectory id that was named but is not this principal's. */
  foreignTrajectory: string;
  /** Where taint of calls that name no run is kept; none where this one names its run. */
  standing: readonly string[];
  /** Label of the run: of everything its calls are made of. */
  label: Label;
  policyRevision: string;
  /** Steps recorded in this turn, for numbering. */
  step: number;
}
