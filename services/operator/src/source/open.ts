import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { Config } from '../config.ts';
import { folderHosting, type Hosting } from '../hosting/hosting.ts';
import type { MayAdminister } from '../kube/access-review.ts';
import type { OperatorMetrics } from '../metrics.ts';
import type { Operator } from '../operator.ts';
import { folderSource } from './folder.ts';
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
export async function openSource(
  config: Config,
  options: { readonly log: Logger; readonly metrics: OperatorMetrics },
): Promise<Opened> {
  const { log } = options;
  if (config.cluster !== undefined) {
    // Loaded only where there is a cluster: the API server's client alone is 25 MB of heap.
    const { openCluster } = await import('./open-cluster.ts');
    return openCluster(config.cluster, options);
  }
  if (config.folder === undefined) throw new Error('neither folder nor cluster is given');
  return {
    source: folderSource({ ...config.folder, log }),
    hosting: folderHosting(),
    election: (operator) => ({ name: 'leadership', start: () => operator.lead(true) }),
    mayAdminister: async () => false,
  };
}
