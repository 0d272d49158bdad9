import type { EndSignal } from './ending.ts';
import { GatewayError } from './errors.ts';

/** Milliseconds from now to a deadline (epoch ms), never below 0; Infinity stays Infinity. */
export function remainingMs(deadlineMs: number): number {
  return Math.max(0, deadlineMs - Date.now());
}

/** The deadline (epoch ms) moved earlier by `ms`, so that a sub-call's timeout can still be reported by its caller. */
export function shave(deadlineMs: number, ms: number): number {
  return deadlineMs - ms;
}

/** The time (epoch ms) that lies `ms` from now. */
export function deadlineIn(ms: number): number {
  return Date.now() + ms;
}

/** A signal that fires when the given one does (with its reason) or after `ms` with `deadline_exceeded`. */
export function withTimeout(signal: AbortSignal | undefined, ms: number): AbortSignal {
  const timeout = new AbortController();
  const timer = setTimeout(
    () => timeout.abort(new GatewayError('deadline_exceeded', `Gave up after ${ms} ms.`)),
    Math.min(ms, 2_147_483_647),
  );
  timer.unref();
  if (signal === undefined) return timeout.signal;
  const stop = () => {
    clearTimeout(timer);
    timeout.abort(signal.reason);
  };
  if (signal.aborted) stop();
  else {
    signal.addEventListener('abort', stop, { once: true });
    // Without this a long-lived parent signal would keep one listener for every past call.
    timeout.signal.addEventListener('abort', () => signal.removeEventListener('abort', stop), { once: true });
  }
  return timeout.signal;
}

/** Waits `ms`; rejects with the signal's reason as soon as it fires. */
export function sleep(ms: number, signal?: EndSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(reasonOf(signal));
    const onAbort = () => {
      clearTimeout(timer);
      reject(reasonOf(signal as EndSignal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Rejects with `deadline_exceeded` when the promise takes longer than `ms`; the promise itself is not stopped. */
export async function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new GatewayError('deadline_exceeded', `${what} took more than ${ms} ms.`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What a promise gives, or a rejection with the signal's reason as soon as it fires; the promise itself is not stopped. */
export function orEnded<T>(promise: Promise<T>, signal: EndSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(reasonOf(signal));
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Why a signal fired, as an error that may be thrown. */
export function reasonOf(signal: Pick<EndSignal, 'reason'>): Error {
  return signal.reason instanceof GatewayError
    ? signal.reason
    : new GatewayError('cancelled', 'The call was cancelled.', { cause: signal.reason });
}
