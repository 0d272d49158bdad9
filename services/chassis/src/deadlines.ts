import { type Member, roster } from './roster.ts';

/** Something that must be over by a time. */
export interface Timed extends Member {
  /** On the clock of `performance.now()`; may be moved while it is watched. Infinity: never. */
  readonly dueAt: number;
  /** Called once, up to `LATEST_MS` after the time. */
  late(): void;
}

/** How much later than its time something is told. */
export const LATEST_MS = 50;

// One timer for all that is under way in the process: each of thousands of requests would otherwise set and clear several.
const watched = roster<Timed>();
let timer: NodeJS.Timeout | undefined;

function tick(): void {
  if (watched.size === 0) {
    clearInterval(timer);
    timer = undefined;
    return;
  }
  const now = performance.now();
  for (const one of watched.present()) {
    if (now < one.dueAt) continue;
    watched.remove(one);
    one.late();
  }
}

/** Watches something until `unwatch` or until it was late; does not keep the process alive. */
export function watch(one: Timed): void {
  watched.add(one);
  timer ??= setInterval(tick, LATEST_MS).unref();
}

/** Watches it no more; what is not watched is ignored. */
export function unwatch(one: Timed): void {
  watched.remove(one);
}
