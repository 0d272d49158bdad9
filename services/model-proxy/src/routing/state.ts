import { Breaker } from '@sallyport/chassis/breaker';
import { RetryBudget } from '@sallyport/chassis/retry-budget';
import type { Target } from '../catalog.ts';
import { Average, ErrorShare, PeakAverage } from './averages.ts';
import { Concurrency } from './concurrency.ts';
import { FairQueue } from './fair-queue.ts';
import { ShadowBudget } from './shadow-budget.ts';

/** What this replica knows of a target: nothing of it is in a resource, and nothing of it outlives the process. */
export class TargetState {
  /** Names it among the replicas. */
  readonly key: string;
  readonly tenant: string;
  readonly provider: string;
  readonly model: string;
  readonly breaker = new Breaker();
  readonly retries = new RetryBudget();
  readonly concurrency = new Concurrency();
  readonly queue = new FairQueue();
  /** Milliseconds to the first token of a stream, and to the end of an answer that is none. */
  readonly firstToken = new PeakAverage();
  readonly total = new PeakAverage();
  /** Output tokens a second. */
  readonly speed = new Average();
  readonly errors = new ErrorShare();
  inFlight = 0;
  /** Left alone until then, where there is another target: the provider asked for quiet, or refused our key. */
  restUntil = 0;
  /** It rests since its key was refused. */
  refused = false;
  usedAt = 0;

  constructor({ provider, model }: Target, key: string) {
    this.key = key;
    this.tenant = provider.tenant;
    this.provider = provider.name;
    this.model = model;
  }
}

/** What this replica knows of one of several keys of a provider. */
export interface CredentialState {
  /** Reference of the lease that the provider refused; another one is tried at once. */
  refused: string;
  /** A refused key is tried again after this time: an account may have been paid. */
  deadUntil: number;
  /** The provider limits the key until then. */
  restUntil: number;
}

const MAX_ENTRIES = 5_000;
const IDLE_MS = 600_000;
/** What is heard of others holds no target back for longer. */
const LONGEST_HEARD_MS = 60_000;

/** The state of routing, in one place: of each target and each key. Clock and chance are its own, so that tests can set them. */
export class RoutingState {
  readonly now: () => number;
  readonly random: () => number;
  readonly #targets = new Map<string, TargetState>();
  readonly #credentials = new Map<string, CredentialState>();
  readonly #shadows = new Map<string, ShadowBudget>();
  /** Until when breakers of other replicas are open, of targets that were not called here. */
  readonly #heard = new Map<string, number>();
  /** Told of each breaker that opens here, and for how long. */
  onOpened: ((key: string, ms: number) => void) | undefined;
  /** Targets are made anew with each snapshot; their state is not. */
  #known = new WeakMap<Target, TargetState>();

  constructor(options: { readonly now?: () => number; readonly random?: () => number } = {}) {
    this.now = options.now ?? (() => performance.now());
    this.random = options.random ?? Math.random;
  }

  /** The state of a target: a provider that was changed begins anew. */
  of(target: Target): TargetState {
    const known = this.#known.get(target);
    if (known !== undefined) return known;
    const { uid, generation } = target.provider;
    const key = `${uid}\n${generation}\n${target.model}`;
    let state = this.#targets.get(key);
    if (state === undefined) {
      this.#sweep();
      state = new TargetState(target, key);
      state.usedAt = this.now();
      const openUntil = this.#heard.get(key) ?? 0;
      if (openUntil > this.now()) state.breaker.openFor(openUntil - this.now(), this.now());
      this.#targets.set(key, state);
    }
    this.#known.set(target, state);
    return state;
  }

  /** Another replica's breaker has opened: here it opens as well, for as long, but never for longer than is sane. */
  heardOpened(key: string, ms: number): void {
    const openMs = Math.min(LONGEST_HEARD_MS, Math.max(0, ms));
    const state = this.#targets.get(key);
    if (state !== undefined) {
      state.breaker.openFor(openMs, this.now());
      return;
    }
    if (this.#heard.size >= MAX_ENTRIES) this.#heard.delete(this.#heard.keys().next().value as string);
    this.#heard.set(key, this.now() + openMs);
  }

  /** The state of a key, by the UID under which vault lends it. */
  ofCredential(uid: string): CredentialState {
    return held(this.#credentials, uid, () => ({ refused: '', deadUntil: 0, restUntil: 0 }));
  }

  /** What copies to a target of a Model have cost of late. */
  shadowBudget(key: string): ShadowBudget {
    return held(this.#shadows, key, () => new ShadowBudget());
  }

  /** All targets that were called of late. */
  targets(): readonly TargetState[] {
    this.#sweep();
    return [...this.#targets.values()];
  }

  #sweep(): void {
    const before = this.now() - IDLE_MS;
    for (const [key, state] of this.#targets) {
      const idle = state.inFlight === 0 && state.queue.size() === 0;
      if (!idle || (state.usedAt >= before && this.#targets.size < MAX_ENTRIES)) continue;
      this.#targets.delete(key);
      // Who is called again gets a state that is seen here.
      this.#known = new WeakMap();
    }
  }
}

function held<Value>(among: Map<string, Value>, key: string, make: () => Value): Value {
  let value = among.get(key);
  if (value === undefined) {
    if (among.size >= MAX_ENTRIES) among.delete(among.keys().next().value as string);
    value = make();
    among.set(key, value);
  }
  return value;
}
