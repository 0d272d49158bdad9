import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Label } from '@sallyport/turn/label';
import type { ToolRefFields } from '../rules/tool.ts';

/** Where an approval stands. Expiry is a matter of time: what is past it counts as expired before a row says so. */
export type ApprovalState = 'pending' | 'approved' | 'rejected' | 'expired' | 'void' | 'used';

/** Who may decide, as one asking policy says; with neither users nor teams, administrators. */
export interface Approvers {
  readonly users: readonly string[];
  readonly teams: readonly string[];
  /** Administrators may decide too once the question has been open for `remindMs`. */
  readonly administratorsOnAbsence: boolean;
}

/** A value of the call, as it is shown to who decides. */
export interface AskedValue {
  readonly pointer: string;
  readonly valueJson: string;
  readonly origin: string;
  readonly from: string;
  readonly path: string;
  readonly looksLike: string;
  /** A rule asks because of it. */
  readonly asked: boolean;
}

/** What an approval is about; sealed at rest and never changed. */
export interface ApprovalContent {
  readonly turn: string;
  readonly requester: Principal;
  readonly tool: ToolRefFields;
  readonly toolClass: string;
  readonly argumentsJson: string;
  readonly values: readonly AskedValue[];
  readonly rule: string;
  readonly reason: string;
  readonly policyRevision: string;
  /** Revision of the rules on this tool: while it is the same, so is what was decided. */
  readonly rules: string;
  readonly context: Label;
  /** Each asking policy's word; a person has to be among the approvers of all. */
  readonly approvers: readonly Approvers[];
  readonly needed: number;
  /** How long the question stands, and how long a yes may be used afterwards. */
  readonly validMs: number;
  readonly remindMs: number | undefined;
}

/** What one approver said. */
export interface Word {
  readonly user: string;
  readonly approve: boolean;
  readonly atMs: number;
  readonly breakGlass: boolean;
  readonly note: string;
  /** Pointers of values endorsed beyond this run, until `endorseUntilMs`. */
  readonly endorse: readonly string[];
  readonly endorseUntilMs: number;
}

/** An approval as kept. */
export interface StoredApproval {
  readonly tenant: string;
  readonly id: string;
  readonly trajectory: string;
  readonly state: ApprovalState;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly content: ApprovalContent;
  readonly words: readonly Word[];
}

/** The person behind a principal: two credentials of one user are one person. */
export function personOf(principal: Pick<Principal, 'user' | 'id'>): string {
  return principal.user === '' ? principal.id : `user:${principal.user}`;
}

/** The state at a moment. */
export function stateAt(approval: Pick<StoredApproval, 'state' | 'expiresAtMs'>, nowMs: number): ApprovalState {
  const open = approval.state === 'pending' || approval.state === 'approved';
  return open && approval.expiresAtMs <= nowMs ? 'expired' : approval.state;
}
