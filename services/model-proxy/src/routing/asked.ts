import { GatewayError } from '@sallyport/chassis/errors';
import type { StrategyName } from '@sallyport/custom-resources/model-routing';
import { priceOf } from '../pricing.ts';
import { pricedCall } from '../turn/reserve.ts';
import type { Turn } from '../turn/turn.ts';
import type { CompiledRouting, RequestClass } from './compiled.ts';
import { complexityOf, tierOf } from './complexity.ts';
import type { RoutingState } from './state.ts';
import type { Asked } from './strategy.ts';

const BYTES_PER_TOKEN = 4;
/** Output tokens of an answer of unknown length, for comparing prices. */
const EXPECTED_OUTPUT = 512;

const CLASS_HEADER = 'sallyport-class';

/** What a class means where its Model does not say. */
const OF_CLASS: Readonly<Record<RequestClass, StrategyName>> = {
  Realtime: 'LowestLatency',
  Batch: 'LowestCost',
  Quality: 'Priority',
};

/**
 * The class of a request and its strategy: as its header says, else as its endpoint is; undefined for none. Throws
 * `invalid_request` for a word that is no class.
 */
export function classOf(
  { headers, endpoint }: Pick<Turn, 'headers' | 'endpoint'>,
  { classes }: Pick<CompiledRouting, 'classes'>,
): { readonly name: RequestClass; readonly strategy: StrategyName } | undefined {
  const word = headers[CLASS_HEADER];
  if (word === undefined) return classes?.find(({ endpoints }) => endpoints?.includes(endpoint));
  const name = (Object.keys(OF_CLASS) as RequestClass[]).find((one) => one.toLowerCase() === word);
  if (name === undefined) {
    throw new GatewayError('invalid_request', `${CLASS_HEADER} must be realtime, batch or quality.`, {
      details: { param: CLASS_HEADER },
    });
  }
  return classes?.find((one) => one.name === name) ?? { name, strategy: OF_CLASS[name] };
}

/** What strategies may ask of a request. */
export function askedOf(state: RoutingState, turn: Turn, routing: CompiledRouting, now: number): Asked {
  const { facts, bytes } = turn;
  return {
    now,
    random: state.random,
    stream: facts.stream,
    weightBounds: routing.weightBounds,
    affinity: () => affinityOf(turn, routing.stickyBy),
    cost: ({ target }) => {
      const input = Math.ceil(bytes.length / BYTES_PER_TOKEN);
      const output = Math.max(1, Math.min(facts.maxTokens ?? EXPECTED_OUTPUT, EXPECTED_OUTPUT));
      const usage = { input, output, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
      return priceOf(pricedCall(routing, target), usage).nanoUsd ?? undefined;
    },
    tier: () => {
      const score = complexityOf(facts, bytes.length);
      return { tier: tierOf(score, routing.auto), score };
    },
  };
}

/** What keeps its target, as all replicas know it. The tenant is in it, so that names of one say nothing of another's. */
function affinityOf({ principal, trajectory }: Turn, by: CompiledRouting['stickyBy']): string {
  const { tenant, user, keyId, id } = principal;
  const own = by === 'Trajectory' ? trajectory : by === 'User' ? user : keyId;
  return `${tenant}\n${own === '' ? id : own}`;
}
