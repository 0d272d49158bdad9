/**
 * Why the model stopped: `stop` at its own end, `stop_sequence` at one of the caller's, `length` at a token limit,
 * `pause` where a provider-run loop wants to be continued, `unknown` for a reason that no dialect here defines.
 */
export type UnifiedFinish = 'stop' | 'stop_sequence' | 'length' | 'tool_calls' | 'content_filter' | 'pause' | 'unknown';

/** The unified reason beside the provider's own word for it; `sequence` is the stop sequence that was hit. */
export interface FinishReason {
  unified: UnifiedFinish;
  raw: string;
  sequence?: string;
}
