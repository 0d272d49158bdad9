import { type Principal, Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { type ApprovalContent, type Approvers, personOf, type StoredApproval } from './approval.ts';

/** Tells whether a principal administers approvals in its tenant. */
export function isAdministrator(principal: Principal): boolean {
  return principal.role === Principal_Role.ADMIN;
}

/** Tells whether a person is among the approvers, at this moment: those of every asking policy. */
export function isApprover(approval: StoredApproval, person: Principal, nowMs: number): boolean {
  if (person.tenant !== approval.tenant) return false;
  const { approvers, remindMs } = approval.content;
  const absent = remindMs !== undefined && approval.createdAtMs + remindMs <= nowMs;
  // Of no approvers nobody is one.
  return approvers.length > 0 && approvers.every((one) => isAmong(one, person, absent));
}

function isAmong(approvers: Approvers, person: Principal, absent: boolean): boolean {
  const { users, teams, administratorsOnAbsence } = approvers;
  const named = users.length + teams.length > 0;
  if ((!named || (absent && administratorsOnAbsence)) && isAdministrator(person)) return true;
  return isNamed(approvers, person) || person.teams.some((team) => teams.includes(team));
}

function isNamed({ users }: Pick<Approvers, 'users'>, person: Principal): boolean {
  return person.user === '' ? users.includes(person.id) : users.includes(person.user);
}

/** Tells whether somebody wanted the call made: the requester, or one for whom it acts. */
export function isRequester(content: ApprovalContent, person: Principal): boolean {
  const { requester } = content;
  if (personOf(requester) === personOf(person) || requester.id === person.id) return true;
  return requester.actors.some(({ id }) => id === person.id || id === personOf(person) || id === person.user);
}

/**
 * Why a requester may not say yes to a call of their own, if so: where two people are needed, in an emergency, and for
 * egress and sensitive calls unless every asking policy names them as approver (DESIGN §5: consent is no approval).
 */
export function selfApprovalFault(
  content: ApprovalContent,
  person: Principal,
  breakGlass: boolean,
): string | undefined {
  if (!isRequester(content, person)) return undefined;
  if (breakGlass) return 'Nobody breaks the glass for a call of their own.';
  if (content.needed > 1) return 'Two people other than the requester have to decide this call.';
  const harmful = content.toolClass !== 'read' && content.toolClass !== 'write';
  if (harmful && !content.approvers.every((one) => isNamed(one, person))) {
    return 'Nobody approves a call of their own that sends something out or touches what is sensitive.';
  }
  return undefined;
}

/** Tells whether a person may look at an approval: approvers, the requester, administrators of the tenant. */
export function maySee(approval: StoredApproval, person: Principal, nowMs: number): boolean {
  if (person.tenant !== approval.tenant) return false;
  return isAdministrator(person) || isRequester(approval.content, person) || isApprover(approval, person, nowMs);
}
