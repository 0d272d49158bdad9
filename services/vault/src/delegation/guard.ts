import { GatewayError } from '@sallyport/chassis/errors';

/** One thing that something foreign is refused for. Each stands for itself, so that tests can show what it alone holds off. */
export interface Guard<Subject> {
  readonly reason: string;
  readonly refuses: (subject: Subject) => boolean;
}

/** Throws `upstream_invalid` with `details.guard` its reason for the first guard that refuses. */
export function pass<Subject>(guards: readonly Guard<Subject>[], subject: Subject, what: string): void {
  for (const { reason, refuses } of guards) {
    if (!refuses(subject)) continue;
    throw new GatewayError('upstream_invalid', `${what} does not hold: ${reason}.`, { details: { guard: reason } });
  }
}
