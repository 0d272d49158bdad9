import { randomUUID } from 'node:crypto';
import { podFacts, readSecretFile } from '@sallyport/chassis/config';
import { kubeApi } from '@sallyport/chassis/kube/api';
import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { ClusterConfig, Config } from '../config.ts';
import { clusterHosting } from '../hosting/cluster.ts';
import { folderHosting, type Hosting, noHosting } from '../hosting/hosting.ts';
import { accessReview, type MayAdminister } from '../kube/access-review.ts';
import { eventRecorder } from '../kube/events.ts';
import { leaderElection } from '../kube/leader-election.ts';
import type { OperatorMetrics } from '../metrics.ts';
import type { Operator } from '../operator.ts';
import { folderSource } from './folder.ts';
import { kubeSource } from './kube.ts';
import type { Source } from './source.ts';

/** A source and how it is decided which replica leads. */
export type Opened = {
  readonly source: Source;
  readonly hosting: Hosting;
  readonly election: (operator: Pick<Operator, 'lead'>) => Component;
  /** Whom the cluster makes an admin of a tenant; without a cluster nobody. */
  readonly mayAdminister: MayAdminister;
};

/** Opens what the config says: a folder, whose one process always leads, or a cluster. */
export function openSource(
  config: Config,
  options: { readonly log: Logger; readonly metrics: OperatorMetrics },
): Opened {
  const { log } = options;
  if (config.cluster !== undefined) return openCluster(config.cluster, options);
  if (config.folder === undefined) throw new Error('neither folder nor cluster is given');
  return {
    source: folderSource({ ...config.folder, log }),
    hosting: folderHosting(),
    election: (operator) => ({ name: 'leadership', start: () => operator.lead(true) }),
    mayAdminister: async () => false,
  };
}

function openCluster(config: ClusterConfig, { log, metrics }: { log: Logger; metrics: OperatorMetrics }): Opened {
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
