import type { EndSignal } from '@sallyport/chassis/ending';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { type Soon, soon } from '@sallyport/chassis/soon';
import type { Reservation } from '@sallyport/peers/limits';
import type { Tool } from '../chat/tools.ts';
import { asGatewayFailure } from '../fronts/failure.ts';
import { type FailureMeaning, meaningOf, meaningOfError, type RetryCause } from '../routing/cause.ts';
import type { Cause, RetryRules } from '../routing/compiled.ts';
import { type KeyRing, keyRing } from '../routing/key-ring.ts';
import { enter, type Passage } from '../routing/passage.ts';
import type { Plan, Step } from '../routing/plan.ts';
import { type CallHooks, callProvider, ProviderError } from '../upstream/call-provider.ts';
import type { ModelAnswer } from './call.ts';
import type { Gate } from './gate.ts';
import type { Attempt } from './record.ts';
import { addGuess, type Guess, guessOf, requestSpent, reserve } from './reserve.ts';
import type { Turn } from './turn.ts';

/** What a target answered, or why it did not and what that is a cause of; no cause: no other target could help. */
export type Tried =
  | Pick<ModelAnswer, 'content' | 'reservation' | 'requestBytes' | 'passage' | 'lost'>
  | { readonly error: GatewayError; readonly cause: Cause | undefined; readonly lost?: Guess | undefined };

interface Failed {
  readonly error: GatewayError;
  readonly meaning: FailureMeaning;
  readonly retryAfterMs?: number | undefined;
  /** What is counted for the call all the same. */
  readonly lost?: Guess | undefined;
}

const FIRST_WAIT_MS = 100;

/**
 * Tries one target: waits for a place in it, calls it, and calls it again as often as its Model says and its budget of
 * retries allows. What was tried is added to `attempts`. Never throws.
 */
export async function tryStep(
  gate: Gate,
  turn: Turn,
  plan: Plan,
  step: Step,
  tools: readonly Tool[],
  attempts: Attempt[],
): Promise<Tried> {
  const { retry } = step.routing;
  const { retries } = gate.routing.of(step.target);
  retries.earn(retry.budgetPercent);
  turn.routed = step;
  let lost: Guess | undefined;
  for (let attempt = 0; ; attempt++) {
    const began = performance.now();
    const why = attempt === 0 ? step.why : 'retry';
    const place = placeIn(gate, turn, step);
    const entered = place instanceof Promise ? await place : place;
    if (entered instanceof GatewayError) {
      attempts.push({ ...of(turn, step), outcome: 'error', error: entered.code, ms: 0, why, ...waited(began) });
      return {
        error: entered,
        cause: entered.code === 'unavailable' ? 'Capacity' : meaningOfError(entered).cause,
        lost,
      };
    }
    const tried = await tryKeys(gate, turn, step, entered, tools, attempts, why);
    if ('content' in tried) return lost === undefined ? tried : { ...tried, lost };
    const { error, meaning, retryAfterMs } = tried;
    lost = addGuess(lost, tried.lost);
    const given = { error, cause: meaning.cause, lost };
    if (turn.signal.aborted || attempt >= Math.min(retry.attempts, turn.controls.retries)) return given;
    if (!mayRetry(retry, meaning.retry, performance.now() - began)) return given;
    if (meaning.cause !== undefined && meaning.retry === 'RateLimit' && plan.goesOn(gate, meaning.cause)) return given;
    const wait = waitBefore(attempt + 1, retryAfterMs, retry.longestWaitMs);
    if (wait === undefined || !retries.take()) return given;
    gate.metrics.retries.inc({ provider: step.target.provider.name, cause: meaning.retry ?? '' });
    await pause(wait, turn.signal);
    if (turn.signal.aborted) return given;
  }
}

/** A place in the target; the error that kept it from being had. */
function placeIn(gate: Gate, turn: Turn, step: Step): Passage | GatewayError | Promise<Passage | GatewayError> {
  try {
    const entered = enter(gate.routing, step, turn.principal.id, turn.signal);
    return entered instanceof Promise ? entered.catch(asGatewayError) : entered;
  } catch (error) {
    return asGatewayError(error);
  }
}

/** Tries a target with the key of its provider, or with each that it has. */
function tryKeys(
  gate: Gate,
  turn: Turn,
  step: Step,
  passage: Passage,
  tools: readonly Tool[],
  attempts: Attempt[],
  why: string,
): Promise<Failed | Extract<Tried, { content: unknown }>> {
  const ring = keyRing(gate.routing, turn, step.target.provider);
  if (ring !== undefined) return tryRing(gate, turn, step, passage, tools, attempts, why, ring);
  turn.keyUse = undefined;
  return tryTarget(gate, turn, step, passage, tools, attempts, why, undefined);
}

/** Tries each key in turn, until one is neither limited nor refused. */
async function tryRing(
  gate: Gate,
  turn: Turn,
  step: Step,
  passage: Passage,
  tools: readonly Tool[],
  attempts: Attempt[],
  why: string,
  ring: KeyRing,
): Promise<Failed | Extract<Tried, { content: unknown }>> {
  for (let said = why; ; said = 'next key') {
    let tried: Awaited<ReturnType<typeof tryTarget>>;
    try {
      if (!ring.more()) await revive(gate, turn, ring);
      turn.keyUse = ring.take();
    } catch (caught) {
      passage.end('neither');
      const error = asGatewayError(caught);
      return { error, meaning: meaningOfError(error), retryAfterMs: error.retryAfterMs };
    }
    tried = await tryTarget(gate, turn, step, passage, tools, attempts, said, ring);
    if ('content' in tried || tried.key === undefined) return tried;
    if (turn.signal.aborted) {
      passage.end('neither');
      return tried;
    }
    gate.metrics.keyRotations.inc({ provider: step.target.provider.name, cause: tried.key });
    // Refused by all: that is not the caller's key, and not one of ours alone.
    if (!ring.more() && tried.key === 'limited') {
      passage.end('neither');
      return tried;
    }
  }
}

/** Asks for the keys that were refused: one that has another value by now is none that was refused. */
async function revive(gate: Gate, turn: Turn, ring: KeyRing): Promise<void> {
  for (const { use, state } of ring.dead()) {
    const lease = await Promise.resolve(gate.credentials.lease(use, turn.principal)).catch(() => undefined);
    if (lease !== undefined && lease.reference !== state.refused) state.deadUntil = 0;
  }
}

async function tryTarget(
  gate: Gate,
  turn: Turn,
  step: Step,
  passage: Passage,
  tools: readonly Tool[],
  attempts: Attempt[],
  why: string,
  ring: KeyRing | undefined,
): Promise<(Failed & { readonly key?: 'limited' | 'refused' }) | Extract<Tried, { content: unknown }>> {
  const { target } = step;
  const one = new Try(gate, turn, step, passage);
  try {
    const answered = turn.operation
      ? await turn.operation.call(gate, turn, target, one)
      : await callProvider(gate, turn, target, tools, one);
    attempts.push(one.noted('ok', why, answered.status));
    if (turn.dropped.length > 0) turn.answer.header('sallyport-dropped', turn.dropped.join(', '));
    if (attempts.length > 1) tellAttempts(turn, attempts);
    ring?.took();
    return {
      content: answered.content,
      requestBytes: answered.requestBytes,
      reservation: one.reservation as Reservation,
      passage,
    };
  } catch (caught) {
    const failed = { ...failureOf(caught), lost: one.giveBack(caught) };
    attempts.push(one.noted('error', why, failed.status, failed.kind));
    const key = ring && keyFault(ring, failed, one.credential);
    if (key !== undefined) return { ...failed, key };
    end(passage, failed, target.provider.spec.credentials?.perPrincipal === undefined && one.credential !== 'request');
    return failed;
  }
}

/** What becomes known on the way of one call to one target. */
class Try implements CallHooks {
  reservation: Reservation | undefined;
  credential: string | undefined;
  readonly #gate: Gate;
  readonly #turn: Turn;
  readonly #step: Step;
  readonly #passage: Passage;
  readonly #began = performance.now();
  #bytes = 0;
  /** Nothing keeps it from being sent any more. */
  #isSent = false;

  constructor(gate: Gate, turn: Turn, step: Step, passage: Passage) {
    this.#gate = gate;
    this.#turn = turn;
    this.#step = step;
    this.#passage = passage;
  }

  onCredential(reference: string): void {
    this.credential = reference;
  }

  onBody(bytes: number): Soon<void> {
    this.#bytes = bytes;
    return soon(reserve(this.#gate, this.#turn, this.#step.target, bytes), (reserved) => {
      this.reservation = reserved;
      this.#isSent = !this.#turn.signal.aborted;
    });
  }

  /** For the record; what is undefined is not written into it. */
  noted(outcome: string, why: string, status: number | undefined, error?: string): Attempt {
    const { target, model } = this.#step;
    const { dropped } = this.#turn;
    const { waitedMs } = this.#passage;
    return {
      provider: target.provider.name,
      model: target.model,
      outcome,
      ms: Math.round(performance.now() - this.#began),
      status,
      error,
      credential: this.credential,
      why,
      via: model === this.#turn.model ? undefined : model.publicName,
      waitMs: waitedMs < 1 ? undefined : Math.round(waitedMs),
      dropped: dropped.length === 0 ? undefined : dropped,
    };
  }

  /**
   * What was sent counts as a request, whatever became of it; tokens and money of a failed call are not known to be spent. Of
   * one that its client broke off nobody says what it took, and a provider counts it: answers the guess that is counted.
   */
  giveBack(caught: unknown): Guess | undefined {
    if (this.reservation === undefined) return undefined;
    const isLost = this.#isSent && isBrokenOff(this.#turn, caught);
    const { tokens = 0, nano_usd = 0 } = isLost ? this.reservation.amounts : {};
    this.reservation.settle({ tokens, nano_usd, ...requestSpent(this.#turn) });
    return isLost ? guessOf(this.#turn, this.#step.target, this.#bytes) : undefined;
  }
}

/** How often the call was tried again, and how often elsewhere: what LiteLLM's clients look at when answers are late. */
function tellAttempts({ answer }: Turn, attempts: readonly Attempt[]): void {
  let fallbacks = 0;
  for (const [index, one] of attempts.entries()) {
    const before = attempts[index - 1] ?? one;
    if (one.provider !== before.provider || one.model !== before.model) fallbacks++;
  }
  const retries = attempts.length - 1 - fallbacks;
  if (retries > 0) answer.header('sallyport-attempted-retries', String(retries));
  if (fallbacks > 0) answer.header('sallyport-attempted-fallbacks', String(fallbacks));
}

/** Whether the client left, or gave the provider no more time. */
function isBrokenOff({ signal }: Turn, caught: unknown): boolean {
  return signal.aborted || (caught instanceof GatewayError && caught.details?.timeout === 'asked');
}

interface Classed extends Failed {
  /** The provider's class of failure, or our code. */
  readonly kind: string;
  readonly status?: number | undefined;
}

function failureOf(caught: unknown): Classed {
  if (caught instanceof ProviderError) {
    const { kind, status, retryable, retryAfterMs } = caught.failure;
    const known = meaningOf(kind);
    const meaning = retryable ? known : { ...known, retry: undefined };
    return { error: asGatewayFailure(caught.failure), meaning, kind, status, retryAfterMs };
  }
  const error = asGatewayError(caught);
  return { error, meaning: meaningOfError(error), kind: error.code };
}

/**
 * Failures by which a provider refuses an account, and those by which a key cannot be had. A 403 may be about the request as
 * well, and is held against a key for the request alone: nobody may take keys from others by what they ask.
 */
const OF_ACCOUNT: ReadonlySet<string> = new Set(['auth', 'billing', 'upstream_credentials']);
const REFUSALS: ReadonlySet<string> = new Set([...OF_ACCOUNT, 'permission']);

/** Whether the key is at fault, so that another one may help; undefined: it is not. */
function keyFault(ring: KeyRing, failed: Classed, reference: string | undefined): 'limited' | 'refused' | undefined {
  if (failed.kind === 'rate_limited' && failed.meaning.retry === 'RateLimit') {
    ring.limited(failed.retryAfterMs);
    return 'limited';
  }
  if (!REFUSALS.has(failed.kind)) return undefined;
  ring.refused(reference ?? '', OF_ACCOUNT.has(failed.kind));
  return 'refused';
}

function end(passage: Passage, { kind, meaning, retryAfterMs }: Classed, shared: boolean): void {
  if (kind === 'rate_limited' && meaning.cause === 'RateLimit') passage.limited(retryAfterMs, shared);
  else if (shared && OF_ACCOUNT.has(kind)) passage.refused();
  else passage.end(meaning.counts ? 'failed' : 'neither');
}

function mayRetry(retry: RetryRules, cause: RetryCause | undefined, tookMs: number): boolean {
  return cause !== undefined && retry.causes.includes(cause) && tookMs <= retry.failedWithinMs;
}

/** How long to wait before a retry: as the provider says, else doubling from 100 ms with jitter; undefined: too long. */
function waitBefore(attempt: number, retryAfterMs: number | undefined, longestMs: number): number | undefined {
  if (retryAfterMs !== undefined) return retryAfterMs <= longestMs ? retryAfterMs : undefined;
  return Math.min(longestMs, FIRST_WAIT_MS * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
}

function of(turn: Turn, { target, model }: Step): Pick<Attempt, 'provider' | 'model' | 'via'> {
  const { provider, model: name } = target;
  return { provider: provider.name, model: name, ...(model === turn.model ? {} : { via: model.publicName }) };
}

function waited(began: number): { waitMs?: number } {
  const ms = Math.round(performance.now() - began);
  return ms < 1 ? {} : { waitMs: ms };
}

function pause(ms: number, signal: EndSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}
