import { GatewayError } from '@sallyport/chassis/errors';
import { parseExact } from '@sallyport/peers/exact-json';
import {
  type Approval,
  ApprovalState,
  type ApprovalValue,
  type Endorsement,
} from '@sallyport/proto/policy/v1/approval_pb';
import { type ToolRef, ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { z } from 'zod';
import { fields, timeOf } from './fields.ts';

/** The states of an approval, as the API says them. */
export const APPROVAL_STATES = ['pending', 'approved', 'rejected', 'expired', 'void', 'used'] as const;

/** One of the states. */
export type ApprovalStateName = (typeof APPROVAL_STATES)[number];

const STATES: Readonly<Record<ApprovalStateName, ApprovalState>> = {
  pending: ApprovalState.PENDING,
  approved: ApprovalState.APPROVED,
  rejected: ApprovalState.REJECTED,
  expired: ApprovalState.EXPIRED,
  void: ApprovalState.VOID,
  used: ApprovalState.USED,
};

const USER = 'user:';
const json = z.json();
const pointer = z.string().describe('JSON pointer into the arguments.');

const requester = z
  .object({
    id: z.string(),
    name: z.string(),
    user: z.string().nullable().describe('On whose behalf; null when nobody stands behind it.'),
    teams: z.array(z.string()),
    client: z.string().nullable(),
  })
  .meta({ id: 'Requester' });

/** An approval as the API shows it. */
export const approvalSchema = z
  .object({
    id: z.string(),
    trajectory: z.string(),
    turn: z.string(),
    tool: z.string().describe('`<server>__<tool>`, or the name of a function that the client declared.'),
    toolClass: z.string(),
    arguments: json.describe('With the values behind handles filled in.'),
    values: z.array(
      z.object({
        path: pointer,
        value: json,
        origin: z.string().describe('typed, attached, system, result, handle, composed or unknown.'),
        from: z.string().optional().describe('The tool whose result it is from.'),
        fromPath: z.string().optional().describe('Where in that result.'),
        looksLike: z.string().optional().describe('A known word that this other value only looks like.'),
        asked: z.boolean().describe('A rule asks because of this value.'),
      }),
    ),
    rule: z.string(),
    reason: z.string(),
    state: z.enum(APPROVAL_STATES),
    requester,
    createdAt: fields.time,
    expiresAt: fields.time,
    needed: fields.count.describe('How many people have to say yes.'),
    approvers: z
      .object({ users: z.array(z.string()), teams: z.array(z.string()) })
      .describe('Who may decide; nobody named: Admins.'),
    words: z
      .array(
        z.object({
          user: z.string(),
          decision: z.enum(['approve', 'reject']),
          at: fields.time,
          breakGlass: z.boolean(),
          note: z.string(),
        }),
      )
      .describe('What was said so far, oldest first.'),
    untrusted: z.boolean().describe('Whether anything untrusted was in play.'),
    policyRevision: z.string(),
  })
  .meta({ id: 'Approval', description: 'A tool call that waits, or waited, for a person.' });

/** An endorsement as the API shows it. */
export const endorsementSchema = z
  .object({
    id: z.string(),
    user: z.string().describe('For whose runs.'),
    tool: z.string(),
    argument: pointer,
    value: json,
    trajectory: z.string().nullable().describe('Only in this run; null: in every run of the user.'),
    endorsedBy: z.string(),
    approval: z.string(),
    createdAt: fields.time,
    expiresAt: fields.time,
    void: z
      .object({ since: fields.time, reason: z.string() })
      .nullable()
      .describe('Set where it counts for nothing: its tool server or user is gone.'),
  })
  .meta({ id: 'Endorsement', description: 'A value that a person vouched for.' });

/** Shows an approval. */
export function approvalView(approval: Approval): z.output<typeof approvalSchema> {
  const { id, trajectory, turn, toolClass, rule, reason, needed, policyRevision } = approval;
  return {
    id,
    trajectory,
    turn,
    tool: toolNameOf(approval.tool),
    toolClass,
    arguments: jsonOf(approval.argumentsJson),
    values: approval.values.map(valueView),
    rule,
    reason,
    state: stateNameOf(approval.state),
    requester: requesterOf(approval.requester),
    createdAt: timeOf(approval.createdAtMs),
    expiresAt: timeOf(approval.expiresAtMs),
    needed: Math.max(1, needed),
    approvers: { users: approval.approverUsers, teams: approval.approverTeams },
    words: approval.words.map(({ user, approve, atMs, breakGlass, note }) => ({
      user: speakerName(user),
      decision: approve ? 'approve' : 'reject',
      at: timeOf(atMs),
      breakGlass,
      note,
    })),
    untrusted: approval.context?.trusted !== true,
    policyRevision,
  };
}

/** Shows an endorsement. */
export function endorsementView(endorsement: Endorsement): z.output<typeof endorsementSchema> {
  const { id, user, argument, valueJson, trajectory, endorsedBy, approvalId, createdAtMs, expiresAtMs } = endorsement;
  const { voidAtMs, voidReason } = endorsement;
  return {
    id,
    user,
    tool: toolNameOf(endorsement.tool),
    argument,
    value: jsonOf(valueJson),
    trajectory: trajectory || null,
    endorsedBy: speakerName(endorsedBy),
    approval: approvalId,
    createdAt: timeOf(createdAtMs),
    expiresAt: timeOf(expiresAtMs),
    void: voidAtMs > 0 ? { since: timeOf(voidAtMs), reason: voidReason } : null,
  };
}

/** The state of the wire that a name stands for. */
export function stateOf(name: ApprovalStateName): ApprovalState {
  return STATES[name];
}

/** The name of a state. Throws `internal` for one that is none. */
export function stateNameOf(state: ApprovalState): ApprovalStateName {
  const found = APPROVAL_STATES.find((name) => STATES[name] === state);
  if (found === undefined) throw new GatewayError('internal', 'policy answered with a state that is none.');
  return found;
}

/** The name by which a model calls a tool. */
export function toolNameOf(tool: ToolRef | undefined): string {
  const { kind, server = '', name = '' } = tool ?? {};
  return kind === ToolRef_Kind.BROKERED ? `${server}__${name}` : name;
}

/** By what policy keeps the words of a principal: two keys of one user are one person. */
export function speakerOf({ user, id }: Pick<Principal, 'user' | 'id'>): string {
  return user === '' ? id : `${USER}${user}`;
}

/** The name of who spoke: the user, or the id of a principal behind which nobody stands. */
export function speakerName(speaker: string): string {
  return speaker.startsWith(USER) ? speaker.slice(USER.length) : speaker;
}

/** The person behind a principal, else the principal itself; so endorsements and approvers name them. */
export function personOf({ user, id }: Pick<Principal, 'user' | 'id'>): string {
  return user || id;
}

function requesterOf(principal: Principal | undefined): z.output<typeof requester> {
  const { id = '', name = '', user = '', teams = [], client = '' } = principal ?? {};
  return { id, name, user: user || null, teams, client: client || null };
}

function valueView(value: ApprovalValue) {
  const { pointer: path, valueJson, origin, from, path: fromPath, looksLike, asked } = value;
  return {
    path,
    value: jsonOf(valueJson),
    origin,
    ...(from === '' ? {} : { from }),
    ...(fromPath === '' ? {} : { fromPath }),
    ...(looksLike === '' ? {} : { looksLike }),
    asked,
  };
}

function jsonOf(text: string): z.output<typeof json> {
  try {
    return parseExact(text) as z.output<typeof json>;
  } catch (error) {
    throw new GatewayError('internal', 'policy answered with arguments that are no JSON.', { cause: error });
  }
}
