import type { Logger } from '@sallyport/chassis/log';

/** How a server stream is kept open for the life of the process. */
export interface StreamWatch<Message> {
  readonly name: string;
  readonly log: Logger;
  /** Opens the stream; called again after each end, with back-off. */
  readonly open: (signal: AbortSignal) => AsyncIterable<Message>;
  readonly onMessage: (message: Message) => void;
  /** Called before the first message of each stream: what was told between two streams is not known. */
  readonly onOpen?: () => void;
  /** Called when a stream has ended or failed, before the next is opened. */
  readonly onBreak?: () => void;
}

/** A running watch. */
export interface RunningWatch {
  readonly name: string;
  start(): void;
  stop(): Promise<void>;
  /** Milliseconds since the last message, heartbeats included; Infinity before the first. */
  silenceMs(): number;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;

/** Keeps a server stream open: reads, and opens it anew with jittered back-off (50 ms to 2 s) whenever it ends. */
export function watchStream<Message>(options: StreamWatch<Message>): RunningWatch {
  const stopping = new AbortController();
  let lastMessageAt = Number.NEGATIVE_INFINITY;
  let running: Promise<void> = Promise.resolve();

  const loop = async () => {
    let pauseMs = FIRST_PAUSE_MS;
    while (!stopping.signal.aborted) {
      let opened = false;
      try {
        for await (const message of options.open(stopping.signal)) {
          if (!opened) options.onOpen?.();
          opened = true;
          lastMessageAt = performance.now();
          options.onMessage(message);
          pauseMs = FIRST_PAUSE_MS;
        }
      } catch (error) {
        if (stopping.signal.aborted) return;
        options.log.debug('A watch ended', { watch: options.name, error });
      }
      options.onBreak?.();
      await pause(pauseMs * (0.5 + Math.random() / 2), stopping.signal);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  };

  return {
    name: options.name,
    start() {
      running = loop();
    },
    async stop() {
      stopping.abort();
      await running;
    },
    silenceMs: () => performance.now() - lastMessageAt,
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}
