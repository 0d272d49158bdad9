import type { Access } from '@sallyport/peers/access';
import type { Attribution } from '@sallyport/peers/record-fields';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Label } from '@sallyport/turn';
import type { Sampled } from '../sampling/sample.ts';
import type { KnownValue } from './known-values.ts';

/** One `tools/call` and all that it causes. */
export interface Turn {
  readonly id: string;
  readonly startedAtMs: number;
  readonly principal: Principal;
  /** The front that it came by, for records; absent: that of MCP. */
  readonly endpoint?: string;
  readonly access: Access;
  readonly attribution: Attribution;
  /** Ends when the client is gone or the credential is revoked. */
  readonly signal: AbortSignal;
  trajectory: string;
  /** Run whose steps are counted: the same, but one of its own for a call that names no run. */
  limitRun: string;
  newTrajectory: boolean;
  /** A trajectory id that was named but is not this principal's. */
  foreignTrajectory: string;
  /** Where taint of calls that name no run is kept beside; none where this one names its run. */
  standing: readonly string[];
  /** Label of the run: of everything its calls are made of. */
  label: Label;
  /** Values among the arguments that trusted fields of results showed in this run. */
  known: readonly KnownValue[];
  /** Values among the arguments that the administrator wrote into a toolset. */
  readonly set: readonly KnownValue[];
  policyRevision: string;
  /** The tool of the gateway by which the call was made, where it named another; for the record. */
  via?: string;
  /** The tool in whose place another is called, since its server is down; for the record. */
  standsInFor?: string;
  /** Keys of answers that came with the call and were not sent, since nothing of the kind was asked; for the record. */
  unasked?: readonly string[];
  /** What the tool server had a model asked in the course of the call. */
  sampled?: readonly Sampled[];
  /** How often it had one asked in earlier rounds of the call, which were requests of their own. */
  sampledBefore?: number;
  /** Steps recorded in this turn, for numbering. */
  step: number;
}
