import { Breaker, type BreakerOptions, type Passage } from '@sallyport/chassis/breaker';
import { GatewayError } from '@sallyport/chassis/errors';

/** Whether the calls of a server go well. */
export interface ServerHealth {
  /** Takes a passage for a call. Throws GatewayError `unavailable` (`details.notMade`) while calls fail. */
  begin(person: string): Call;
  /** Until when nobody's calls go through, as milliseconds from now; 0: they do. */
  closedMs(): number;
  /** Whether calls of many persons failed of late, the last just now, and nobody's went well since: it may as well be away. */
  failsMany(): boolean;
}

/**
 * What became of a call. `failed`: there was no answer, or it said that the server is in trouble, which arguments or a
 * credential may be the cause of. `unreachable`: no connection came about, which nobody's can. `neither` says nothing of it.
 */
export type CallOutcome = 'ok' | 'failed' | 'unreachable' | 'neither';

/** A call that was let through. */
export interface Call {
  /** Tells what became of it; once. */
  end(outcome: CallOutcome): void;
}

/** Half of five calls or more within half a minute failed: five seconds of rest, then one is let through. */
const OPTIONS: BreakerOptions = {
  failurePercent: 50,
  minimumCalls: 5,
  windowMs: 30_000,
  openMs: 5_000,
  probes: 1,
};
/** For whose first call it is while those of others fail. */
const AT_ONCE: BreakerOptions = { ...OPTIONS, failurePercent: 1, minimumCalls: 1 };
const MAX_PERSONS = 1_000;
const MANY = 5;

/**
 * The breakers of a server: one for all, which opens where it cannot be reached, and one for each person whose calls fail.
 * What fails otherwise closes it to nobody who has not failed themselves: one tenant's keys could keep everybody else out by
 * calls that they make fail. While calls of several persons fail and nobody's go well, the first failure of another closes
 * it to them too, where it takes five at other times.
 */
export function serverHealth(onOpen: () => void, now: () => number = () => performance.now()): ServerHealth {
  const all = new Breaker();
  const own = new Map<string, Breaker>();
  /** What is heard of failures; counts what failed for another person than the last time, and guards nothing. */
  let heard = new Breaker();
  let lastFailing: string | undefined;
  /** When calls of these failed last, since one went well; the latest of them, and as many as are many. */
  const failing = new Map<string, number>();

  const ownOf = (person: string): Breaker => {
    const held = own.get(person) ?? new Breaker();
    own.delete(person);
    if (own.size >= MAX_PERSONS) own.delete(own.keys().next().value as string);
    own.set(person, held);
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
  const isHeardOf = (at: number) => heard.phase(at) !== 'closed';
  const hear = (person: string, outcome: CallOutcome, at: number) => {
    if (outcome === 'ok') {
      failing.clear();
      if (isHeardOf(at)) heard = new Breaker();
      else heard.end('call', 'ok', at, OPTIONS);
    } else if (outcome === 'failed') {
      if (lastFailing !== person) heard.end('call', 'failed', at, OPTIONS);
      lastFailing = person;
      failing.delete(person);
      failing.set(person, at);
      if (failing.size > MANY) failing.delete(failing.keys().next().value as string);
    }
  };

  return {
    begin(person) {
      const mine = own.get(person);
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
          const forMe = outcome === 'unreachable' ? 'neither' : outcome;
          if (mine !== undefined && ownPassage !== undefined) mine.end(ownPassage, forMe, at, OPTIONS);
          else if (outcome === 'failed') ownOf(person).end('call', 'failed', at, isHeardOf(at) ? AT_ONCE : OPTIONS);
          hear(person, outcome, at);
          const before = all.phase(at);
          // Who got through to it has reached it, whatever became of the call.
          const reached = outcome === 'failed' ? (passage === 'probe' ? 'ok' : 'neither') : outcome;
          all.end(passage, reached === 'unreachable' ? 'failed' : reached, at, OPTIONS);
          if (before !== 'open' && all.phase(at) === 'open') onOpen();
        },
      };
    },
    closedMs: () => all.waitMs(now()),
    failsMany() {
      const times = [...failing.values()];
      const at = now();
      return (
        times.length === MANY &&
        at - (times[0] as number) < OPTIONS.windowMs &&
        at - (times[MANY - 1] as number) < OPTIONS.openMs
      );
    },
  };
}
