import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { Approval } from '@sallyport/proto/policy/v1/approval_pb';
import { type Principal, Principal_Kind } from '@sallyport/proto/principal/v1/principal_pb';
import type { Recorded } from './admin-record.ts';
import { type ApprovalStateName, personOf, speakerOf, stateOf } from './approval-view.ts';
import type { Caller } from './caller.ts';
import type { Clients } from './clients.ts';
import type { Patience } from './route.ts';

/** A person's word on an approval. */
export interface Word {
  readonly decision: 'approve' | 'reject';
  /** JSON pointers of values that are endorsed beyond this run. */
  readonly endorse: readonly string[];
  /** Until when, epoch ms; 0: as long as values are endorsed at most. */
  readonly endorseUntilMs: number;
  readonly note: string;
  /** Decides without being an approver; Admins only, with a note. */
  readonly breakGlass: boolean;
}

/** What the API and the page do with approvals: the same checks stand before both. */
export interface ApprovalDesk {
  /** Approvals that the caller may see, newest first; a Member sees what they may decide or asked for. */
  list(
    caller: Caller,
    query: { readonly states: readonly ApprovalStateName[]; readonly pageSize: number; readonly pageToken: string },
    patience: Patience,
  ): Promise<{ readonly approvals: readonly Approval[]; readonly nextPageToken: string }>;
  /** One approval; `not_found` for those of others and of other tenants. */
  get(caller: Caller, id: string, patience: Patience): Promise<Approval>;
  /**
   * Says a word and gives the approval after it. The same word of the same person again changes nothing and is no
   * error; every other second word is a `conflict`. Recorded before and after.
   */
  decide(caller: Caller, id: string, word: Word, patience: Patience): Promise<Approval>;
}

/** Longest time that a value is endorsed for. */
export const MAX_ENDORSEMENT_MS = 90 * 24 * 3600 * 1000;

const ENDORSEMENTS_READ = 200;

/** Makes the desk over policy. */
export function approvalDesk(
  clients: Pick<Clients, 'approvals'>,
  recorded: Recorded,
  now: () => number = Date.now,
): ApprovalDesk {
  const { approvals } = clients;

  const get: ApprovalDesk['get'] = async (caller, id, patience) => {
    const { tenant } = caller.principal;
    const { approval } = await approvals.getApproval({ tenant, id, ...bound(caller) }, patience);
    // A tenant that is not the caller's must not show, whatever went wrong behind.
    if (approval === undefined || approval.tenant !== tenant) throw notFound();
    return approval;
  };

  const alreadySaid = async (caller: Caller, approval: Approval, word: Word, patience: Patience) => {
    const speaker = speakerOf(caller.principal);
    const said = approval.words.find(({ user }) => user === speaker);
    if (said === undefined || said.approve !== (word.decision === 'approve')) return false;
    if (word.endorse.length === 0) return true;
    const { endorsements } = await approvals.listEndorsements(
      {
        tenant: approval.tenant,
        user: approval.requester === undefined ? '' : personOf(approval.requester),
        pageSize: ENDORSEMENTS_READ,
      },
      patience,
    );
    return word.endorse.every((pointer) =>
      endorsements.some(
        ({ approvalId, argument, trajectory }) =>
          approvalId === approval.id && argument === pointer && trajectory === '',
      ),
    );
  };

  return {
    async list(caller, { states, pageSize, pageToken }, patience) {
      const { tenant } = caller.principal;
      const answer = await approvals.listApprovals(
        { tenant, states: states.map(stateOf), pageSize, pageToken, ...bound(caller) },
        patience,
      );
      return {
        approvals: answer.approvals.filter((approval) => approval.tenant === tenant),
        nextPageToken: answer.nextPageToken,
      };
    },
    get,
    async decide(caller, id, word, patience) {
      checkWord(caller, word, now());
      const before = await get(caller, id, patience);
      if (word.decision === 'approve' && holdsWhatAsked(caller.principal, before.requester)) {
        throw new GatewayError('permission_denied', 'Who asked for a call cannot approve it with the same key.');
      }
      const { tenant } = caller.principal;
      const { decision, endorse, endorseUntilMs, note, breakGlass } = word;
      const change = { endorse, ...(endorseUntilMs === 0 ? {} : { endorseUntilMs }), note, breakGlass };
      const action = { action: `approvals.${decision}`, target: { kind: 'approval', id }, change };
      return recorded(caller, action, patience, async () => {
        try {
          const { approval } = await approvals.decideApproval(
            {
              tenant,
              id,
              approver: caller.principal,
              approve: decision === 'approve',
              endorse: [...endorse],
              endorseUntilMs,
              breakGlass,
              note,
            },
            patience,
          );
          if (approval === undefined) throw new GatewayError('internal', 'policy answered without an approval.');
          return approval;
        } catch (error) {
          if (asGatewayError(error).code !== 'conflict') throw error;
          const after = await get(caller, id, patience);
          if (await alreadySaid(caller, after, word, patience)) return after;
          throw error;
        }
      });
    },
  };
}

/** Whether a person may decide an approval without breaking glass. Policy has the last word; this is for showing. */
export function mayDecide({ principal, role }: Caller, approval: Approval): boolean {
  if (role === 'Auditor') return false;
  const { approverUsers, approverTeams } = approval;
  if (approverUsers.length === 0 && approverTeams.length === 0) return role === 'Admin';
  return approverUsers.includes(personOf(principal)) || principal.teams.some((team) => approverTeams.includes(team));
}

/**
 * An agent holds the key or token that asks, so that cannot be what says yes. A person who signed in here holds something
 * else, in a browser: whether they may say yes to a call that was made for them is for policy to say.
 */
function holdsWhatAsked({ kind, id, client, sessionId }: Principal, requester: Principal | undefined): boolean {
  const inBrowser = kind === Principal_Kind.USER && client === '' && sessionId !== '';
  // Whose call it is must be known before anybody may say yes to it.
  return requester === undefined || (requester.id === id && (!inBrowser || requester.sessionId === sessionId));
}

/** What bounds a Member's view; Auditors and Admins see all of the tenant. */
function bound({ role, principal }: Caller): { approver?: Principal } {
  return role === 'Member' ? { approver: principal } : {};
}

function checkWord({ role }: Caller, word: Word, nowMs: number): void {
  if (role === 'Auditor') throw new GatewayError('permission_denied', 'An Auditor reads and decides nothing.');
  if (word.breakGlass && role !== 'Admin') {
    throw new GatewayError('permission_denied', 'Only an Admin may break the glass.');
  }
  if (word.breakGlass && word.note.trim() === '') {
    throw new GatewayError('invalid_request', 'Say in the note why the glass is broken.');
  }
  if (word.decision === 'reject' && (word.endorse.length > 0 || word.endorseUntilMs > 0)) {
    throw new GatewayError('invalid_request', 'A rejection endorses nothing.');
  }
  if (word.endorse.length === 0 && word.endorseUntilMs > 0) {
    throw new GatewayError('invalid_request', 'endorseUntil needs the values in endorse.');
  }
  if (word.endorseUntilMs === 0) return;
  if (word.endorseUntilMs <= nowMs) throw new GatewayError('invalid_request', 'endorseUntil has passed.');
  if (word.endorseUntilMs > nowMs + MAX_ENDORSEMENT_MS) {
    throw new GatewayError('invalid_request', 'A value is endorsed for 90 days at most.');
  }
}

/** The error for an approval that is not there, or not for the caller. */
export function notFound(): GatewayError {
  return new GatewayError('not_found', 'There is no such approval.');
}
