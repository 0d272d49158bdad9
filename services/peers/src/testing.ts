import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '@sallyport/chassis/log';

const nothing = () => {};

/** A logger for tests: what fails on purpose is not worth a line. */
export const quiet: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => quiet };

/** A server stream that a test feeds: what is pushed goes to every open stream, like a watch of identity or the operator. */
export interface Feed<Message> {
  /** The handler: first what `first` gives, then what is pushed, until the stream is cut. */
  stream(signal: AbortSignal): AsyncGenerator<Message>;
  push(message: Message): void;
  /** Ends all open streams. */
  cut(): void;
  /** False: streams stay open but say nothing more. */
  speaking: boolean;
  readonly opened: number;
}

/** Makes a feed. `first` is told on each new stream, `heartbeat` every 100 ms. */
export function feed<Message>(first: () => readonly Message[], heartbeat?: () => Message): Feed<Message> {
  const open = new Set<{ readonly waiting: Message[]; ended: boolean; wake: () => void }>();
  const self = {
    speaking: true,
    opened: 0,
    async *stream(signal: AbortSignal) {
      self.opened++;
      const one = { waiting: [...first()], ended: false, wake: () => {} };
      open.add(one);
      signal.addEventListener('abort', () => one.wake(), { once: true });
      const timer = setInterval(() => {
        if (heartbeat && self.speaking) one.waiting.push(heartbeat());
        one.wake();
      }, 100);
      try {
        while (!one.ended && !signal.aborted) {
          while (one.waiting.length > 0 && self.speaking) yield one.waiting.shift() as Message;
          if (one.ended || signal.aborted) return;
          await new Promise<void>((wake) => {
            one.wake = wake;
          });
        }
      } finally {
        clearInterval(timer);
        open.delete(one);
      }
    },
    push(message: Message) {
      for (const one of open) {
        one.waiting.push(message);
        one.wake();
      }
    },
    cut() {
      for (const one of open) {
        one.ended = true;
        one.wake();
      }
    },
  };
  return self;
}

/** Waits until something holds, at most `ms`; rejects with what it waited for. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 5_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`Not within ${ms} ms: ${what}.`);
    await pause(10);
  }
}
