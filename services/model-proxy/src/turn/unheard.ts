import type { ClientAnswer } from '../http/client-answer.ts';

/** The answer of a turn whose frames are kept for who may read them. */
export function overheard(onFrames: (frames: string) => void): ClientAnswer {
  let started = false;
  return {
    ...unheard(),
    started: () => started,
    frames(frames) {
      started = true;
      onFrames(String(frames));
    },
  };
}

/** The answer of a turn that no client hears: of quarantine, which gets it by gRPC, and of copies. */
export function unheard(): ClientAnswer {
  return {
    gone: () => false,
    onGone() {},
    started: () => false,
    header() {},
    json() {},
    frames() {},
    comment: () => Promise.resolve(),
    end() {},
  };
}
