import { join, type Label, TRUSTED } from '@sallyport/turn';
import type { TaskState } from '../forms.ts';
import type { LoopTask } from './loop-tasks.ts';

/** A piece of what a run came to, in order; the last one is its end. */
export type RunPiece =
  /** More of the answer; `first`: nothing of it was told before. */
  { readonly text: string; readonly first: boolean } | { readonly ended: LoopTask };

const PACE_MS = 50;

/** The work on one task in this process. Who follows it gets what it says since then, as fast as they take it. */
export class LoopRun {
  readonly id: string;
  readonly contextId: string;
  readonly #abort = new AbortController();
  readonly #followers = new Set<() => void>();
  #text: string;
  #label: Label;
  #end: LoopTask | undefined;

  constructor({ id, contextId, text, label }: Pick<LoopTask, 'id' | 'contextId' | 'text' | 'label'>) {
    this.id = id;
    this.contextId = contextId;
    this.#text = text;
    this.#label = label;
  }

  /** Ends when the work is to be given up. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get text(): string {
    return this.#text;
  }

  /** Of all that the model has read. */
  get label(): Label {
    return this.#label;
  }

  /** How the task stands. */
  task(): LoopTask {
    if (this.#end !== undefined) return this.#end;
    const { id, contextId } = this;
    const said = { text: this.#text, label: this.#label, words: '', response: '', questions: [], approvals: [] };
    return { id, contextId, state: 'TASK_STATE_WORKING' as TaskState, ...said };
  }

  /** Gives the work up. */
  leave(reason: Error): void {
    this.#abort.abort(reason);
  }

  add(text: string, label: Label): void {
    this.#text += text;
    this.#label = join(this.#label, label);
    this.#told();
  }

  end(task: LoopTask): void {
    this.#end = task;
    this.#told();
  }

  /** What is said from now on, with the end. `read` is told the label before each piece. */
  async *follow(signal: AbortSignal, read: (label: Label) => void): AsyncGenerator<RunPiece> {
    let told = this.#text.length;
    let first = told === 0;
    for (;;) {
      signal.throwIfAborted();
      const to = wholeLength(this.#text, this.#end !== undefined);
      if (to > told) {
        const text = this.#text.slice(told, to);
        told = to;
        read(this.#label);
        yield { text, first };
        first = false;
        // What comes meanwhile goes out as one piece: each is decided.
        if (this.#end === undefined) await this.#changed(signal, PACE_MS);
        continue;
      }
      if (this.#end !== undefined) {
        read(this.#end.label);
        yield { ended: this.#end };
        return;
      }
      await this.#changed(signal);
    }
  }

  #told(): void {
    const followers = [...this.#followers];
    this.#followers.clear();
    for (const wake of followers) wake();
  }

  /** Resolves with the next change, the signal, or after a time where one is given and not before. */
  async #changed(signal: AbortSignal, afterMs?: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    let wake: () => void = () => undefined;
    await new Promise<void>((resolve) => {
      wake = resolve;
      signal.addEventListener('abort', wake, { once: true });
      if (afterMs === undefined) this.#followers.add(wake);
      else timer = setTimeout(wake, afterMs);
    });
    clearTimeout(timer);
    this.#followers.delete(wake);
    signal.removeEventListener('abort', wake);
  }
}

/** Length of a text up to which it is whole: half a pair of surrogates waits for its other half. */
function wholeLength(text: string, isOver: boolean): number {
  const last = text.charCodeAt(text.length - 1);
  return !isOver && last >= 0xd800 && last <= 0xdbff ? text.length - 1 : text.length;
}

/** A task at its beginning. */
export function newTask(id: string, contextId: string): LoopTask {
  const said = { text: '', words: '', response: '', questions: [], approvals: [], label: TRUSTED };
  return { id, contextId, state: 'TASK_STATE_WORKING', ...said };
}
