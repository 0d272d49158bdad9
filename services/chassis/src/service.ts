import type { ZodType, z } from 'zod';
import { adminServer } from './admin.ts';
import {
  type DrainConfig,
  type ListenConfig,
  loadConfig,
  type TlsConfig,
  type TracingConfig,
  tlsOf,
} from './config.ts';
import { createLogger, type Logger } from './log.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import type { Lifecycle } from './process.ts';
import { startTracing, traceFields } from './tracing.ts';

/** What the config of every service has. */
export interface ServiceConfig {
  readonly log: { readonly level: NonNullable<Parameters<typeof createLogger>[0]['level']> };
  readonly tracing: TracingConfig;
  readonly admin: ListenConfig;
  readonly tls?: TlsConfig | undefined;
  readonly insecure: boolean;
  readonly drain: DrainConfig;
}

/** What every service begins with. */
export interface ServiceBase<Config> {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Absent where the config says `insecure`. */
  readonly tls: TlsConfig | undefined;
}

/** Reads the config and starts what every service has: log, metrics, tracing, the admin port. Throws ConfigError. */
export async function beginService<S extends ZodType<ServiceConfig>>(
  life: Lifecycle,
  service: string,
  schema: S,
): Promise<ServiceBase<z.output<S>>> {
  const config = loadConfig(schema);
  const log = createLogger({ service, level: config.log.level, context: traceFields });
  life.configure({ log, drain: config.drain });
  const tls = tlsOf(config);
  const metrics = createMetrics(service);
  await life.use(await startTracing(config.tracing, service, log));
  await life.use(adminServer({ ...config.admin, metrics, readiness: life.readiness, build: { service } }));
  return { config, log, metrics, tls };
}
