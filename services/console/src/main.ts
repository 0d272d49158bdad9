import { randomBytes } from 'node:crypto';
import { adminServer } from '@sallyport/chassis/admin';
import { loadConfig, tlsOf } from '@sallyport/chassis/config';
import { httpServer } from '@sallyport/chassis/http/server';
import { readKeyFile } from '@sallyport/chassis/key-file';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { run } from '@sallyport/chassis/process';
import { sealer } from '@sallyport/chassis/seal';
import { startTracing, traceFields } from '@sallyport/chassis/tracing';
import { createIngress } from '@sallyport/peers/ingress';
import { recordedBy } from './admin-record.ts';
import { approvalDesk } from './approvals.ts';
import { door } from './approve/door.ts';
import { approvalPages } from './approve/pages.ts';
import { personSessions } from './approve/person-sessions.ts';
import { createSessions } from './approve/session.ts';
import { keySignIn } from './approve/sign-in.ts';
import { OWN_QUERIES } from './caller.ts';
import { connect } from './clients.ts';
import { configSchema } from './config.ts';
import { ownPages } from './me/pages.ts';
import { allRoutes } from './routes/all.ts';
import { adminApp } from './server.ts';

const SERVICE = 'console';

run({
  name: SERVICE,
  async start(life) {
    const config = loadConfig(configSchema);
    const log = createLogger({ service: SERVICE, level: config.log.level, context: traceFields });
    life.configure({ log, drain: config.drain });
    const tls = tlsOf(config);
    const metrics = createMetrics(SERVICE);
    await life.use(await startTracing(config.tracing, SERVICE, log));
    await life.use(adminServer({ ...config.admin, metrics, readiness: life.readiness, build: { service: SERVICE } }));

    const { clients, component } = connect(config, { self: SERVICE, tls, log, metrics });
    await life.use(component);
    const recorded = recordedBy(clients.records);
    const desk = approvalDesk(clients, recorded);
    const sessionKeys =
      config.sessionKeysFile === undefined
        ? [{ id: 'own', key: randomBytes(32) }]
        : readKeyFile(config.sessionKeysFile);
    const ingress = createIngress(config, { log, metrics }, OWN_QUERIES);
    const publicUrl = config.publicUrl?.replace(/\/+$/, '');
    const opened = door({
      signIn: keySignIn(clients),
      people: personSessions(clients),
      ingress,
      sessions: createSessions(sealer(sessionKeys)),
      alwaysSecure: publicUrl?.startsWith('https:') ?? false,
      publicUrl,
    });
    const app = adminApp({
      routes: allRoutes(clients, recorded, desk),
      pages: [
        approvalPages({ desk, clients, door: opened, requestTimeoutMs: config.requestTimeout }),
        ownPages({
          clients,
          desk,
          door: opened,
          recorded,
          publicUrl,
          requestTimeoutMs: config.requestTimeout,
        }),
      ],
      ingress,
      identity: clients.authentication,
      log,
      metrics,
      requestTimeoutMs: config.requestTimeout,
    });
    await life.use(httpServer({ listen: config.http, app, log }));
    if (config.edge !== undefined) await life.use(httpServer({ ...config.edge, app, log }));
  },
});
