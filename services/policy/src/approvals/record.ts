import { uuidv7 } from '@sallyport/chassis/uuid';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import { Principal_Kind } from '@sallyport/proto/principal/v1/principal_pb';
import type { ApprovalContent, ApprovalState, Word } from './approval.ts';
import type { OutgoingRecord } from './outbox.ts';

/** What happened to an approval, for the log. */
export interface ApprovalEvent {
  readonly tenant: string;
  readonly id: string;
  readonly trajectory: string;
  readonly content: ApprovalContent;
  readonly state: ApprovalState;
  readonly atMs: number;
  /** Who spoke, if somebody did. */
  readonly word?: Word | undefined;
  /** How many values were endorsed for this run, and how many beyond it. */
  readonly endorsed?: { readonly run: number; readonly good: number };
  /** Whose doing it was that the requester's credential or rights ended, and why. */
  readonly ended?: { readonly by: string; readonly reason: string };
}

const KINDS: Readonly<Record<Principal_Kind, string>> = {
  [Principal_Kind.UNSPECIFIED]: '',
  [Principal_Kind.USER]: 'user',
  [Principal_Kind.CLIENT]: 'client',
  [Principal_Kind.KEY]: 'key',
};
const OUTCOMES: Partial<Record<ApprovalState, string>> = { rejected: 'refused', expired: 'refused', void: 'refused' };

/** The record of what happened to an approval. It names paths and people, and no value. */
export function recordOf(event: ApprovalEvent): OutgoingRecord {
  const { content, word, endorsed, ended } = event;
  const { requester, tool } = content;
  return {
    id: uuidv7(),
    kind: Record_Kind.APPROVAL,
    tenant: event.tenant,
    trajectory: event.trajectory,
    turn: content.turn,
    startedAtMs: event.atMs,
    principalKind: KINDS[requester.kind] ?? '',
    principalId: requester.id,
    user: requester.user,
    teams: [...requester.teams],
    customer: requester.customer,
    keyId: requester.keyId,
    client: requester.client,
    tags: [...requester.tags],
    toolName: `${tool.server || tool.owner}/${tool.name}`,
    toolClass: content.toolClass,
    verdict: 'ask',
    enforced: event.state === 'approved' || event.state === 'used' ? 'allow' : 'ask',
    rule: content.rule,
    reason: content.reason,
    policyRevision: content.policyRevision,
    labelTrusted: content.context.integrity === 'trusted',
    labelSources: [...content.context.sources],
    outcome: OUTCOMES[event.state] ?? 'ok',
    detailJson: JSON.stringify({
      approval: event.id,
      state: event.state,
      needed: content.needed,
      asked: content.values.filter((value) => value.asked).map((value) => value.pointer),
      ...(word === undefined
        ? {}
        : { by: word.user, approve: word.approve, breakGlass: word.breakGlass, note: word.note }),
      ...(endorsed === undefined ? {} : { endorsed }),
      ...(ended === undefined ? {} : { ended: { by: ended.by === '' ? 'system' : ended.by, reason: ended.reason } }),
    }),
  };
}
