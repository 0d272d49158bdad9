import type { Source } from './cited.ts';
import type { ProviderFailure } from './failure.ts';
import type { FinishReason } from './finish.ts';
import type { Dialect, Extra, JsonObject } from './message.ts';
import type { ChosenOdds } from './odds.ts';
import type { Usage } from './usage.ts';

/**
 * One event of a streamed answer. A stream is `start`, then deltas, then `finish`, with `usage` anywhere (each one
 * replaces the former), or it ends with `error`. `choice` is absent for the first answer. `index` numbers the tool calls
 * of one choice from 0 without gaps, in the order in which they began.
 */
export type StreamEvent =
  | { type: 'start'; id: string; model: string; created?: number }
  | { type: 'text'; delta: string; odds?: readonly ChosenOdds[]; choice?: number }
  | { type: 'refusal'; delta: string; choice?: number }
  /** `id` on the first delta of a block: its name at the provider, which the proof of it is bound to. */
  | { type: 'reasoning'; delta: string; id?: string; choice?: number }
  /** Closes the open reasoning block with its proof. */
  | { type: 'signature'; signature: string; choice?: number }
  /** A whole encrypted reasoning block. */
  | { type: 'redacted'; data: string; choice?: number }
  | { type: 'toolCallStart'; index: number; id: string; name: string; kind?: 'function' | 'custom'; choice?: number }
  | { type: 'toolCallDelta'; index: number; delta: string; choice?: number }
  | { type: 'toolCallStop'; index: number; choice?: number }
  /** The next text or reasoning delta begins a new block. */
  | { type: 'blockStop'; choice?: number }
  /** A block, or a part of one, that only its dialect can say. */
  | { type: 'opaque'; dialect: Dialect; kind: string; value: JsonObject; choice?: number }
  | { type: 'usage'; usage: Usage }
  /** `cites`: the answer named sources of the web; `sources` and `extra`: what stood beside it of them. */
  | {
      type: 'finish';
      finish: FinishReason;
      cites?: true;
      sources?: readonly Source[];
      extra?: Extra;
      choice?: number;
    }
  | { type: 'error'; failure: ProviderFailure };

/** Turns the SSE payloads of one answer into events; holds the state of that stream. Its functions never throw. */
export interface StreamDecoder {
  /** Takes one SSE `data` payload. After an `error` event everything is ignored. */
  push(data: string): StreamEvent[];
  /** Tells that the bytes ended; yields an `error` event where the answer was not complete. */
  end(): StreamEvent[];
  /** True from the dialect's own end mark or an error on. */
  done(): boolean;
  /**
   * True where the last payload said a piece of text and left no trace here: one that differs from it in its text alone need not
   * be taken. Dialects without it are always read whole.
   */
  saidTextAlone?(): boolean;
}

/** Turns events into the SSE text of one answer, frame by frame, in the grammar of its dialect. */
export interface StreamEncoder {
  /** The frames for this event, possibly none (''). */
  encode(event: StreamEvent): string;
  /** The closing frames; call once, after the last event. Empty after an `error` event. */
  end(): string;
  /** A frame that keeps the connection alive. */
  ping(): string;
}
