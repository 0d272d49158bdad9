import type { Metrics } from '@sallyport/chassis/metrics';

/** Counts one answered model call; the model is one of the scripted names, so the label is bounded. */
export type CountCall = (
  wire: 'openai' | 'anthropic',
  answer: { readonly model: string; readonly toolCalls: readonly unknown[] },
) => void;

/** Registers the demo's own metric and returns what feeds it. */
export function modelCallCounter(metrics: Metrics): CountCall {
  const calls = metrics.counter(
    'model_calls_total',
    'Answered model calls by wire, scripted model and whether the answer calls tools.',
    ['wire', 'model', 'tools'],
  );
  return (wire, { model, toolCalls }) => calls.inc({ wire, model, tools: String(toolCalls.length > 0) });
}
