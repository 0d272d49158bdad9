import { GatewayError } from '@sallyport/chassis/errors';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Model, Target } from '../catalog.ts';
import { capabilitiesOf } from '../catalogue/capabilities.ts';
import { priceOf } from '../pricing.ts';
import { pricedCall } from '../turn/reserve.ts';
import { lacking, type Needs } from './capability.ts';
import { type CompiledRouting, type CompiledTarget, routingOf } from './compiled.ts';
import { isWithin, mayServe } from './residency.ts';
import { placeOf, type RouteWish } from './wish.ts';

/** A client may ask for a region; it may narrow what its Model allows, never widen it. */
export const REGION_HEADER = 'sallyport-region';

/** What bounds the targets of a request, whichever Model they are of. */
export interface Bounds {
  readonly tags: readonly string[];
  /** Residency of the Model that was asked for, which its fallbacks keep. */
  readonly residency: CompiledRouting['residency'];
  /** Region that the request itself asks for; '' for none. */
  readonly region: string;
  readonly wish: RouteWish | undefined;
  /** Undefined: nothing is to be held against what targets can do. */
  readonly needs: Needs | undefined;
  /** A prompt that was too long for a target of so many tokens. */
  contextAbove: number;
}

/** Why a target may not serve a request, and the field of the request that is in its way. */
export interface Obstacle {
  readonly kind: 'tags' | 'region' | 'wish' | 'context' | 'capability';
  readonly field: string;
}

/** Why a target may not serve a request; undefined: it may. */
export function obstacleOf(one: CompiledTarget, routing: CompiledRouting, bounds: Bounds): Obstacle | undefined {
  const { tags, wish, needs } = bounds;
  if (one.forTags !== undefined && !one.forTags.some((tag) => tags.includes(tag)))
    return { kind: 'tags', field: 'tags' };
  if (!mayServe(one.region, bounds.residency, tags) || !mayServe(one.region, routing.residency, tags)) {
    return { kind: 'region', field: 'region' };
  }
  if (bounds.region !== '' && !isWithin(one.region, bounds.region))
    return { kind: 'region', field: 'sallyport-region' };
  const unwished = wish && unwishedBy(wish, one, routing);
  if (unwished !== undefined) return { kind: 'wish', field: unwished };
  const { contextTokens } = capabilitiesOf(one.target);
  if (bounds.contextAbove > 0 && contextTokens !== undefined && contextTokens <= bounds.contextAbove) {
    return { kind: 'context', field: 'messages' };
  }
  if (!one.limited || needs === undefined) return undefined;
  const drop = routing.drop && !wish?.requireParameters;
  const [field] = lacking(capabilitiesOf(one.target), needs, drop);
  if (field === undefined) return undefined;
  return field === 'context' ? { kind: 'context', field: 'messages' } : { kind: 'capability', field };
}

/**
 * The targets of a Model that may see the content of a request, by tags, residency and the region it asks for; for what is sent
 * to a provider beside model calls. Tags that a caller may not assert can only narrow them.
 */
export function residents(
  model: Model,
  { tags, mayAssert }: Pick<Principal, 'tags' | 'mayAssert'>,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): readonly Target[] {
  const routing = routingOf(model);
  const said = String(headers['sallyport-tags'] ?? '')
    .split(',')
    .map((tag) => tag.trim());
  const bounds: Bounds = {
    tags: mayAssert.includes('tags') ? [...tags, ...said] : tags,
    residency: routing.residency,
    region: String(headers[REGION_HEADER] ?? '').toLowerCase(),
    wish: undefined,
    needs: undefined,
    contextAbove: 0,
  };
  return routing.targets
    .filter((one) => obstacleOf(one, routing, bounds) === undefined)
    .filter(({ region }) => mayServe(region, routing.residency, [...tags, ...said]))
    .map(({ target }) => target);
}

/** The refusal of a request that no target may serve, by the obstacle that the caller can do most about. */
export function refusalBy(obstacles: readonly Obstacle[]): GatewayError {
  const of = (kind: Obstacle['kind']) => obstacles.find((one) => one.kind === kind);
  const capability = of('capability');
  if (capability !== undefined) {
    return new GatewayError('unsupported', `No target of this model can serve a request with ${capability.field}.`, {
      status: 400,
      details: { param: capability.field },
    });
  }
  const context = of('context');
  if (context !== undefined) {
    return new GatewayError('invalid_request', 'The request is longer than the model can take.', {
      details: { param: context.field, upstream: 'context_length' },
    });
  }
  const wish = of('wish');
  if (wish !== undefined) {
    return new GatewayError('not_found', `No target of this model meets ${wish.field}.`, {
      details: { param: wish.field },
    });
  }
  const region = of('region');
  if (region !== undefined) {
    return new GatewayError('permission_denied', 'No target of this model is where this request must be served.', {
      details: { param: region.field },
    });
  }
  return new GatewayError('permission_denied', 'No target of this model is for requests with these tags.');
}

function unwishedBy(
  wish: RouteWish,
  { target, denyCollection, zeroRetention }: CompiledTarget,
  routing: CompiledRouting,
): string | undefined {
  const named = { name: target.provider.name, type: target.provider.spec.type };
  if (wish.only.length > 0 && placeOf(wish.only, named) < 0) return 'provider.only';
  if (placeOf(wish.ignore, named) >= 0) return 'provider.ignore';
  if (!wish.allowFallbacks && wish.order.length > 0 && placeOf(wish.order, named) < 0) return 'provider.order';
  if (wish.denyCollection && !denyCollection) return 'provider.data_collection';
  if (wish.zeroRetention && !zeroRetention) return 'provider.zdr';
  const { prompt, completion } = wish.maxPrice;
  // What has no price known is dearer than any bound.
  if (prompt !== undefined && !(perMillion(routing, target, 'input') <= prompt)) return 'provider.max_price';
  if (completion !== undefined && !(perMillion(routing, target, 'output') <= completion)) return 'provider.max_price';
  return undefined;
}

/** USD for a million tokens; NaN where it is unknown. Asked by thousands, since some lists have tiers by length. */
function perMillion(of: CompiledRouting, target: CompiledTarget['target'], kind: 'input' | 'output'): number {
  const usage = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0, [kind]: 1_000 };
  return (priceOf(pricedCall(of, target), usage).nanoUsd ?? Number.NaN) / 1e6;
}
