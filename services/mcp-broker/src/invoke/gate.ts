import type { Logger } from '@sallyport/chassis/log';
import type { AccessCache } from '@sallyport/peers/access';
import type { Ingress } from '@sallyport/peers/ingress';
import type { Limits } from '@sallyport/peers/limits';
import type { Principals } from '@sallyport/peers/principals';
import type { Recorder } from '@sallyport/peers/records';
import type { Snapshot } from '@sallyport/peers/snapshot';
import type { Digest } from '@sallyport/turn';
import type { Catalog } from '../catalog/catalog.ts';
import type { ListFor } from '../catalog/look-for.ts';
import type { Toolsets } from '../catalog/toolsets.ts';
import type { Clients } from '../clients.ts';
import type { Config } from '../config.ts';
import type { RequestStates } from '../downstream/request-state.ts';
import type { Once } from '../execute/run-once.ts';
import type { ToolRunner } from '../execute/run-tool.ts';
import type { BrokerMetrics } from '../metrics.ts';
import type { OfferingCatalog } from '../offerings/catalog.ts';
import type { SubscriptionStore } from '../offerings/subscription-store.ts';
import type { Sampler } from '../sampling/sample.ts';
import type { WaitingCalls } from './ask.ts';
import type { Memory } from './memory.ts';
import type { SeenRuns } from './seen-runs.ts';

/** Everything outside of a tool call that its stages use. One for the process. */
export interface Gate {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: BrokerMetrics;
  readonly snapshot: Pick<Snapshot, 'seen' | 'onChange'>;
  readonly catalog: Catalog;
  readonly ingress: Ingress;
  readonly principals: Principals;
  readonly access: AccessCache;
  readonly limits: Pick<Limits, 'reserve'>;
  readonly recorder: Pick<Recorder, 'append' | 'commit'>;
  readonly runner: ToolRunner;
  readonly once: Once;
  readonly listFor: ListFor;
  readonly toolsets: Toolsets;
  /** What servers have besides tools. */
  readonly offerings: OfferingCatalog;
  /** Which resources sessions are subscribed to. */
  readonly subscriptions: SubscriptionStore;
  /** Has models asked for tool servers; absent: none may. */
  readonly sampler?: Sampler | undefined;
  readonly memory: Memory;
  readonly runs: SeenRuns;
  readonly clients: Pick<Clients, 'decisions' | 'trajectories' | 'quarantine' | 'approvals'>;
  /** What ends what would go on for long, when the process stops. */
  readonly ending: (() => Promise<void>)[];
  /** How many calls wait for people now. */
  readonly waiting: WaitingCalls;
  /** Seals what clients hand back. */
  readonly states: RequestStates;
  /** Keyed digest of content, the same as model-proxy's. */
  readonly digest: Digest;
}
