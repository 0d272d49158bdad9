import type { Health } from '@sallyport/proto/grpc/health';
import { HealthCheckResponse_ServingStatus as Status } from '@sallyport/proto/grpc/health';
import { GatewayError } from '../errors.ts';
import type { ServiceImpl } from './types.ts';

/** The health service of one server and the switch behind it. */
export interface HealthState {
  readonly impl: ServiceImpl<typeof Health>;
  /** Turns every service of the server to SERVING or NOT_SERVING. */
  set(serving: boolean): void;
}

/** Makes the gRPC health service (grpc.health.v1) for the named services; the empty name is the server itself. */
export function healthState(services: ReadonlySet<string>): HealthState {
  let serving = false;
  const listeners = new Set<() => void>();
  const statusOf = (service: string) => {
    if (service !== '' && !services.has(service)) return undefined;
    return serving ? Status.SERVING : Status.NOT_SERVING;
  };
  return {
    set(next) {
      serving = next;
      for (const listener of listeners) listener();
    },
    impl: {
      async check(request) {
        const status = statusOf(request.service);
        if (status === undefined) throw new GatewayError('not_found', 'This server has no such service.');
        return { status };
      },
      async *watch(request, context) {
        let wake: () => void = () => undefined;
        const listener = () => wake();
        listeners.add(listener);
        context.signal.addEventListener('abort', listener);
        try {
          let last: Status | undefined;
          while (!context.signal.aborted) {
            const changed = new Promise<void>((resolve) => {
              wake = resolve;
            });
            const status = statusOf(request.service) ?? Status.SERVICE_UNKNOWN;
            if (status !== last) yield { status };
            last = status;
            await changed;
          }
        } finally {
          listeners.delete(listener);
          context.signal.removeEventListener('abort', listener);
        }
      },
    },
  };
}
