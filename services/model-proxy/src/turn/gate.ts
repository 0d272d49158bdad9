import type { Logger } from '@sallyport/chassis/log';
import type { AccessCache } from '@sallyport/peers/access';
import type { Credentials } from '@sallyport/peers/credentials';
import type { Ingress } from '@sallyport/peers/ingress';
import type { Limits } from '@sallyport/peers/limits';
import type { Principals } from '@sallyport/peers/principals';
import type { Recorder } from '@sallyport/peers/records';
import type { Snapshot } from '@sallyport/peers/snapshot';
import type { Digest, Sha256 } from '@sallyport/turn';
import type { BatchStore } from '../batches/kept.ts';
import type { AnswerCache } from '../cache/answer-cache.ts';
import type { Catalog } from '../catalog.ts';
import type { Clients } from '../clients.ts';
import type { Config } from '../config.ts';
import type { FileStore } from '../files/kept.ts';
import type { ProxyMetrics } from '../metrics.ts';
import type { ResponseStore } from '../responses/kept.ts';
import type { RoutingState } from '../routing/state.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Memory } from './memory.ts';

/** Everything outside of a turn that its stages use. One for the process. */
export interface Gate {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: ProxyMetrics;
  readonly snapshot: Snapshot;
  readonly catalog: Catalog;
  readonly ingress: Ingress;
  readonly principals: Principals;
  readonly access: AccessCache;
  readonly credentials: Credentials;
  readonly limits: Limits;
  readonly recorder: Recorder;
  readonly upstream: Upstream;
  readonly routing: RoutingState;
  readonly memory: Memory;
  /** Undefined where this process has no database: then no file and no batch is kept. */
  readonly files: FileStore | undefined;
  readonly batches: BatchStore | undefined;
  /** Undefined where this process has no database: then no response is kept. */
  readonly responses: ResponseStore | undefined;
  readonly cache: AnswerCache;
  readonly clients: Pick<Clients, 'decisions' | 'approvals' | 'trajectories' | 'quarantine' | 'tools' | 'turns'>;
  /** Keyed digest of content, and plain SHA-256. */
  readonly digest: Digest;
  readonly sha256: Sha256;
}
