import { type SallyportUnderLoad, startSallyport } from './contestants.ts';
import { type Driver, type Started, startDriver, startScript } from './processes.ts';

/** Starts what a measure needs; all of it ends with `clear`, the last first. */
export interface Stage {
  /** A script of this folder as a process of its own. */
  script(file: string, ...args: string[]): Promise<Started>;
  driver(): Driver;
  /** The whole suite in front of a mock; `further` are files of resources beside its own. */
  sallyport(mock: string, further?: Readonly<Record<string, string>>): Promise<SallyportUnderLoad>;
  /** Ends this with the others. */
  keep<T extends { stop(): Promise<unknown> }>(started: T): T;
  /** Ends all. Safe to call twice, and while something is still ending. */
  clear(): Promise<void>;
}

/** An empty stage; `say` is told what did not end well. */
export function createStage(say: (text: string) => void): Stage {
  const stops: (() => Promise<unknown>)[] = [];
  let clearing: Promise<void> = Promise.resolve();
  const keep: Stage['keep'] = (started) => {
    stops.push(() => started.stop());
    return started;
  };
  return {
    script: async (file, ...args) => keep(await startScript(file, ...args)),
    driver: () => keep(startDriver()),
    sallyport: async (mock, further) => keep(await startSallyport(mock, further)),
    keep,
    clear() {
      clearing = clearing.then(async () => {
        for (const stop of stops.splice(0).reverse()) await stop().catch((error: unknown) => say(String(error)));
      });
      return clearing;
    },
  };
}
