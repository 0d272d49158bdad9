import { GatewayError } from '@sallyport/chassis/errors';
import type { CredentialUse } from '@sallyport/peers/credentials';
import type { Provider } from '../catalog.ts';
import type { Turn } from '../turn/turn.ts';
import { providerUses } from '../upstream/provider-key.ts';
import { rendezvousScore } from './rendezvous.ts';
import type { CredentialState, RoutingState } from './state.ts';

/** How long a refused key is left alone, unless another value is put in its place. */
const DEAD_MS = 300_000;
const REST_MS = 5_000;
const LONGEST_REST_MS = 60_000;

/** The keys of a provider for one call, in the order in which they are tried. */
export interface KeyRing {
  /** The next key. Throws `upstream_credentials_exhausted` where all are refused, `rate_limited` where the others rest. */
  take(): CredentialUse;
  /** Keys that were refused before, to be asked for anew: their values may have been replaced. */
  dead(): readonly { readonly use: CredentialUse; readonly state: CredentialState }[];
  /** Whether another key could be tried after this one. */
  more(): boolean;
  /** The provider limits the rate of the key that was taken last. */
  limited(retryAfterMs: number | undefined): void;
  /** The provider refused it; `reference` names the value that it refused. Not `lasting`: for this request. */
  refused(reference: string, lasting: boolean): void;
  /** The provider took it. */
  took(): void;
}

/**
 * The keys of a provider that has several; undefined for all others. A run keeps its key, since prompts are kept by account
 * at most providers; runs are spread over the keys.
 */
export function keyRing(
  routing: RoutingState,
  turn: Pick<Turn, 'trajectory' | 'id'>,
  provider: Provider,
): KeyRing | undefined {
  const uses = providerUses(provider);
  if (uses === undefined || uses.length < 2) return undefined;
  const affinity = turn.trajectory === '' ? turn.id : turn.trajectory;
  const ranked = uses
    .map((use) => ({ use, score: rendezvousScore(affinity, use.uid, 1), state: routing.ofCredential(use.uid) }))
    .sort((a, b) => b.score - a.score);
  return new Ring(routing, ranked);
}

interface Ranked {
  readonly use: CredentialUse;
  readonly state: CredentialState;
}

class Ring implements KeyRing {
  readonly #routing: RoutingState;
  readonly #all: readonly Ranked[];
  #left: Ranked[];
  readonly #refused = new Set<Ranked>();
  #taken: Ranked | undefined;

  constructor(routing: RoutingState, ranked: readonly Ranked[]) {
    this.#routing = routing;
    this.#all = ranked;
    this.#left = [...ranked];
  }

  take(): CredentialUse {
    const next = this.#next();
    if (next === undefined) throw this.#none();
    this.#left = this.#left.filter((one) => one !== next);
    this.#taken = next;
    return next.use;
  }

  dead(): readonly Ranked[] {
    const now = this.#routing.now();
    return this.#left.filter(({ state }) => now < state.deadUntil);
  }

  more(): boolean {
    return this.#next() !== undefined;
  }

  limited(retryAfterMs: number | undefined): void {
    if (this.#taken === undefined) return;
    const rest = Math.min(retryAfterMs ?? REST_MS, LONGEST_REST_MS);
    this.#taken.state.restUntil = this.#routing.now() + rest;
  }

  refused(reference: string, lasting: boolean): void {
    if (this.#taken === undefined) return;
    this.#refused.add(this.#taken);
    if (!lasting) return;
    this.#taken.state.refused = reference;
    this.#taken.state.deadUntil = this.#routing.now() + DEAD_MS;
  }

  took(): void {
    if (this.#taken !== undefined) this.#taken.state.deadUntil = 0;
  }

  #next(): Ranked | undefined {
    const now = this.#routing.now();
    return this.#left.find(({ state }) => now >= state.deadUntil && now >= state.restUntil);
  }

  #none(): GatewayError {
    const now = this.#routing.now();
    const alive = this.#all.filter((one) => now >= one.state.deadUntil && !this.#refused.has(one));
    if (alive.length === 0) {
      return new GatewayError('upstream_credentials_exhausted', 'The model provider refused all keys of the gateway.');
    }
    const retryAfterMs = Math.max(1_000, Math.min(...alive.map(({ state }) => state.restUntil - now)));
    return new GatewayError('rate_limited', 'The model provider is limiting the rate of requests.', {
      details: { upstream: 'rate_limited', queue: 'keys' },
      retryAfterMs,
    });
  }
}
