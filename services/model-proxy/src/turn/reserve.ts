import type { LimitSubject, Reservation } from '@sallyport/peers/limits';
import type { Target } from '../catalog.ts';
import { priceOf } from '../pricing.ts';
import type { Gate } from './gate.ts';
import type { Turn } from './turn.ts';

/** Output tokens set aside for an answer of unknown length; what it really used is settled afterwards. */
const EXPECTED_OUTPUT = 256;
const BYTES_PER_TOKEN = 4;

/**
 * Stage 9. Sets aside a request, a step, tokens and money before a model call, at the price of the target that is tried.
 * Throws rate_limited, budget_exceeded or step_limit.
 */
export function reserve(gate: Gate, turn: Turn, target: Target, bodyBytes: number): Promise<Reservation> {
  const input = Math.ceil(bodyBytes / BYTES_PER_TOKEN);
  const output = Math.min(turn.facts.maxTokens ?? EXPECTED_OUTPUT, EXPECTED_OUTPUT);
  const price = priceOf(pricedCall(turn, target), { input, output, cacheRead: 0, cacheWrite: 0, reasoning: 0 });
  return gate.limits.reserve(subjectOf(turn), {
    // `modelCalls` counts this one already: a turn is one request, however many model calls it takes.
    requests: turn.modelCalls === 1 ? 1 : 0,
    steps: 1,
    concurrency: 1,
    tokens: input + output,
    nano_usd: price.nanoUsd ?? 0,
  });
}

/** Sets a step aside for each of some tool calls. Throws step_limit. */
export function reserveSteps(gate: Gate, turn: Turn, calls: number): Promise<Reservation> {
  return gate.limits.reserve(subjectOf(turn), { steps: calls });
}

function subjectOf(turn: Turn): LimitSubject {
  return {
    principal: turn.principal,
    model: turn.model.publicName,
    trajectory: turn.trajectory,
    customer: turn.attribution.customer,
    newTrajectory: turn.newTrajectory,
  };
}

/** What the price list is asked of a target; the Model's own price stands above it. */
export function pricedCall(turn: Turn, target: Target) {
  const { provider, model } = target;
  const { price } = turn.model.spec;
  return { provider: provider.spec.type, baseURL: provider.baseUrl, model, ...(price ? { override: price } : {}) };
}
