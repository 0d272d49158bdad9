import type { Model, Provider, Target } from '../catalog.ts';
import { modelOf, providerOf } from '../turn/testing.ts';
import { routingOf } from './compiled.ts';
import { RoutingState } from './state.ts';
import type { Asked, Candidate } from './strategy.ts';

/** Numbers below 1 from a seed, so that a distribution that was off can be looked at again. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    let mixed = state ^ (state >>> 15);
    mixed = Math.imul(mixed, 0x2c1b3c6d);
    return ((mixed ^ (mixed >>> 12)) >>> 0) / 4_294_967_296;
  };
}

/** A clock that goes on when it is told to. */
export class Clock {
  ms = 0;
  readonly now = () => this.ms;
}

/** A Model of the tests with a target at each of some providers, of which fields may be declared. */
export function routedModel(
  targets: Readonly<Record<string, object>>,
  spec: object = {},
  names: { readonly name?: string; readonly providers?: Readonly<Record<string, Partial<Provider>>> } = {},
): Model {
  const made = modelOf([], spec);
  const { name = 'm' } = names;
  return {
    ...made,
    name,
    publicName: name,
    uid: `uid-${name}`,
    targets: Object.entries(targets).map(([provider, declared], rank): Target => {
      const entry = { provider, model: `${provider}-model`, priority: rank, weight: 1, ...declared };
      const of = { ...providerOf('openai-compatible', provider), ...names.providers?.[provider] };
      return { provider: of, model: entry.model, spec: entry as Target['spec'] & object };
    }),
  };
}

/** Candidates of equal priority. */
export function candidates(targets: Readonly<Record<string, object>>, state = new RoutingState()): Candidate[] {
  const { targets: compiled } = routingOf(routedModel(targets));
  return compiled.map((one) => ({ ...one, priority: 0, state: state.of(one.target) }));
}

/** What a strategy may ask; all has a default. */
export function askedBy(init: Partial<Asked> = {}): Asked {
  return {
    now: 0,
    random: seeded(1),
    stream: false,
    affinity: () => 'run',
    cost: () => undefined,
    tier: () => ({ tier: 'Medium', score: 30 }),
    weightBounds: undefined,
    ...init,
  };
}
