import type { Unsupported } from '../chat/request.ts';
import { asUnsupported } from '../fronts/failure.ts';
import { inWordsOf } from '../fronts/field-names.ts';
import { servingModel } from '../routing/serving.ts';
import type { Turn } from '../turn/turn.ts';

const MOST_NAMED = 16;

/**
 * What a target cannot be told is left out where its Model says Drop, or the client, and named in `turn.dropped`; else the request is
 * refused. Throws `unsupported`, also where the client demands that all of its parameters are told.
 */
export function leaveOut(turn: Turn, unsupported: readonly Unsupported[]): void {
  if (turn.body.guardrails !== undefined) refuseLostGuardrails(turn);
  if (unsupported.length === 0) {
    if (turn.dropped.length > 0) turn.dropped = [];
    return;
  }
  const drops = turn.controls.drops || servingModel(turn).spec.unsupported === 'Drop';
  const fields = inWordsOf(turn.dialect, unsupported);
  if (!drops || turn.wish?.requireParameters === true) throw asUnsupported(fields);
  // Names of fields are the client's: they become a header.
  const names = fields.map(({ field }) => field.slice(0, 64).replace(/[^\w.[\]/-]/g, '_'));
  turn.dropped = [...new Set(names)].slice(0, MOST_NAMED);
}

/** What a client wants its request guarded by is never lost on the way to another dialect, whoever says that parameters may be. */
function refuseLostGuardrails({ body, dialect, routed }: Turn): void {
  if (routed?.target.provider.declaration.wire === dialect) return;
  const { guardrails } = body;
  if (guardrails === null || (Array.isArray(guardrails) && guardrails.length === 0)) return;
  throw asUnsupported([{ field: 'guardrails', reason: 'they are declared here, and named by no request' }]);
}
