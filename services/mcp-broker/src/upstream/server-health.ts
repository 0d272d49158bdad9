import { Breaker, type BreakerOptions, type BreakerOutcome, type Passage } from '@sallyport/chassis/breaker';
import { GatewayError } from '@sallyport/chassis/errors';

/** Whether the calls of a server go well. */
export interface ServerHealth {
  /** Takes a passage for a call. Throws GatewayError `unavailable` (`details.notMade`) while calls fail. */
  begin(principal: string): Call;
  /** Until when nobody's calls go through, as milliseconds from now; 0: they do. */
  closedMs(): number;
}

/** A call that was let through. */
export interface Call {
  /** Tells what became of it; once. */
  end(outcome: BreakerOutcome): void;
}

/** Half of five calls or more within half a minute failed: five seconds of rest, then one is let through. */
const OPTIONS: BreakerOptions = {
  failurePercent: 50,
  minimumCalls: 5,
  windowMs: 30_000,
  openMs: 5_000,
  probes: 1,
};
const MAX_PERSONS = 1_000;

/**
 * The breakers of a server: one for all, and one for each principal whose calls fail. What fails for one alone (a session, a
 * token, arguments that the server cannot take) opens theirs and nobody else's: for all counts only what failed for another
 * one than the last time.
 */
export function serverHealth(onOpen: () => void, now: () => number = () => performance.now()): ServerHealth {
  const all = new Breaker();
  const own = new Map<string, Breaker>();
  let lastFailing: string | undefined;

  const ownOf = (principal: string): Breaker => {
    const held = own.get(principal) ?? new Breaker();
    own.delete(principal);
    if (own.size >= MAX_PERSONS) own.delete(own.keys().next().value as string);
    own.set(principal, held);
    return held;
  };
  const begun = (breaker: Breaker): Passage => {
    const passage = breaker.begin(now(), OPTIONS);
    if (passage !== undefined) return passage;
    const retryAfterMs = Math.max(1, Math.round(breaker.waitMs(now())));
    throw new GatewayError('unavailable', 'The tool server is failing and is left alone for a while.', {
      retryAfterMs,
      details: { notMade: true },
    });
  };

  return {
    begin(principal) {
      const mine = own.get(principal);
      const ownPassage = mine === undefined ? undefined : begun(mine);
      let passage: Passage;
      try {
        passage = begun(all);
      } catch (error) {
        if (ownPassage !== undefined) mine?.end(ownPassage, 'neither', now(), OPTIONS);
        throw error;
      }
      return {
        end(outcome) {
          const at = now();
          if (mine !== undefined && ownPassage !== undefined) mine.end(ownPassage, outcome, at, OPTIONS);
          else if (outcome === 'failed') ownOf(principal).end('call', outcome, at, OPTIONS);
          const fromAnother = outcome !== 'failed' || passage === 'probe' || lastFailing !== principal;
          if (outcome === 'failed') lastFailing = principal;
          const before = all.phase(at);
          all.end(passage, fromAnother ? outcome : 'neither', at, OPTIONS);
          if (before !== 'open' && all.phase(at) === 'open') onOpen();
        },
      };
    },
    closedMs: () => all.waitMs(now()),
  };
}
