import type { JsonObject } from '../chat/message.ts';
import type { Owner, Page } from '../responses/kept.ts';

/** A batch that a provider works through, under an id of ours. */
export interface KeptBatch {
  readonly id: string;
  readonly provider: string;
  readonly providerUid: string;
  /** Its id there, which no client is told. */
  readonly providerId: string;
  readonly inputId: string;
  /** The one model that its lines ask, by its public name and by its name there. */
  readonly model: string;
  readonly targetModel: string;
  /** What was taken from limits when it began. */
  readonly taken: { readonly tokens: number; readonly nanoUsd: number };
  /** What its lines, and the run in which it was begun, were tainted by; absent: nothing. */
  readonly sources?: readonly string[];
  /** Files of ours by those of the provider in which it answers. */
  readonly files: Readonly<Record<string, string>>;
  /** As the client was told it last. */
  readonly told: JsonObject;
}

/** Some batches of a list, and whether there are more. */
export interface BatchPage {
  readonly batches: readonly KeptBatch[];
  readonly more: boolean;
}

/** Where it is kept whose a batch is. What is not of the owner, or has expired, does not exist: undefined, or false. */
export interface BatchStore {
  keep(owner: Owner, batch: KeptBatch): Promise<void>;
  find(owner: Owner, id: string): Promise<KeptBatch | undefined>;
  list(owner: Owner, page: Page): Promise<BatchPage>;
  /** Keeps what is known of it now. */
  change(owner: Owner, batch: KeptBatch): Promise<void>;
  /** True for the one who comes first: what a batch took is counted once. */
  settleOnce(owner: Owner, id: string): Promise<boolean>;
  /** Deletes some of what expired before `nowMs` and answers how many rows went. */
  sweep(nowMs: number): Promise<number>;
}
