import { GatewayError } from '@sallyport/chassis/errors';
import { fieldOf } from '@sallyport/chassis/pages/form';
import { MAX_ENDORSEMENT_MS, type Word } from '../approvals.ts';

const DAY_MS = 24 * 3600 * 1000;

/** A pointer as a form carries it: browsers change line breaks in what they send, and a name may hold one. */
export function fieldOfPointer(pointer: string): string {
  return encodeURIComponent(pointer.toWellFormed());
}

function pointerOfField(field: string): string {
  try {
    return decodeURIComponent(field);
  } catch (error) {
    throw new GatewayError('invalid_request', 'A ticked value is none of this approval.', { cause: error });
  }
}

/** The word that a decision form says. Throws `invalid_request` with a sentence for the person. */
export function wordOf(form: URLSearchParams, nowMs: number): Word {
  const button = fieldOf(form, 'decision');
  const note = fieldOf(form, 'note');
  const breakGlass = fieldOf(form, 'break-glass') === 'yes';
  const once = { endorse: [], endorseUntilMs: 0, note, breakGlass };
  if (button === 'reject') return { ...once, decision: 'reject' };
  // Ticks count only with the button that says so.
  if (button === 'approve') return { ...once, decision: 'approve' };
  if (button !== 'remember') throw new GatewayError('invalid_request', 'Choose one of the buttons.');
  const endorse = form.getAll('endorse').map(pointerOfField);
  if (endorse.length === 0) throw new GatewayError('invalid_request', 'Tick the values to remember, or approve once.');
  return { ...once, decision: 'approve', endorse, endorseUntilMs: endOfDay(fieldOf(form, 'until'), nowMs) };
}

function endOfDay(day: string, nowMs: number): number {
  const startMs = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(startMs)) throw new GatewayError('invalid_request', 'Give the date as year-month-day.');
  const endMs = startMs + DAY_MS - 1;
  if (endMs <= nowMs) throw new GatewayError('invalid_request', 'The date to remember until has passed.');
  if (endMs > nowMs + MAX_ENDORSEMENT_MS) {
    throw new GatewayError('invalid_request', 'Values are remembered for less than 90 days.');
  }
  return endMs;
}
