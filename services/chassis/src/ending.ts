/** What a listener is told by: a function, or an object whose method is called. */
export type EndListener = (() => void) | { handleEvent(): void };

/** The part of an AbortSignal that work has to know of which may be ended. */
export interface EndSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  /** Throws the reason once it is over. */
  throwIfAborted(): void;
  /** A listener is told once, hence never more than once whatever the options say. */
  addEventListener(type: 'abort', listener: EndListener, options?: { readonly once: true }): void;
  removeEventListener(type: 'abort', listener: EndListener): void;
}

/**
 * A signal and its controller in one, for what is made with each request and stays within this process: it has a list
 * where an AbortController has an event target, which costs some microseconds and a kilobyte each.
 */
export class Ending implements EndSignal {
  aborted = false;
  reason: unknown;
  #listeners: EndListener[] | undefined;

  /** Tells all listeners, once. */
  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    const listeners = this.#listeners;
    this.#listeners = undefined;
    if (listeners === undefined) return;
    for (const listener of listeners) {
      if (typeof listener === 'function') listener();
      else listener.handleEvent();
    }
  }

  addEventListener(_type: 'abort', listener: EndListener): void {
    if (this.aborted) return;
    if (this.#listeners === undefined) this.#listeners = [listener];
    else if (!this.#listeners.includes(listener)) this.#listeners.push(listener);
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  removeEventListener(_type: 'abort', listener: EndListener): void {
    const at = this.#listeners?.indexOf(listener) ?? -1;
    if (at >= 0) this.#listeners?.splice(at, 1);
  }
}

/** The same as an AbortSignal, for what takes nothing else. */
export function abortSignalOf(signal: EndSignal): AbortSignal {
  if (signal instanceof AbortSignal) return signal;
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort);
  return controller.signal;
}
