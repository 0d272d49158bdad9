import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { KeyStore, KeyUse } from './key-store.ts';

/** Gathers uses of keys and writes the latest of each now and then. */
export interface LastUse extends Component {
  add(use: KeyUse): void;
}

/** How often uses are written, and how many keys may wait; beyond that the use of further keys is not kept. */
export interface LastUseOptions {
  readonly store: Pick<KeyStore, 'recordUse'>;
  readonly log: Logger;
  readonly intervalMs: number;
  readonly maxKeys?: number;
}

/** Makes the recorder of last use. A failed write keeps what it held for the next one: later uses win. */
export function createLastUse(options: LastUseOptions): LastUse {
  const { store, log, intervalMs, maxKeys = 10_000 } = options;
  let waiting = new Map<string, KeyUse>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  const add = (use: KeyUse) => {
    const id = `${use.tenant}/${use.keyId}`;
    if (waiting.size < maxKeys || waiting.has(id)) waiting.set(id, use);
  };
  const write = async () => {
    if (waiting.size === 0) return;
    const uses = waiting;
    waiting = new Map();
    try {
      await store.recordUse([...uses.values()]);
    } catch (error) {
      log.warn('the last use of keys could not be written', { keys: uses.size, error });
      const newer = waiting;
      waiting = uses;
      for (const use of newer.values()) add(use);
    }
  };
  const flush = () => {
    writing = writing.then(write);
    return writing;
  };
  return {
    name: 'last-use',
    add,
    start() {
      timer = setInterval(() => void flush(), intervalMs);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await flush();
    },
  };
}
