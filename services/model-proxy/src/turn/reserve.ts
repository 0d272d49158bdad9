import { GatewayError } from '@sallyport/chassis/errors';
import { type Soon, soon } from '@sallyport/chassis/soon';
import type { LimitSubject, Reservation } from '@sallyport/peers/limits';
import type { Target } from '../catalog.ts';
import { addUsage, type Usage } from '../chat/usage.ts';
import { type PricedCall, priceOf } from '../pricing.ts';
import { mostTokens, type Served, servingModel } from '../routing/serving.ts';
import type { Gate } from './gate.ts';
import type { Turn } from './turn.ts';

/** Output tokens set aside for an answer of unknown length; what it really used is settled afterwards. */
const EXPECTED_OUTPUT = 256;
const BYTES_PER_TOKEN = 4;

/**
 * Stage 9. Sets aside a request, a step, tokens and money before a model call, at the price of the target that is tried.
 * Throws rate_limited, step_limit or budget_exceeded (also where money is limited and the price of the target is unknown).
 */
export function reserve(gate: Pick<Gate, 'limits'>, turn: Turn, target: Target, bodyBytes: number): Soon<Reservation> {
  const { usage: expected, nanoUsd } = guessOf(turn, target, bodyBytes);
  const needed = {
    requests: turn.requestCounted ? 0 : 1,
    steps: 1,
    concurrency: 1,
    tokens: expected.input + expected.output,
    // An unknown price is set aside as something, so that it shows whether money is limited here.
    nano_usd: nanoUsd ?? 1,
  };
  return soon(gate.limits.reserve(subjectOf(turn), needed), (reservation) => {
    if (nanoUsd === null && reservation.touched.some(({ dimension }) => dimension === 'nano_usd')) {
      reservation.settle({});
      throw new GatewayError(
        'budget_exceeded',
        'The price of this model is not known, and its use is limited in money.',
      );
    }
    turn.reserved = reservation;
    return reservation;
  });
}

/** What a call is taken to use before it is known, and what that costs; null: the price is unknown. */
export interface Guess {
  readonly usage: Usage;
  readonly nanoUsd: number | null;
}

/** What is counted for one call and another; an unknown price makes the sum unknown. */
export function addGuess(one: Guess | undefined, other: Guess | undefined): Guess | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const nanoUsd = one.nanoUsd === null || other.nanoUsd === null ? null : one.nanoUsd + other.nanoUsd;
  return { usage: addUsage(one.usage, other.usage), nanoUsd };
}

/** The guess for a call of a body of so many bytes. */
export function guessOf(turn: Turn, target: Target, bodyBytes: number): Guess {
  const usage = turn.operation?.estimate(bodyBytes) ?? expectedOf(turn, bodyBytes);
  return { usage, nanoUsd: priceOf(pricedCall(turn, target), usage).nanoUsd };
}

function expectedOf(turn: Turn, bodyBytes: number): Usage {
  const input = Math.ceil(bodyBytes / BYTES_PER_TOKEN);
  // Dialects refuse what is no positive limit; below nothing would give room to others.
  const most = Math.min(mostTokens(turn) ?? EXPECTED_OUTPUT, EXPECTED_OUTPUT);
  const output = Math.max(0, Math.min(turn.facts.maxTokens ?? most, most));
  return { input, output, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
}

/** A turn is one request, however many model calls it takes: what settling one of them says of it. */
export function requestSpent(turn: Turn): { requests: number } {
  const requests = turn.requestCounted ? 0 : 1;
  turn.requestCounted = true;
  return { requests };
}

/** Sets aside what an answer out of the cache takes: a request and a step, and neither tokens nor money. */
export async function reserveKept(gate: Pick<Gate, 'limits'>, turn: Turn): Promise<Reservation> {
  turn.reserved = await gate.limits.reserve(subjectOf(turn), { requests: turn.requestCounted ? 0 : 1, steps: 1 });
  return turn.reserved;
}

/** Sets a step aside for each of some tool calls. Throws step_limit. */
export function reserveSteps(gate: Pick<Gate, 'limits'>, turn: Turn, calls: number): Soon<Reservation> {
  return gate.limits.reserve(subjectOf(turn), { steps: calls });
}

function subjectOf(turn: Turn): LimitSubject {
  return {
    principal: turn.principal,
    model: servingModel(turn).publicName,
    trajectory: turn.trajectory,
    customer: turn.attribution.customer,
    newTrajectory: turn.newTrajectory,
  };
}

/** What the price list is asked of a target; its own price stands above it, and its Model's. A target is of one Model alone. */
export function pricedCall(turn: Served, target: Target): PricedCall {
  const known = pricedCalls.get(target);
  if (known !== undefined) return known;
  const { provider, model } = target;
  const own = target.spec?.price;
  const { price, prices } = own === undefined ? servingModel(turn).spec : { price: own, prices: undefined };
  const made = {
    provider: provider.spec.type,
    baseURL: provider.baseUrl,
    model,
    ...(price ? { override: price } : {}),
    ...(prices ? { dated: prices } : {}),
  };
  pricedCalls.set(target, made);
  return made;
}

const pricedCalls = new WeakMap<Target, PricedCall>();
