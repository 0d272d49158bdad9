import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { Envelope } from './envelope.ts';
import type { Masters } from './envelope-masters.ts';
import type { MastersStore } from './masters-store.ts';

/** A replica that was not seen for so many rounds is gone. */
const ROUNDS_TO_LIVE = 4;
const SHORTEST_LIFE_MS = 5_000;

/** What rotation works on, and how often it looks. */
export interface RotationOptions {
  readonly masters: Masters;
  readonly envelope: Pick<Envelope, 'masterId' | 'useMaster' | 'rewrap'>;
  readonly store: MastersStore;
  /** Unique among the replicas. */
  readonly replica: string;
  readonly log: Logger;
  readonly intervalMs: number;
  /** Told after each round: data keys that still have to go over, and those whose master key is not here. */
  readonly onProgress: (left: number, unopenable: number) => void;
}

/** Moves data keys to the newest master key. */
export interface Rotation extends Component {
  /** True once this replica has looked and every data key's master key is here; else why not. */
  ready(): true | string;
  /** One round now. */
  round(): Promise<void>;
}

/**
 * Rotates without downtime: a new master key is used only once every replica that lives has it (a mounted Secret reaches
 * them at different times), all older ones open meanwhile, and data keys go over in small batches on all replicas.
 */
export function rotation(options: RotationOptions): Rotation {
  const { masters, envelope, store, replica, log, intervalMs } = options;
  const liveMs = Math.max(SHORTEST_LIFE_MS, ROUNDS_TO_LIVE * intervalMs);
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let fit: true | string = 'the master keys have not been looked at yet';

  const round = async () => {
    await masters.refresh();
    const own = masters.ids();
    const known = await store.announce(replica, own, liveMs);
    const chosen = own.find((id) => known.every((ids) => ids.includes(id)));
    if (chosen === undefined) log.warn('no master key is known to all replicas', { own });
    else envelope.useMaster(chosen);
    const current = envelope.masterId();
    let moved = 0;
    for (;;) {
      const older = own.filter((id) => id !== current);
      const some = older.length === 0 ? 0 : await store.rewrapSome(older, envelope.rewrap);
      moved += some;
      if (some === 0) break;
    }
    if (moved > 0) log.info('data keys went over to another master key', { keys: moved, masterId: current });
    const left = await store.dataKeysByMaster();
    const missing = [...left].filter(([id]) => !own.includes(id));
    const unopenable = missing.reduce((sum, [, keys]) => sum + keys, 0);
    options.onProgress(
      [...left].reduce((sum, [id, keys]) => sum + (id === own[0] ? 0 : keys), 0),
      unopenable,
    );
    if (unopenable > 0) {
      log.error('data keys are wrapped by master keys that are not here', { masters: missing.map(([id]) => id) });
    }
    // Only at the start: a roll-out with the wrong keys stops here, but what runs goes on for those it can open.
    if (fit !== true) {
      fit = unopenable === 0 || `data keys are wrapped by master keys that are not here: ${missing.map(([id]) => id)}`;
    }
  };
  const guarded = () => round().catch((error: unknown) => log.warn('master keys could not be looked at', { error }));
  const next = (ms: number) => {
    timer = setTimeout(() => {
      running = guarded().then(() => {
        if (timer !== undefined) next(fit === true ? intervalMs : Math.min(intervalMs, 1_000));
      });
    }, ms);
    timer.unref();
  };
  return {
    name: 'rotation of master keys',
    ready: () => fit,
    round,
    start: () => next(0),
    async stop() {
      clearTimeout(timer);
      timer = undefined;
      await running;
      await store.leave(replica).catch(() => undefined);
    },
  };
}
