import type { BatchInput } from '../batches/lines.ts';
import type { JsonObject } from '../chat/message.ts';
import type { Owner, Page } from '../responses/kept.ts';

/** A file that is stored at a provider, under an id of ours. */
export interface KeptFile {
  readonly id: string;
  /** The ModelProvider at whose account it is, by name and by uid. */
  readonly provider: string;
  readonly providerUid: string;
  /** Its id there, which no client is told. */
  readonly providerId: string;
  readonly purpose: string;
  /** As the client is told it. */
  readonly told: JsonObject;
  /** What the run was tainted by in which it was made; absent: nothing. */
  readonly sources?: readonly string[];
  /** What its lines ask for, where it is for a batch. */
  readonly batch?: BatchInput & { readonly targetModel: string };
}

/** Some files of a list, and whether there are more. */
export interface FilePage {
  readonly files: readonly KeptFile[];
  readonly more: boolean;
}

/** Where it is kept whose a file is. What is not of the owner, or has expired, does not exist: undefined, or false. */
export interface FileStore {
  keep(owner: Owner, file: KeptFile): Promise<void>;
  /** A file, which lives on from its last use. */
  find(owner: Owner, id: string): Promise<KeptFile | undefined>;
  list(owner: Owner, page: Page, purpose?: string): Promise<FilePage>;
  remove(owner: Owner, id: string): Promise<boolean>;
  /** Deletes some of what expired before `nowMs` and answers how many rows went. */
  sweep(nowMs: number): Promise<number>;
}

/** Ids of ours: OpenAI's prefix, and more than can be guessed. */
export const OWN_FILE_ID = /^file-[0-9a-f]{32}$/;
