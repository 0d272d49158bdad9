import { run } from '@sallyport/chassis/process';
import { rpcServer } from '@sallyport/chassis/rpc/server';
import { beginService } from '@sallyport/chassis/service';
import { PodService } from '@sallyport/proto/hosting/v1/hosting_pb';
import { AccessReviewService } from '@sallyport/proto/resources/v1/access_review_pb';
import { ResourceService } from '@sallyport/proto/resources/v1/resources_pb';
import { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { connect } from './clients.ts';
import { configSchema } from './config.ts';
import { operatorMetrics } from './metrics.ts';
import { createOperator } from './operator.ts';
import { accessReviewService, CALLERS, podService, resourceService, snapshotService } from './server.ts';
import { openSource } from './source/open.ts';

const SERVICE = 'operator';

run({
  name: SERVICE,
  async start(life) {
    const { config, log, metrics, tls } = await beginService(life, SERVICE, configSchema);
    const { clients, channels } = connect(config, { self: SERVICE, log, metrics });
    for (const channel of channels) await life.use(channel);

    const measured = operatorMetrics(metrics);
    const { source, hosting, election, mayAdminister } = await openSource(config, { log, metrics: measured });
    const operator = await life.use(createOperator({ source, clients, hosting, log, metrics: measured }));
    life.readiness.add('resources', () => source.synced() || 'resources are being read');
    await life.use(source);
    await life.use(hosting);

    const { publisher, observations, leads, observed } = operator;
    await life.use(
      rpcServer({ listen: config.grpc, tls, log, metrics, callers: CALLERS })
        .add(
          SnapshotService,
          snapshotService({ publisher, view: source, observations, leads, onObserved: observed, log }),
        )
        .add(ResourceService, resourceService(source))
        .add(PodService, podService(source, hosting))
        .add(AccessReviewService, accessReviewService(mayAdminister)),
    );
    await life.use(election(operator));
  },
});
