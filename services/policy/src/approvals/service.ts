import { GatewayError } from '@sallyport/chassis/errors';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import { type ApprovalService, ApprovalState as WireState } from '@sallyport/proto/policy/v1/approval_pb';
import type { Setting } from '../evaluate.ts';
import { readLabel } from '../labels.ts';
import { principalOf } from '../principal.ts';
import { identifiedCalls } from '../server.ts';
import { type StoredApproval, stateAt } from './approval.ts';
import { maySee } from './authority.ts';
import { type DecideApprovalParts, decideApproval } from './decide-approval.ts';
import type { Deciding } from './deciding.ts';
import type { EndorsementStore } from './endorsement-store.ts';
import type { ApprovalStore } from './store.ts';
import type { Waiting } from './waiting.ts';
import { writeApproval, writeEndorsement, writeState } from './wire.ts';

/** What the ApprovalService is made of. */
export interface ApprovalOptions extends DecideApprovalParts {
  readonly deciding: Deciding;
  readonly store: ApprovalStore;
  readonly endorsements: EndorsementStore;
  readonly waiting: Waiting;
  readonly setting: () => Setting;
  /** Told of each word that was taken. */
  readonly onDecided: (approval: StoredApproval) => void;
}

// Time for the answer to travel back before the caller's deadline.
const SLACK_MS = 250;
const LONGEST_WAIT_MS = 300_000;
const MAX_AWAITED = 64;
const DEFAULT_PAGE = 50;
const MAX_PAGE = 200;
/** Rows looked at for one page: most may be for others to decide. */
const MAX_SCANNED = 2_000;

const OPEN: readonly WireState[] = [WireState.PENDING, WireState.APPROVED];

/** Puts calls before people, tells who waits, takes approvers' words. */
export function approvalService(options: ApprovalOptions): ServiceImpl<typeof ApprovalService> {
  const { deciding, store, endorsements, waiting, setting } = options;
  return {
    async requestApprovals(request) {
      const principal = principalOf(request);
      const { trajectory, turn } = request;
      const calls = identifiedCalls(request.calls);
      const batch = { principal, trajectory, turn, context: readLabel(request.context), calls };
      const opened = await deciding.request(batch, setting());
      return { approvals: opened.map((one) => ({ id: one?.id ?? '', expiresAtMs: one?.expiresAtMs ?? 0 })) };
    },
    async awaitApprovals({ tenant, ids }, context) {
      named(tenant);
      if (ids.length > MAX_AWAITED)
        throw new GatewayError('invalid_request', 'Too many approvals are awaited at once.');
      if (ids.length === 0) return { states: [] };
      const latest = Date.now() + LONGEST_WAIT_MS;
      const untilMs = Math.min(latest, (context.deadlineMs ?? latest) - SLACK_MS);
      const keys = ids.map((id) => ({ tenant, id }));
      const states = await waiting.wait(keys, untilMs, context.signal);
      return { states: states.map(writeState) };
    },
    async listApprovals(request) {
      const { tenant, states, approver, pageToken } = request;
      named(tenant);
      const size = pageSize(request.pageSize);
      const nowMs = Date.now();
      // The common question, which must not drown in what is over.
      const open = states.length > 0 && states.every((one) => OPEN.includes(one));
      const found: StoredApproval[] = [];
      let after = pageToken === '' ? undefined : { tenant, id: pageToken };
      for (let scanned = 0; scanned < MAX_SCANNED; scanned += MAX_PAGE) {
        const page = await store.page(tenant, MAX_PAGE, after, open);
        for (const one of page) {
          after = one;
          const wanted = states.length === 0 || states.includes(writeState(stateAt(one, nowMs)));
          if (!wanted || (approver !== undefined && !maySee(one, approver, nowMs))) continue;
          found.push(one);
          if (found.length === size) break;
        }
        if (found.length === size || page.length < MAX_PAGE) break;
      }
      return {
        approvals: found.map((one) => writeApproval(one, nowMs)),
        nextPageToken: found.length === size ? (after?.id ?? '') : '',
      };
    },
    async getApproval({ tenant, id, approver }) {
      named(tenant);
      const approval = await store.get({ tenant, id });
      const nowMs = Date.now();
      if (approval === undefined || (approver !== undefined && !maySee(approval, approver, nowMs))) {
        throw new GatewayError('not_found', 'No such approval.');
      }
      return { approval: writeApproval(approval, nowMs) };
    },
    async decideApproval(request) {
      const { tenant, id, approve, endorse, endorseUntilMs, breakGlass, note } = request;
      const approver = principalOf({ principal: request.approver });
      named(tenant);
      if (approver.tenant !== tenant) throw new GatewayError('not_found', 'No such approval.');
      const said = { approver, approve, endorse, endorseUntilMs, breakGlass, note };
      const approval = await decideApproval(options, { tenant, id }, said);
      options.onDecided(approval);
      return { approval: writeApproval(approval, Date.now()) };
    },
    async listEndorsements(request) {
      const { tenant, user, pageToken } = request;
      named(tenant);
      const size = pageSize(request.pageSize);
      const page = await endorsements.page(tenant, user, size, pageToken);
      return {
        endorsements: page.map((one) => writeEndorsement(tenant, one)),
        nextPageToken: page.length === size ? (page.at(-1)?.id ?? '') : '',
      };
    },
    async revokeEndorsement({ tenant, id, user }) {
      named(tenant);
      // Idempotent: what is gone is as it should be.
      await endorsements.revoke(tenant, id, user);
      return {};
    },
  };
}

function named(tenant: string): void {
  if (tenant === '' || tenant === '*') throw new GatewayError('invalid_request', 'The request names no tenant.');
}

function pageSize(wanted: number): number {
  return wanted <= 0 ? DEFAULT_PAGE : Math.min(wanted, MAX_PAGE);
}
