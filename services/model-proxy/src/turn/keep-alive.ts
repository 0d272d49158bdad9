import { type Timed, unwatch, watch } from '@sallyport/chassis/deadlines';
import { ABSENT } from '@sallyport/chassis/roster';
import { writeHeaders } from './release.ts';
import type { Turn } from './turn.ts';

/** A client of a stream that hears nothing for so long may hang up, or something between it and us. */
const SILENCE_MS = 10_000;

/**
 * Tells the client of a stream, by comments, that its request is still being worked on while targets are waited for and
 * tried. What is told with headers goes out with the first of them, so the target is not among it then. Ends with `unwatch`.
 */
export class KeepAlive implements Timed {
  place = ABSENT;
  dueAt = performance.now() + SILENCE_MS;
  readonly #turn: Turn;
  #over = false;

  constructor(turn: Turn) {
    this.#turn = turn;
    watch(this);
  }

  late(): void {
    if (this.#over || this.#turn.signal.aborted) return;
    writeHeaders(this.#turn);
    // A client that is gone ends the turn by its signal.
    this.#turn.answer.comment('waiting for the model').catch(() => undefined);
    this.dueAt = performance.now() + SILENCE_MS;
    watch(this);
  }

  end(): void {
    this.#over = true;
    unwatch(this);
  }
}
