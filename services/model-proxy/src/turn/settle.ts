import type { GatewayError } from '@sallyport/chassis/errors';
import { tally, timing } from '@sallyport/chassis/metrics';
import { addUsage, noUsage, type Usage } from '../chat/usage.ts';
import { priceOf } from '../pricing.ts';
import type { ModelAnswer } from './call.ts';
import type { Gate } from './gate.ts';
import { recordModelCall, type Saved } from './record.ts';
import { addGuess, type Guess, pricedCall, requestSpent } from './reserve.ts';
import { isSaidAmiss } from './said-amiss.ts';
import type { Turn } from './turn.ts';

const BYTES_PER_TOKEN = 4;

/** How a model call ended. */
export interface CallEnd {
  /** As the provider told it; undefined: it is estimated from what was sent and received. */
  readonly usage: Usage | undefined;
  /** `usage` is a guess, too. */
  readonly estimated?: boolean;
  readonly outputBytes: number;
  readonly finish: string;
  readonly outcome: 'ok' | 'error' | 'cancelled';
  readonly error?: GatewayError;
}

/**
 * Stage 16 (and 17). Prices what was used, gives back what was set aside and too much, and records the call. Runs for every
 * model call exactly once, also when the client is gone or the provider broke off.
 */
export function settle(gate: Gate, turn: Turn, answer: ModelAnswer, end: CallEnd): void {
  if (answer.kept) return void settleKept(gate, turn, answer, end);
  const { lost } = answer;
  const estimated = end.usage === undefined || end.estimated === true || lost !== undefined;
  const usage = end.usage ?? estimate(answer.requestBytes, end.outputBytes);
  const { provider, model } = answer.target;
  const price = priceOf(pricedCall(turn, answer.target), usage);
  answer.reservation.settle({
    ...requestSpent(turn),
    steps: 1,
    tokens: usage.input + usage.output,
    nano_usd: price.nanoUsd ?? 0,
  });
  turn.usage = addUsage(turn.usage, usage);
  // What was broken off before it cost something, too, as limits have counted; the client's own answer took none of its tokens.
  const all = addGuess({ usage, nanoUsd: price.nanoUsd }, lost) as Guess;
  if (all.nanoUsd === null) turn.priced = false;
  else turn.costNanoUsd += all.nanoUsd;
  turn.provider = provider.name;
  turn.upstreamModel = model;

  const durationMs = performance.now() - answer.startedAt;
  leaveTarget(turn, answer, end, durationMs, usage.output);
  const of = childrenOf(gate, provider.name, turn.model.publicName);
  of[end.outcome].inc();
  of.seconds.observe(durationMs / 1000);
  if (answer.firstTokenMs > 0) of.firstToken.observe(answer.firstTokenMs / 1000);
  of.input.inc(usage.input);
  of.output.inc(usage.output);
  const saved =
    usage.cacheRead + usage.cacheWrite > 0 ? savedAtProvider(turn, answer, usage, price.nanoUsd) : undefined;
  if (saved !== undefined) countSaved(gate, turn, saved);

  recordModelCall(gate, turn, {
    step: answer.step,
    startedAtMs: answer.startedAtMs,
    durationMs,
    firstTokenMs: answer.firstTokenMs,
    provider: provider.name,
    upstreamModel: model,
    stream: turn.facts.stream,
    usage: all.usage,
    usageEstimated: estimated,
    costNanoUsd: all.nanoUsd ?? undefined,
    finish: end.finish,
    attempts: answer.attempts,
    limits: answer.reservation.touched,
    outcome: end.outcome,
    ...(end.error ? { error: end.error } : {}),
    ...(saved === undefined ? {} : { saved }),
  });
}

/** An answer out of the cache: the client is told the usage that it once took; now it took none, and cost nothing. */
function settleKept(gate: Gate, turn: Turn, answer: ModelAnswer, end: CallEnd): void {
  const { target, reservation } = answer;
  const usage = end.usage ?? noUsage;
  const { nanoUsd } = priceOf(pricedCall(turn, target), usage);
  const saved: Saved = { by: 'answer', nanoUsd: nanoUsd ?? 0, tokens: usage.input + usage.output };
  reservation.settle({ ...requestSpent(turn), steps: 1 });
  turn.usage = addUsage(turn.usage, usage);
  turn.provider = target.provider.name;
  turn.upstreamModel = target.model;
  countSaved(gate, turn, saved);
  recordModelCall(gate, turn, {
    step: answer.step,
    startedAtMs: answer.startedAtMs,
    durationMs: performance.now() - answer.startedAt,
    firstTokenMs: 0,
    provider: target.provider.name,
    upstreamModel: target.model,
    stream: turn.facts.stream,
    usage: noUsage,
    usageEstimated: false,
    costNanoUsd: 0,
    finish: end.finish,
    attempts: answer.attempts,
    limits: reservation.touched,
    outcome: end.outcome,
    ...(end.error ? { error: end.error } : {}),
    saved,
  });
}

/** What the provider's own cache of prompts saved: the price without it, less the price with it. */
function savedAtProvider(turn: Turn, { target }: ModelAnswer, usage: Usage, paid: number | null): Saved | undefined {
  const { cacheWrite1h: _longer, ...rest } = usage;
  const { nanoUsd } = priceOf(pricedCall(turn, target), { ...rest, cacheRead: 0, cacheWrite: 0 });
  if (nanoUsd === null || paid === null) return undefined;
  return { by: 'prompt', nanoUsd: nanoUsd - paid, tokens: usage.cacheRead };
}

function countSaved({ metrics }: Gate, turn: Turn, { by, nanoUsd }: Saved): void {
  // A counter only rises: what a first write cost more stands in the cost.
  if (nanoUsd > 0) metrics.savedUsd.inc({ model: turn.model.publicName, by }, nanoUsd / 1e9);
}

/** Gives up the place in the target, and tells what the call took there: its own part, without what was tried before. */
function leaveTarget(turn: Turn, answer: ModelAnswer, end: CallEnd, durationMs: number, outputTokens: number): void {
  const { passage, startedAt, firstTokenMs } = answer;
  if (passage === undefined) return;
  const before = Math.max(0, passage.startedAt - startedAt);
  const isOfProvider = end.error?.code.startsWith('upstream_') === true && !isSaidAmiss(end.error);
  const atFault = end.outcome === 'error' && isOfProvider;
  passage.end(end.outcome === 'ok' ? 'ok' : atFault ? 'failed' : 'neither', {
    firstTokenMs: Math.max(0, firstTokenMs - before),
    totalMs: durationMs - before,
    outputTokens,
    stream: turn.facts.stream,
  });
}

/** Metrics with their labels bound, since finding them by labels is dearer than counting. */
const children = new WeakMap<Gate['metrics'], Map<string, ReturnType<typeof makeChildren>>>();

function childrenOf(gate: Gate, provider: string, model: string) {
  let ofGate = children.get(gate.metrics);
  if (!ofGate) {
    ofGate = new Map();
    children.set(gate.metrics, ofGate);
  }
  const key = `${provider}\n${model}`;
  let held = ofGate.get(key);
  if (!held) {
    held = makeChildren(gate, provider, model);
    ofGate.set(key, held);
  }
  return held;
}

function makeChildren(gate: Gate, provider: string, model: string) {
  const { metrics } = gate;
  return {
    ok: tally(metrics.modelCalls, { provider, model, outcome: 'ok' }),
    error: tally(metrics.modelCalls, { provider, model, outcome: 'error' }),
    cancelled: tally(metrics.modelCalls, { provider, model, outcome: 'cancelled' }),
    seconds: timing(metrics.callSeconds, { provider, model }),
    firstToken: timing(metrics.firstTokenSeconds, { provider, model }),
    input: tally(metrics.tokens, { model, kind: 'input' }),
    output: tally(metrics.tokens, { model, kind: 'output' }),
  };
}

function estimate(requestBytes: number, outputBytes: number): Usage {
  return {
    input: Math.ceil(requestBytes / BYTES_PER_TOKEN),
    output: Math.ceil(outputBytes / BYTES_PER_TOKEN),
    cacheRead: 0,
    cacheWrite: 0,
    reasoning: 0,
  };
}
