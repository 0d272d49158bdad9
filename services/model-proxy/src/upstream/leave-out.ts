import type { Unsupported } from '../chat/request.ts';
import { asUnsupported } from '../fronts/failure.ts';
import { servingModel } from '../routing/serving.ts';
import type { Turn } from '../turn/turn.ts';

const MOST_NAMED = 16;

/**
 * What a target cannot be told is left out where its Model says Drop, or the client, and named in `turn.dropped`; else the request is
 * refused. Throws `unsupported`, also where the client demands that all of its parameters are told.
 */
export function leaveOut(turn: Turn, unsupported: readonly Unsupported[]): void {
  if (unsupported.length === 0) {
    if (turn.dropped.length > 0) turn.dropped = [];
    return;
  }
  const drops = turn.controls.drops || servingModel(turn).spec.unsupported === 'Drop';
  if (!drops || turn.wish?.requireParameters === true) {
    throw asUnsupported(unsupported);
  }
  // Names of fields are the client's: they become a header.
  const names = unsupported.map(({ field }) => field.slice(0, 64).replace(/[^\w.[\]/-]/g, '_'));
  turn.dropped = [...new Set(names)].slice(0, MOST_NAMED);
}
