import { GatewayError } from '@sallyport/chassis/errors';
import { type Plan, planOf } from '../routing/plan.ts';
import type { Turn } from './turn.ts';

/**
 * Stage 8. The targets to try, each worked out when the one before has failed. Throws `unavailable` for a Model none of whose
 * providers is there.
 */
export function route(turn: Turn): Plan {
  if (turn.model.targets.length === 0 && turn.model.spec.fallbacks === undefined) {
    throw new GatewayError('unavailable', 'No provider serves this model right now.', { retryAfterMs: 5_000 });
  }
  return planOf(turn);
}
