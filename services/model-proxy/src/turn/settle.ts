import type { GatewayError } from '@sallyport/chassis/errors';
import { tally, timing } from '@sallyport/chassis/metrics';
import { addUsage, type Usage } from '../chat/usage.ts';
import { priceOf } from '../pricing.ts';
import type { ModelAnswer } from './call.ts';
import type { Gate } from './gate.ts';
import { recordModelCall } from './record.ts';
import { pricedCall, requestSpent } from './reserve.ts';
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
  const estimated = end.usage === undefined || end.estimated === true;
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
  if (price.nanoUsd === null) turn.priced = false;
  else turn.costNanoUsd += price.nanoUsd;
  turn.provider = provider.name;
  turn.upstreamModel = model;

  const durationMs = performance.now() - answer.startedAt;
  const of = childrenOf(gate, provider.name, turn.model.publicName);
  of[end.outcome].inc();
  of.seconds.observe(durationMs / 1000);
  if (answer.firstTokenMs > 0) of.firstToken.observe(answer.firstTokenMs / 1000);
  of.input.inc(usage.input);
  of.output.inc(usage.output);

  recordModelCall(gate, turn, {
    step: answer.step,
    startedAtMs: answer.startedAtMs,
    durationMs,
    firstTokenMs: answer.firstTokenMs,
    provider: provider.name,
    upstreamModel: model,
    stream: turn.facts.stream,
    usage,
    usageEstimated: estimated,
    costNanoUsd: price.nanoUsd ?? undefined,
    finish: end.finish,
    attempts: answer.attempts,
    limits: answer.reservation.touched,
    outcome: end.outcome,
    ...(end.error ? { error: end.error } : {}),
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
