import { type Html, html } from '@sallyport/chassis/pages/html';
import { visible } from '@sallyport/chassis/pages/visible';
import type { Approval } from '@sallyport/proto/policy/v1/approval_pb';
import { type ApprovalStateName, personOf } from '../approval-view.ts';
import type { Caller } from '../caller.ts';

/** Where a value came from. */
export interface ValueSource {
  readonly origin: string;
  readonly from: string;
  readonly path: string;
  readonly asked: boolean;
}

/** Where a value came from, in words for the person who is to judge it. */
export function originWords(source: ValueSource, approval: Approval, viewer: Caller): Html {
  const { requester } = approval;
  const own = requester !== undefined && personOf(requester) === personOf(viewer.principal);
  const who = own ? 'you' : html`${visible(requester?.user || 'the person who asked')}`;
  const unvouched = source.asked ? '; nobody vouches for it' : '';
  switch (source.origin) {
    case 'typed':
      return html`typed by ${who} in this run`;
    case 'system':
      return html`written in the instructions of the application`;
    case 'attached':
      return html`out of something that was attached to the request; nobody vouches for it`;
    case 'result':
      return html`out of ${resultOf(source)}${unvouched}`;
    case 'handle':
      return html`out of ${resultOf(source)}, which the model passed on without seeing it${unvouched}`;
    case 'composed':
      return html`composed by the model${unvouched}`;
    default:
      return html`not known; nobody vouches for it`;
  }
}

function resultOf({ from, path }: ValueSource): Html {
  if (from === '') return html`the result of a tool`;
  const at = path === '' ? '' : html` at <code>${visible(path)}</code>`;
  return html`the result of <code>${visible(from)}</code>${at}`;
}

const STATE_WORDS: Readonly<Record<ApprovalStateName, string>> = {
  pending: 'Waiting for a decision',
  approved: 'Approved, not used yet',
  rejected: 'Rejected',
  expired: 'Expired: nobody decided in time',
  void: 'Void: what was asked about has changed since',
  used: 'Approved and used',
};

/** A state in words. */
export function stateWords(state: ApprovalStateName, { words, needed }: Pick<Approval, 'words' | 'needed'>): string {
  const agreed = words.filter(({ approve }) => approve).length >= Math.max(1, needed);
  if (state === 'expired' && agreed) return 'Expired: approved, but not used in time';
  return STATE_WORDS[state];
}

/** The state as it is by the clock: what nobody decided before its end has expired, also where nobody wrote that down yet. */
export function stateAt(state: ApprovalStateName, expiresAtMs: number, nowMs: number): ApprovalStateName {
  return state === 'pending' && expiresAtMs <= nowMs ? 'expired' : state;
}

/** A span of time in words, the two largest units. */
export function spanWords(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const units: [number, string][] = [
    [Math.floor(seconds / 86_400), 'day'],
    [Math.floor(seconds / 3600) % 24, 'hour'],
    [Math.floor(seconds / 60) % 60, 'minute'],
    [seconds % 60, 'second'],
  ];
  const first = units.findIndex(([amount]) => amount > 0);
  if (first === -1) return '0 seconds';
  return units
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}${amount === 1 ? '' : 's'}`)
    .join(' ');
}

/** An instant, for people: to the second, in UTC, since the server does not know where they are. */
export function instant(ms: number): Html {
  const iso = new Date(ms).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC</time>`;
}
