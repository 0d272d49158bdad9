import type { GatewayError } from '@sallyport/chassis/errors';

/** How long one call of a provider may go on. */
export interface CallScope {
  /** Ends with the turn, when the time is over, or by `abort`. */
  readonly signal: AbortSignal;
  abort(error: GatewayError): void;
  /** Aborts when no one has closed the scope by then; replaces the time set before. */
  limit(ms: number, error: () => GatewayError): void;
  /** Lets go of the turn and of the timer. */
  close(): void;
}

/**
 * Binds a call to its turn. One controller and one timer that are let go when the call is over: `AbortSignal.timeout`
 * would keep each call for its whole ten minutes.
 */
export function callScope(turn: AbortSignal): CallScope {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const follow = () => controller.abort(turn.reason);
  if (turn.aborted) follow();
  else turn.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    abort: (error) => controller.abort(error),
    limit(ms, error) {
      clearTimeout(timer);
      timer = setTimeout(() => controller.abort(error()), Math.max(0, ms));
      timer.unref();
    },
    close() {
      clearTimeout(timer);
      turn.removeEventListener('abort', follow);
    },
  };
}
