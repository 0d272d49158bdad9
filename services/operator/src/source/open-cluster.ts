import { randomUUID } from 'node:crypto';
import { podFacts, readSecretFile } from '@sallyport/chassis/config';
import { kubeApi } from '@sallyport/chassis/kube/api';
import type { Logger } from '@sallyport/chassis/log';
import type { ClusterConfig } from '../config.ts';
import { clusterHosting } from '../hosting/cluster.ts';
import { noHosting } from '../hosting/hosting.ts';
import { accessReview } from '../kube/access-review.ts';
import { eventRecorder } from '../kube/events.ts';
import { leaderElection } from '../kube/leader-election.ts';
import type { OperatorMetrics } from '../metrics.ts';
import { kubeSource } from './kube.ts';
import type { Opened } from './open.ts';

/** Opens a cluster, where one of several replicas leads. */
export function openCluster(
  config: ClusterConfig,
  { log, metrics }: { log: Logger; metrics: OperatorMetrics },
): Opened {
  const { watchNamespaces, leaderElection: election, hosting } = config;
  const { pod, namespace } = podFacts();
  const api = kubeApi(config.kubeconfigFile);
  const events = eventRecorder({ api, instance: pod, log });
  const hostingIn = ({ egressKeyFile, proxy, maxPerNamespace, max, ...facts }: NonNullable<ClusterConfig['hosting']>) =>
    clusterHosting({
      api,
      watchNamespaces,
      facts: { ...facts, namespace, egressKey: readSecretFile(egressKeyFile) },
      proxy,
      maxPerNamespace,
      max,
      log,
    });
  return {
    mayAdminister: accessReview(api),
    hosting: hosting === undefined ? noHosting() : hostingIn(hosting),
    source: kubeSource({ api, events, watchNamespaces, log, onRestart: metrics.watchRestarted }),
    election: (operator) =>
      leaderElection({
        api,
        namespace,
        name: election.lease,
        identity: `${pod}_${randomUUID()}`,
        durationMs: election.durationSeconds * 1000,
        renewMs: election.renewSeconds * 1000,
        retryMs: election.retrySeconds * 1000,
        onLead: () => operator.lead(true),
        onRelease: () => operator.lead(false),
        // Two that both think they lead would write over each other: the process ends and comes back as a follower.
        onLost: () => {
          throw new Error('leadership was lost');
        },
        log,
      }),
  };
}
