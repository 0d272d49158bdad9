import { asArray, asObject, parseObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { dataOf } from '../wire/frames.ts';
import { opening } from './replay.ts';

/** Most of one response that is told event by event, in characters; behind it a reader is told the end alone. */
const MOST_OF_ONE = 1024 * 1024;
/** Most of all responses of this process together. */
const MOST_OF_ALL = 32 * 1024 * 1024;
/** Events that tell what the opening told. */
const OPENED: ReadonlySet<unknown> = new Set(['response.created', 'response.queued', 'response.in_progress']);
/** Events whose pieces are put together until they are read: a word each would be mostly names. */
const PIECES: ReadonlySet<unknown> = new Set([
  'response.output_text.delta',
  'response.refusal.delta',
  'response.reasoning_summary_text.delta',
  'response.function_call_arguments.delta',
  'response.custom_tool_call_input.delta',
]);

let held = 0;

/**
 * The events of a response that is made in the background and told as a stream, as they come: numbered from the first, so that who
 * reads goes on behind any of them. Bounded; call `close` once.
 */
export class LiveEvents {
  readonly #frames: string[] = [];
  #size = 0;
  #piece: JsonObject | undefined;
  #isFull = false;
  #isOver = false;
  #changed: (() => void)[] = [];
  #rested: (() => void) | undefined;

  constructor(begun: JsonObject) {
    for (const frame of framesIn(opening(begun))) this.#write(parseObject(dataOf(frame) ?? '') ?? {});
  }

  /** Takes frames of the answer as a client of a stream would be sent them. */
  add(frames: string): void {
    if (this.#isFull || this.#isOver) return;
    for (const frame of framesIn(frames)) {
      const event = parseObject(dataOf(frame) ?? '');
      if (event === undefined || OPENED.has(event.type)) continue;
      if (this.#piece !== undefined && isSamePlace(this.#piece, event)) {
        this.#piece = joined(this.#piece, event);
        continue;
      }
      this.#settle();
      if (PIECES.has(event.type)) this.#piece = event;
      else this.#write(event);
    }
    for (const changed of this.#changed.splice(0)) changed();
  }

  /** All frames so far. What is read is numbered for good. */
  text(): string {
    this.#settle();
    return this.#frames.join('');
  }

  /** Those behind the event of a number. */
  after(number: number): Told {
    this.#settle();
    return toldBehind(this.#frames, number);
  }

  isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when there is more, or the end. */
  changed(): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    return new Promise((resolve) => this.#changed.push(resolve));
  }

  /** Resolves after a time, or with the end; for one that waits. */
  rest(ms: number): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#rested = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Nothing more comes. */
  close(): void {
    if (this.#isOver) return;
    this.#settle();
    this.#isOver = true;
    held -= this.#size;
    for (const changed of this.#changed.splice(0)) changed();
    this.#rested?.();
  }

  #settle(): void {
    const piece = this.#piece;
    this.#piece = undefined;
    if (piece !== undefined) this.#write(piece);
  }

  #write(event: JsonObject): void {
    // A type that is more than a word would write frames of its own.
    if (this.#isFull || !/^[\w.]+$/.test(String(event.type))) return;
    const frame = frameOf(event, this.#frames.length);
    if (this.#size + frame.length > MOST_OF_ONE || held + frame.length > MOST_OF_ALL) {
      this.#isFull = true;
      return;
    }
    this.#frames.push(frame);
    this.#size += frame.length;
    held += frame.length;
  }
}

function frameOf({ sequence_number: _theirs, type, ...fields }: JsonObject, number: number): string {
  return `event: ${String(type)}\ndata: ${JSON.stringify({ type, sequence_number: number, ...fields })}\n\n`;
}

function framesIn(text: string): string[] {
  return text.split('\n\n').flatMap((frame) => (frame.trim() === '' ? [] : [`${frame}\n\n`]));
}

function isSamePlace(piece: JsonObject, event: JsonObject): boolean {
  return ['type', 'item_id', 'output_index', 'content_index', 'summary_index'].every(
    (one) => piece[one] === event[one],
  );
}

function joined(piece: JsonObject, event: JsonObject): JsonObject {
  const logprobs = [...asArray(piece.logprobs), ...asArray(event.logprobs)];
  const delta = `${String(piece.delta ?? '')}${String(event.delta ?? '')}`;
  return { ...piece, delta, ...(piece.logprobs === undefined ? {} : { logprobs }) };
}

/** Frames behind an event, the number of the last of them, or of that event where there are none, and whether all is told. */
export interface Told {
  readonly frames: string;
  readonly last: number;
  readonly ends: boolean;
}

/** What a kept text tells behind the event of a number. */
export function framesAfter(text: string, after: number): Told {
  return toldBehind(framesIn(text), after);
}

/** Frames are numbered from 0 without a gap: none is read for its number, since all of them are asked for again and again. */
function toldBehind(frames: readonly string[], after: number): Told {
  const end = parseObject(dataOf(frames.at(-1) ?? '') ?? '');
  return {
    frames: frames.slice(Math.max(0, after + 1)).join(''),
    last: Math.max(after, frames.length - 1),
    ends: ENDS.has(end?.type),
  };
}

const ENDS: ReadonlySet<unknown> = new Set(['response.completed', 'response.incomplete', 'response.failed']);

/** The last event of a response whose own was not kept, under the number behind `last`. */
export function endOf(response: JsonObject, last: number): string {
  const status = asObject(response)?.status;
  const type = status === 'completed' || status === 'incomplete' ? status : 'failed';
  return frameOf({ type: `response.${type}`, response }, last + 1);
}
