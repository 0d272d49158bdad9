import { GatewayError } from '@sallyport/chassis/errors';
import type { Target } from '../catalog.ts';
import type { FailureKind } from '../chat/failure.ts';
import type { Turn } from './turn.ts';

/** Stage 8. The targets to try, in order; the first is the one wanted, the others are its fallbacks. */
export function route(turn: Turn): readonly Target[] {
  const { targets } = turn.model;
  if (targets.length === 0) {
    throw new GatewayError('unavailable', 'No provider serves this model right now.', { retryAfterMs: 5_000 });
  }
  return targets;
}

/** Why a request may go on to the next target, in the words of `Model.fallbackOn`; undefined where no other could help. */
export function fallbackCause(kind: FailureKind): 'Error' | 'RateLimit' | 'ContextWindow' | undefined {
  switch (kind) {
    case 'rate_limited':
      return 'RateLimit';
    case 'context_length':
      return 'ContextWindow';
    case 'overloaded':
    case 'timeout':
    case 'server_error':
    case 'malformed':
    // A credential that this provider refuses says nothing of the next provider's.
    case 'auth':
    case 'permission':
    case 'billing':
    case 'not_found':
      return 'Error';
    default:
      return undefined;
  }
}
