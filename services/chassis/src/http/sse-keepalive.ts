import { ABSENT, type Member, roster } from '../roster.ts';

/** A stream that must not stay silent. */
export interface QuietStream {
  readonly everyMs: number;
  readonly lastWriteMs: () => number;
  readonly write: () => void;
}

// One timer for all streams of the process: thousands of open streams would otherwise mean thousands of timers.
const streams = roster<Member & { readonly stream: QuietStream }>();
let timer: NodeJS.Timeout | undefined;
const TICK_MS = 1000;

function tick(): void {
  if (streams.size === 0) {
    clearInterval(timer);
    timer = undefined;
    return;
  }
  const now = Date.now();
  for (const { stream } of streams.present()) if (now - stream.lastWriteMs() >= stream.everyMs) stream.write();
}

/** Writes to a stream whenever it was silent for `everyMs`, between start and stop. 0 means never. */
export function keepAlive(stream: QuietStream): { start(): void; stop(): void } {
  const member = { stream, place: ABSENT };
  return {
    start() {
      if (stream.everyMs <= 0) return;
      if (member.place === ABSENT) streams.add(member);
      timer ??= setInterval(tick, TICK_MS).unref();
    },
    stop() {
      // The timer stops at its next turn without a stream: streams may come and go by the millisecond.
      streams.remove(member);
    },
  };
}
