import { GatewayError } from '@sallyport/chassis/errors';
import type { Model, Target } from '../catalog.ts';
import { capabilitiesOf } from '../catalogue/capabilities.ts';
import { mayUseModel } from '../turn/admit.ts';
import type { Gate } from '../turn/gate.ts';
import type { Turn } from '../turn/turn.ts';
import { PROVIDER_KEY_HEADER } from '../upstream/provider-key.ts';
import { asksForOdds } from '../wire/odds.ts';
import { askedOf, classOf } from './asked.ts';
import { needsOf } from './capability.ts';
import { type Capacity, type Cause, type CompiledRouting, type CompiledTarget, routingOf } from './compiled.ts';
import { type Bounds, type Obstacle, obstacleOf, REGION_HEADER, refusalBy } from './eligible.ts';
import type { RoutingState } from './state.ts';
import { strategyOf } from './strategies/index.ts';
import type { Asked, Candidate, Choice, Strategy } from './strategy.ts';
import { placeOf, type RouteWish } from './wish.ts';

/** One target to try, and why. */
export interface Step {
  readonly target: Target;
  /** The Model that it is of: the one that was asked for, or one that it falls back to. */
  readonly model: Model;
  readonly routing: CompiledRouting;
  /** In a few words, for the record. */
  readonly why: string;
  readonly capacity: Capacity | undefined;
  /** Most output tokens, where less is given than was asked for. */
  readonly maxTokens?: number;
}

/** What routing needs of the gate. */
export type RouteGate = Pick<Gate, 'routing' | 'catalog'>;

/** Targets to try, each worked out when the one before has failed. */
export interface Plan {
  /**
   * The first target, or the next one after a failure; undefined: none is left that could help. Throws GatewayError where no
   * target may serve the request, or all are shut.
   */
  next(gate: RouteGate, failed?: Cause): Step | undefined;
  /** Whether another target could be tried at once after such a failure, so that waiting for this one is of no use. */
  goesOn(gate: RouteGate, failed: Cause): boolean;
}

const MAX_STEPS = 16;

/** Puts what a request is tied to before all priorities. */
const TIED = 1_000;

/** Plans of Models that have nothing to choose; of such a Model one serves all requests. */
const plain = new WeakMap<CompiledRouting, Plan>();

/** Where a request goes. Nothing is worked out before it is asked for. */
export function planOf(turn: Turn): Plan {
  const routing = routingOf(turn.model);
  if (routing.plain && turn.wish === undefined && turn.headers[REGION_HEADER] === undefined && isEasy(turn, routing)) {
    let known = plain.get(routing);
    if (known === undefined) {
      known = plainPlan(routing);
      plain.set(routing, known);
    }
    return known;
  }
  return new RoutePlan(turn, routing);
}

/** Whether the only target can serve a request as far as is known, without a look at all that it asks for. */
function isEasy({ facts, body, bytes }: Turn, { targets }: CompiledRouting): boolean {
  const { limited, streams, mostBytes } = targets[0] as CompiledTarget;
  if (!limited) return true;
  return (
    facts.tools.length === 0 &&
    facts.attachments.length === 0 &&
    facts.toolResults.length === 0 &&
    facts.n <= 1 &&
    body.response_format === undefined &&
    body.seed === undefined &&
    !asksForOdds(body) &&
    (streams || !facts.stream) &&
    bytes.length <= mostBytes
  );
}

function plainPlan(routing: CompiledRouting): Plan {
  const { target, capacity } = routing.targets[0] as CompiledTarget;
  const step: Step = { target, model: routing.model, routing, why: 'only target', capacity };
  return { next: (_gate, failed) => (failed === undefined ? step : undefined), goesOn: () => false };
}

/** The targets of one Model that are left to try. */
interface Stage {
  readonly routing: CompiledRouting;
  /** Why this Model is tried; '' for the one that was asked for. */
  readonly because: string;
  readonly maxTokens: number | undefined;
  pool: Candidate[];
  readonly obstacles: readonly Obstacle[];
}

class RoutePlan implements Plan {
  readonly #turn: Turn;
  readonly #asked: CompiledRouting;
  readonly #wish: RouteWish | undefined;
  /** Provider for which tools were decided that it runs itself, or a key was brought: no other could do as much. */
  readonly #tied: string | undefined;
  readonly #before: Target | undefined;
  readonly #bounds: Bounds;
  readonly #used = new Set<Model>();
  #stage: Stage | undefined;
  #current: Candidate | undefined;
  #steps = 0;
  #degraded = false;

  constructor(turn: Turn, routing: CompiledRouting) {
    this.#turn = turn;
    this.#asked = routing;
    this.#wish = turn.wish;
    this.#tied = isTied(turn) ? turn.model.targets[0]?.provider.uid : undefined;
    this.#before = turn.routed?.target;
    this.#bounds = {
      tags: turn.attribution.tags,
      residency: routing.residency,
      region: header(turn, REGION_HEADER).toLowerCase(),
      wish: this.#wish,
      needs: turn.operation ? undefined : needsOf(turn.facts, turn.body, turn.bytes.length),
      contextAbove: 0,
    };
  }

  next(gate: RouteGate, failed?: Cause): Step | undefined {
    if (this.#steps >= MAX_STEPS) return undefined;
    if (failed === undefined) {
      this.#stage = this.#open(gate.routing, this.#asked, '');
    } else {
      if (this.#wish?.allowFallbacks === false) return undefined;
      this.#leave(failed);
    }
    const within = failed === undefined || this.#staysWithin(failed) ? this.#choose(gate.routing) : undefined;
    return within ?? this.#elsewhere(gate, failed);
  }

  goesOn(gate: RouteGate, failed: Cause): boolean {
    if (this.#wish?.allowFallbacks === false || !this.#staysWithin(failed)) return false;
    const now = gate.routing.now();
    const options = this.#stage?.routing.breaker;
    return (
      options !== undefined &&
      this.#stage?.pool.some(
        (one) => one !== this.#current && isQuiet(one, now) && one.state.breaker.permits(now, options) !== undefined,
      ) === true
    );
  }

  /** Whether a failure lets the next target of the same Model be tried. */
  #staysWithin(failed: Cause): boolean {
    return (
      failed === 'Capacity' || this.#stage?.routing.fallbackOn.includes(failed) === true || this.#wish?.forAll === true
    );
  }

  /** Takes out of the pool what has failed, and what would fail alike. */
  #leave(failed: Cause): void {
    const stage = this.#stage;
    const current = this.#current;
    if (stage === undefined || current === undefined) return;
    stage.pool = stage.pool.filter((one) => one !== current);
    if (failed !== 'ContextWindow') return;
    this.#bounds.contextAbove = Math.max(this.#bounds.contextAbove, capabilitiesOf(current.target).contextTokens ?? 0);
    const above = this.#bounds.contextAbove;
    stage.pool = stage.pool.filter(({ target }) => (capabilitiesOf(target).contextTokens ?? above + 1) > above);
  }

  /** The targets of a Model that may serve the request. */
  #open(state: RoutingState, routing: CompiledRouting, because: string, maxTokens?: number): Stage {
    this.#used.add(routing.model);
    const obstacles: Obstacle[] = [];
    const pool: Candidate[] = [];
    for (const one of routing.targets) {
      const obstacle = obstacleOf(one, routing, this.#bounds);
      if (obstacle !== undefined) obstacles.push(obstacle);
      else pool.push({ ...one, priority: this.#priorityOf(one), state: state.of(one.target) });
    }
    return { routing, because, maxTokens, pool, obstacles };
  }

  /** Those that the client wants first stand before all others, in its order; then those that run the provider's tools. */
  #priorityOf({ target, priority }: CompiledTarget): number {
    const order = this.#wish?.order ?? [];
    if (order.length > 0) {
      const place = placeOf(order, { name: target.provider.name, type: target.provider.spec.type });
      if (place >= 0) return place - order.length - 1;
    }
    return this.#tied === target.provider.uid ? priority - TIED : priority;
  }

  #choose(state: RoutingState): Step | undefined {
    const stage = this.#stage;
    if (stage === undefined || stage.pool.length === 0) return undefined;
    const { routing } = stage;
    const now = state.now();
    const asked = askedOf(state, this.#turn, routing, now);
    const sole = this.#isSole(stage);
    const open: Candidate[] = [];
    const probes: Candidate[] = [];
    const full: Candidate[] = [];
    for (const one of stage.pool) {
      const passage = sole ? 'call' : one.state.breaker.permits(now, routing.breaker);
      if (passage === undefined || (!sole && !isQuiet(one, now))) continue;
      if (isFull(one, routing)) full.push(one);
      else (passage === 'probe' ? probes : open).push(one);
    }
    const able = [...open, ...probes];
    if (able.length === 0) return full.length === 0 ? undefined : this.#step(this.#pick(full, asked, routing, 'full'));
    const level = Math.min(...able.map(({ priority }) => priority));
    const probe = probes.find(({ priority }) => priority === level);
    // A target that nobody would choose would never be known to be back.
    if (probe !== undefined) return this.#step({ candidate: probe, why: 'probe' });
    return this.#step(this.#pick(open, asked, routing, ''));
  }

  #pick(candidates: readonly Candidate[], asked: Asked, routing: CompiledRouting, note: string): Choice {
    const level = Math.min(...candidates.map(({ priority }) => priority));
    const equal = candidates.filter(({ priority }) => priority === level);
    const before = equal.find(({ target }) => target === this.#before);
    // The rounds of one turn stay together: signatures of reasoning and the provider's cache are of one target.
    const { candidate, why } =
      before === undefined
        ? strategyOf(this.#strategyOf(routing)).choose(equal, asked)
        : { candidate: before, why: 'as before in this turn' };
    return { candidate, why: note === '' ? why : `${why}, ${note}` };
  }

  #strategyOf(routing: CompiledRouting): Strategy['name'] {
    switch (this.#wish?.sort) {
      case 'price':
        return 'LowestCost';
      case 'latency':
        return 'LowestLatency';
      case 'throughput':
        return 'HighestThroughput';
      default:
        return classOf(this.#turn, routing)?.strategy ?? routing.strategy;
    }
  }

  #step({ candidate, why }: Choice): Step {
    const { routing, because, maxTokens } = this.#stage as Stage;
    const { target, capacity } = routing.targets[candidate.rank] as CompiledTarget;
    this.#current = candidate;
    this.#steps++;
    return {
      target,
      model: routing.model,
      routing,
      why: because === '' ? why : `${because}: ${why}`,
      capacity,
      ...(maxTokens === undefined ? {} : { maxTokens }),
    };
  }

  /** The breaker of a target stands in nobody's way where there is nothing else to try and nobody asked for it. */
  #isSole({ routing }: Stage): boolean {
    return (
      routing.targets.length === 1 &&
      !routing.breakerDeclared &&
      Object.values(routing.fallbacks).every((list) => list.length === 0) &&
      routing.degrade === undefined &&
      (this.#wish?.models.length ?? 0) === 0
    );
  }

  /** A target of another Model; or of this one with less. Throws where nothing was tried at all. */
  #elsewhere(gate: RouteGate, failed: Cause | undefined): Step | undefined {
    const stage = this.#stage;
    const cause = failed ?? (stage === undefined ? 'Error' : causeOf(stage));
    for (const model of this.#others(gate, cause)) {
      this.#stage = this.#open(gate.routing, routingOf(model), `${model.name} after ${cause}`);
      const step = this.#choose(gate.routing);
      if (step !== undefined) return step;
    }
    const degraded = this.#degrade(gate, cause);
    if (degraded !== undefined || failed !== undefined) return degraded;
    throw this.#refusal(gate.routing, stage);
  }

  /**
   * Models to go on to, those of the client first; one that the caller may not use is passed over. So is one of the client's
   * that puts texts or parameters into requests: this one has none of them, and nobody may go around them.
   */
  *#others(gate: RouteGate, cause: Cause): Generator<Model> {
    const { tenant } = this.#turn.principal;
    const wished = this.#wish === undefined ? [] : [...(this.#wish.byCause[cause] ?? []), ...this.#wish.models];
    for (const name of wished) {
      const model = gate.catalog.find(tenant, name);
      if (model !== undefined && model.spec.decoration === undefined && this.#mayUse(model)) yield model;
    }
    yield* this.#named(gate, this.#asked.fallbacks[cause] ?? []);
  }

  *#named(gate: RouteGate, names: readonly string[]): Generator<Model> {
    for (const name of names) {
      const model = gate.catalog.list(this.#turn.principal.tenant).find((one) => one.name === name);
      if (model !== undefined && this.#mayUse(model)) yield model;
    }
  }

  #mayUse(model: Model): boolean {
    return !this.#used.has(model) && mayUseModel(this.#turn.principal, this.#turn.access, model.publicName);
  }

  #degrade(gate: RouteGate, cause: Cause): Step | undefined {
    const { degrade } = this.#asked;
    const short = cause === 'Budget' ? 'Budget' : 'Capacity';
    const isShort = cause === 'Budget' || cause === 'Capacity' || cause === 'RateLimit';
    if (degrade === undefined || !isShort || !degrade.causes.includes(short)) return undefined;
    const because = `degraded for ${short.toLowerCase()}`;
    for (const model of this.#named(gate, degrade.models ?? [])) {
      this.#stage = this.#open(gate.routing, routingOf(model), `${because} to ${model.name}`, degrade.maxOutputTokens);
      const step = this.#choose(gate.routing);
      if (step !== undefined) return step;
    }
    if (degrade.models !== undefined || this.#degraded) return undefined;
    this.#degraded = true;
    this.#stage = this.#open(gate.routing, this.#asked, because, degrade.maxOutputTokens);
    return this.#choose(gate.routing);
  }

  #refusal(state: RoutingState, stage: Stage | undefined): GatewayError {
    if (stage === undefined || stage.routing.targets.length === 0) {
      return new GatewayError('unavailable', 'No provider serves this model right now.', { retryAfterMs: 5_000 });
    }
    if (stage.pool.length === 0) return refusalBy(stage.obstacles);
    const now = state.now();
    const waits = stage.pool.map((one) => Math.max(one.state.restUntil - now, one.state.breaker.waitMs(now)));
    const retryAfterMs = Math.max(1_000, Math.min(...waits));
    return stage.pool.every((one) => !isQuiet(one, now) && !one.state.refused)
      ? new GatewayError('rate_limited', 'All providers of this model are limiting the rate of requests.', {
          retryAfterMs,
        })
      : new GatewayError('unavailable', 'No provider serves this model right now.', { retryAfterMs });
  }
}

/** Why the targets of a Model that was opened are not tried. */
function causeOf({ pool, obstacles }: Stage): Cause {
  if (pool.length > 0) return 'Capacity';
  return obstacles.length > 0 && obstacles.every(({ kind }) => kind === 'context') ? 'ContextWindow' : 'Error';
}

function isTied({ facts, headers }: Turn): boolean {
  return (
    headers[PROVIDER_KEY_HEADER] !== undefined ||
    facts.tools.some((tool) => tool.type === 'provider' && tool.runBy === 'provider')
  );
}

/** Whether the provider has not asked for quiet. */
function isQuiet({ state }: Candidate, now: number): boolean {
  return now >= state.restUntil;
}

function isFull({ state, rank }: Candidate, { targets }: CompiledRouting): boolean {
  const capacity = targets[rank]?.capacity;
  return capacity !== undefined && state.inFlight >= state.concurrency.limit(capacity.maxConcurrent);
}

function header({ headers }: Turn, name: string): string {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? '';
}
