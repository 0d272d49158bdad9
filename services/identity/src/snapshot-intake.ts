import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { Snapshot } from '@sallyport/peers/snapshot';

const RETRY_MS = 1_000;

/** Takes in what the snapshot brings. */
export interface SnapshotIntake extends Component {
  /** Resolves once all that the snapshot said so far is taken in, or has failed. */
  settled(): Promise<void>;
}

/** How something is taken in. */
export interface SnapshotIntakeOptions {
  readonly name: string;
  readonly snapshot: Pick<Snapshot, 'fresh' | 'onChange'>;
  /** Takes in all that the snapshot says now; runs once at a time, and again where something changed meanwhile. */
  readonly take: () => Promise<void>;
  /** Whether a change of this kind is worth a look. */
  readonly concerns: (kind: string) => boolean;
  /** What is logged where it fails; it is tried again a second later. */
  readonly failure: string;
  readonly log: Logger;
}

/** Follows the snapshot. Only what the operator said in this run counts, never a cached snapshot. */
export function snapshotIntake({
  name,
  snapshot,
  take,
  concerns,
  failure,
  log,
}: SnapshotIntakeOptions): SnapshotIntake {
  let running: Promise<void> | undefined;
  let again = false;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let stopListening: () => void = () => undefined;

  const run = () => {
    if (!snapshot.fresh() || stopped) return;
    again = true;
    running ??= (async () => {
      while (again && !stopped) {
        again = false;
        try {
          await take();
        } catch (error) {
          log.warn(failure, { error });
          timer = setTimeout(run, RETRY_MS);
          timer.unref();
        }
      }
    })().finally(() => {
      running = undefined;
    });
  };

  return {
    name,
    start() {
      stopListening = snapshot.onChange((kind) => {
        if (concerns(kind)) run();
      });
      run();
    },
    async stop() {
      stopped = true;
      stopListening();
      clearTimeout(timer);
      await running;
    },
    settled: async () => running,
  };
}
