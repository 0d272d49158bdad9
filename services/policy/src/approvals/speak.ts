import { GatewayError } from '@sallyport/chassis/errors';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { type ApprovalState, personOf, type StoredApproval, stateAt, type Word } from './approval.ts';
import { isAdministrator, isApprover, maySee, selfApprovalFault } from './authority.ts';

/** What an approver wants to say. */
export interface Said {
  readonly approver: Principal;
  readonly approve: boolean;
  readonly endorse: readonly string[];
  readonly endorseUntilMs: number;
  readonly breakGlass: boolean;
  readonly note: string;
}

/** An approval after one more word. */
export interface Spoken {
  readonly state: ApprovalState;
  readonly words: readonly Word[];
  readonly expiresAtMs: number;
}

const DAY_MS = 86_400_000;
/** DESIGN §5: nothing is endorsed for longer. */
export const MAX_ENDORSEMENT_MS = 90 * DAY_MS;
const MAX_BREAK_GLASS_MS = 15 * 60_000;
const MAX_NOTE = 2000;

/**
 * Takes one approver's word. Throws `not_found` to who may not see the approval, `permission_denied` to who may not
 * decide it, `conflict` where it is decided, over, or this person has spoken, `invalid_request` for a bad endorsement.
 * A no ends it; a yes counts once a person, up to the number that is needed.
 */
export function speak(approval: StoredApproval, said: Said, nowMs: number): Spoken {
  const { content, words } = approval;
  const { approver } = said;
  if (!maySee(approval, approver, nowMs)) throw new GatewayError('not_found', 'No such approval.');
  const state = stateAt(approval, nowMs);
  if (state !== 'pending') {
    throw new GatewayError('conflict', `This approval is ${state} already.`, { details: { state } });
  }
  if (said.note.length > MAX_NOTE)
    throw new GatewayError('invalid_request', `A note has at most ${MAX_NOTE} characters.`);
  const breakGlass = said.breakGlass && !isApprover(approval, approver, nowMs);
  if (breakGlass) {
    if (!isAdministrator(approver)) throw denied('Only administrators break the glass.');
    if (said.note.trim() === '') throw new GatewayError('invalid_request', 'Who breaks the glass says why in a note.');
  } else if (!isApprover(approval, approver, nowMs)) {
    throw denied('Others decide this call.');
  }
  const fault = said.approve ? selfApprovalFault(content, approver, breakGlass) : undefined;
  if (fault !== undefined) throw denied(fault);
  const user = personOf(approver);
  if (words.some((one) => one.user === user)) throw new GatewayError('conflict', 'You have decided this already.');
  const word: Word = {
    user,
    approve: said.approve,
    atMs: nowMs,
    breakGlass,
    note: said.note,
    ...(said.approve ? endorsementOf(approval, said, breakGlass, nowMs) : { endorse: [], endorseUntilMs: 0 }),
  };
  const all = [...words, word];
  if (!said.approve) return { state: 'rejected', words: all, expiresAtMs: approval.expiresAtMs };
  if (all.filter((one) => one.approve).length < content.needed) {
    return { state: 'pending', words: all, expiresAtMs: approval.expiresAtMs };
  }
  const validMs = all.some((one) => one.breakGlass) ? Math.min(content.validMs, MAX_BREAK_GLASS_MS) : content.validMs;
  return { state: 'approved', words: all, expiresAtMs: nowMs + validMs };
}

/** What all who said yes endorse beyond this run, and until when. */
export function endorsedForGood(words: readonly Word[]): { pointers: readonly string[]; untilMs: number } {
  const yes = words.filter((one) => one.approve);
  const [first, ...others] = yes;
  if (first === undefined) return { pointers: [], untilMs: 0 };
  const pointers = first.endorse.filter((pointer) => others.every((one) => one.endorse.includes(pointer)));
  return { pointers, untilMs: Math.min(...yes.map((one) => one.endorseUntilMs)) };
}

function endorsementOf(
  { content }: StoredApproval,
  said: Said,
  breakGlass: boolean,
  nowMs: number,
): Pick<Word, 'endorse' | 'endorseUntilMs'> {
  if (said.endorse.length === 0) return { endorse: [], endorseUntilMs: 0 };
  if (breakGlass) throw new GatewayError('invalid_request', 'In an emergency nothing is endorsed beyond this call.');
  const known = new Set(content.values.map((value) => value.pointer));
  const foreign = said.endorse.find((pointer) => !known.has(pointer));
  if (foreign !== undefined) throw new GatewayError('invalid_request', 'What is endorsed is no value of this call.');
  const until = said.endorseUntilMs === 0 ? nowMs + MAX_ENDORSEMENT_MS : said.endorseUntilMs;
  // Written so that NaN is refused.
  if (!(until > nowMs && until <= nowMs + MAX_ENDORSEMENT_MS + DAY_MS / 24)) {
    throw new GatewayError('invalid_request', 'A value is endorsed for at most 90 days.');
  }
  return { endorse: [...new Set(said.endorse)], endorseUntilMs: Math.min(until, nowMs + MAX_ENDORSEMENT_MS) };
}

function denied(message: string): GatewayError {
  return new GatewayError('permission_denied', message);
}
