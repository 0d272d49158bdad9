import { asGatewayError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';

/** Sees every call with one answer. */
export interface CallObserver {
  observe<T>(method: string, call: () => Promise<T>): Promise<T>;
}

/** Buckets for calls between services, in seconds. */
export const RPC_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];

/** Measures the calls of one channel and logs when its peer goes away and comes back, not each failure in between. */
export function callObserver(options: {
  readonly target: string;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
}): CallObserver {
  const { log, target } = options;
  const seconds = options.metrics?.histogram(
    'rpc_client_seconds',
    'Time that gRPC calls of this service took, by method and error code.',
    ['method', 'code'],
    RPC_SECONDS,
  );
  let away = false;
  const saw = (code: string, error: unknown) => {
    if (code === 'unavailable') {
      if (!away) log.warn('peer cannot be reached', { target, error });
      away = true;
    } else if (away && code === 'ok') {
      log.info('peer is back', { target });
      away = false;
    }
  };
  return {
    async observe(method, call) {
      const startedAt = performance.now();
      let code = 'ok';
      let fault: unknown;
      try {
        return await call();
      } catch (error) {
        fault = error;
        code = asGatewayError(error).code;
        throw error;
      } finally {
        saw(code, fault);
        seconds?.observe({ method, code }, (performance.now() - startedAt) / 1000);
      }
    },
  };
}
