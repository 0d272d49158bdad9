import type { BreakerOptions } from '@sallyport/chassis/breaker';
import type { ModelSpec } from '@sallyport/custom-resources/model';
import type { StrategyName } from '@sallyport/custom-resources/model-routing';
import type { Model, Target } from '../catalog.ts';
import { capabilitiesOf } from '../catalogue/capabilities.ts';
import { MOST_BYTES_PER_TOKEN } from './capability.ts';
import type { RetryCause } from './cause.ts';
import type { AutoBounds } from './complexity.ts';
import type { Tier, WeightBounds } from './strategy.ts';

/** Why a request goes on to another target, in the words of `Model.fallbackOn`; Capacity: all are full, resting or shut. */
export type Cause = 'Error' | 'RateLimit' | 'ContextWindow' | 'ContentPolicy' | 'Budget' | 'Capacity';

/** Classes of requests, as header `sallyport-class` names them in lower case. */
export type RequestClass = 'Realtime' | 'Batch' | 'Quality';

/** What a Model says of routing, with defaults filled in; made once a snapshot. */
export interface CompiledRouting {
  readonly model: Model;
  readonly targets: readonly CompiledTarget[];
  readonly strategy: StrategyName;
  readonly stickyBy: 'Trajectory' | 'User' | 'Key';
  readonly classes: NonNullable<ModelSpec['routing']>['classes'];
  readonly residency: readonly {
    readonly regions: readonly string[];
    readonly forTags?: readonly string[] | undefined;
  }[];
  readonly weightBounds: WeightBounds | undefined;
  readonly auto: AutoBounds;
  readonly retry: RetryRules;
  readonly breaker: BreakerOptions;
  /** The breaker is asked for in the Model: it holds even where there is nothing else to try. */
  readonly breakerDeclared: boolean;
  readonly fallbackOn: readonly Cause[];
  readonly fallbacks: Readonly<Partial<Record<Cause, readonly string[]>>>;
  /** Another target is tried for what the provider's content policy refuses. */
  readonly triesOther: boolean;
  readonly degrade: ModelSpec['degrade'];
  readonly drop: boolean;
  /**
   * There is nothing to choose: one target, and nothing declared that could keep it from serving. Such a Model costs no more
   * than if there was no routing, for requests that ask for nothing which its target is known to lack.
   */
  readonly plain: boolean;
}

/** When a target is tried once more. */
export interface RetryRules {
  readonly attempts: number;
  readonly causes: readonly RetryCause[];
  readonly budgetPercent: number;
  /** Infinity: however long it took. */
  readonly failedWithinMs: number;
  readonly longestWaitMs: number;
}

/** A target with what does not change with requests. */
export interface CompiledTarget {
  readonly target: Target;
  readonly id: string;
  readonly priority: number;
  readonly rank: number;
  readonly weight: number;
  readonly tier: Tier;
  readonly forTags: readonly string[] | undefined;
  readonly region: string | undefined;
  readonly denyCollection: boolean;
  readonly zeroRetention: boolean;
  /** Something is known that it cannot do. */
  readonly limited: boolean;
  readonly streams: boolean;
  /** Bytes of a body that is surely not too long; Infinity: nothing is known. */
  readonly mostBytes: number;
  readonly capacity: Capacity | undefined;
}

/** How many calls a target takes at once. */
export interface Capacity {
  readonly maxConcurrent: number;
  readonly adaptive: boolean;
  readonly queue: { readonly size: number; readonly waitMs: number };
}

const RETRIED: readonly RetryCause[] = ['RateLimit', 'Overloaded', 'Timeout', 'ServerError', 'Malformed', 'Connection'];
const BREAKER: BreakerOptions = { failurePercent: 50, minimumCalls: 10, windowMs: 10_000, openMs: 5_000, probes: 1 };

/** Models are made anew with each snapshot. */
const compiled = new WeakMap<Model, CompiledRouting>();

/** What a Model says of routing. */
export function routingOf(model: Model): CompiledRouting {
  let known = compiled.get(model);
  if (known === undefined) {
    known = compile(model);
    compiled.set(model, known);
  }
  return known;
}

function compile(model: Model): CompiledRouting {
  const { spec } = model;
  const { routing, breaker, fallbacks, degrade } = spec;
  const targets = model.targets.map(compileTarget);
  const only = targets[0];
  return {
    model,
    targets,
    strategy: routing?.strategy ?? 'Priority',
    stickyBy: routing?.stickyBy ?? 'Trajectory',
    classes: routing?.classes,
    residency: routing?.residency ?? [],
    weightBounds: routing?.weightBounds,
    auto: routing?.auto ?? { mediumFrom: 25, largeFrom: 55 },
    retry: retryOf(spec.retry),
    breaker: breaker === undefined ? BREAKER : { ...breaker, ...inMs(breaker) },
    breakerDeclared: breaker !== undefined,
    fallbackOn: spec.fallbackOn,
    fallbacks: listsOf(fallbacks),
    triesOther: spec.fallbackOn.includes('ContentPolicy') || (fallbacks?.contentPolicy?.length ?? 0) > 0,
    degrade,
    drop: spec.unsupported === 'Drop',
    plain:
      targets.length === 1 &&
      only !== undefined &&
      only.forTags === undefined &&
      only.capacity === undefined &&
      [routing, breaker, fallbacks, degrade].every((declared) => declared === undefined),
  };
}

function retryOf(retry: Partial<ModelSpec['retry']>): RetryRules {
  const { attempts = 1, causes = RETRIED, budgetPercent = 20, failedWithinSeconds, longestWaitSeconds = 2 } = retry;
  const failedWithinMs = failedWithinSeconds === undefined ? Number.POSITIVE_INFINITY : failedWithinSeconds * 1000;
  return { attempts, causes, budgetPercent, failedWithinMs, longestWaitMs: longestWaitSeconds * 1000 };
}

function inMs({ windowSeconds, openSeconds }: { windowSeconds: number; openSeconds: number }) {
  return { windowMs: windowSeconds * 1000, openMs: openSeconds * 1000 };
}

function listsOf(fallbacks: ModelSpec['fallbacks']): CompiledRouting['fallbacks'] {
  const { errors = [], contextWindow = [], contentPolicy = [], budget = [] } = fallbacks ?? {};
  return {
    Error: errors,
    RateLimit: errors,
    Capacity: errors,
    ContextWindow: contextWindow,
    ContentPolicy: contentPolicy,
    Budget: budget,
  };
}

function compileTarget(target: Target, rank: number): CompiledTarget {
  const { provider, model, spec } = target;
  const known = capabilitiesOf(target);
  const { capacity } = spec ?? {};
  return {
    target,
    id: `${provider.name}\n${model}`,
    priority: spec?.priority ?? rank,
    rank,
    weight: spec?.weight ?? 1,
    tier: spec?.tier ?? 'Medium',
    forTags: spec?.forTags,
    region: known.region,
    denyCollection: known.dataCollection === 'deny',
    zeroRetention: spec?.zeroDataRetention === true,
    streams: known.streaming !== false,
    mostBytes: (known.contextTokens ?? Number.POSITIVE_INFINITY) * MOST_BYTES_PER_TOKEN,
    limited: Object.values(known).includes(false) || known.input !== undefined || known.contextTokens !== undefined,
    capacity:
      capacity === undefined
        ? undefined
        : {
            maxConcurrent: capacity.maxConcurrent,
            adaptive: capacity.adaptive,
            queue: { size: capacity.queue.size, waitMs: capacity.queue.waitSeconds * 1000 },
          },
  };
}
