import type { EndSignal } from '@sallyport/chassis/ending';

/** Calls that are under way, by key of what they will answer. */
export interface Flights {
  /** Begins a flight, where none is under way: call what is returned once it is over, however it ended. */
  begin(key: string): (() => void) | undefined;
  /** Waits until the flight of a key is over, the time is, or the signal ends. */
  wait(key: string, signal: EndSignal): Promise<void>;
}

/** Makes the list of flights; nobody waits longer than `waitMs` for another's. */
export function createFlights(waitMs: number): Flights {
  const open = new Map<string, Set<() => void>>();
  return {
    begin(key) {
      if (open.has(key)) return undefined;
      const waiting = new Set<() => void>();
      open.set(key, waiting);
      return () => {
        if (open.get(key) !== waiting) return;
        open.delete(key);
        for (const tell of waiting) tell();
      };
    },
    wait(key, signal) {
      const waiting = open.get(key);
      if (waiting === undefined || signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const over = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', over);
          waiting.delete(over);
          resolve();
        };
        const timer = setTimeout(over, waitMs);
        signal.addEventListener('abort', over, { once: true });
        waiting.add(over);
      });
    },
  };
}
