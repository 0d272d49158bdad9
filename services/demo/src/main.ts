import { adminServer } from '@sallyport/chassis/admin';
import { createApp, httpServer } from '@sallyport/chassis/http/server';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { run } from '@sallyport/chassis/process';
import { readConfig, readKey } from './config.ts';
import { modelCallCounter } from './metrics.ts';
import { demoRoutes } from './server.ts';
import { openCalendar } from './tools/calendar.ts';
import { openMailbox } from './tools/mailbox.ts';

run({
  name: 'demo',
  start: async (life) => {
    const config = readConfig();
    const log = createLogger({ service: 'demo', level: config.log.level });
    life.configure({ log, drain: config.drain });
    const metrics = createMetrics('demo');
    const build = { service: 'demo', version: '0.1.0' };
    await life.use(adminServer({ ...config.admin, metrics, readiness: life.readiness, build }));

    const app = createApp({
      log,
      metrics,
      renderError: (error, _req, res) => {
        res.status(error.status).json({ error: { code: error.code, message: error.message } });
      },
    });
    app.use(
      demoRoutes({
        key: readKey(config),
        mailbox: openMailbox(),
        calendar: openCalendar(),
        count: modelCallCounter(metrics),
        stopping: life.signal,
        report: (error) => log.error('a request to the demo failed', { error }),
      }),
    );
    await life.use(httpServer({ listen: config.http, app, log }));
  },
});
