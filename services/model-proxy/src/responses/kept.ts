import type { JsonObject } from '../chat/message.ts';

/** Whose something is: all of it has to fit, else it does not exist. */
export interface Owner {
  readonly tenant: string;
  readonly principalId: string;
  /** Empty where nobody stands behind the principal. */
  readonly user: string;
}

/** A response that is kept, with what it answered. */
export interface KeptResponse {
  readonly id: string;
  readonly trajectory: string;
  /** The response that it went on from; '' for none. */
  readonly previousId: string;
  /** The conversation that it is of; '' for none. */
  readonly conversationId: string;
  /** As the client was told it. */
  readonly response: JsonObject;
  /** Items that the request brought, each with an id. */
  readonly input: readonly JsonObject[];
  /** When who runs it in the background was last known to live, in ms since 1970; absent where nobody does. */
  readonly beatMs?: number;
  /** Frames that were told of one that is made in the background as a stream; absent where nobody asked for one. */
  readonly events?: string;
}

/** A conversation, without its items. */
export interface KeptConversation {
  readonly id: string;
  readonly createdAtMs: number;
  readonly metadata: JsonObject;
  /** The run that it is part of; '' before its first response. */
  readonly trajectory: string;
}

/** Which items of a list: those behind the item `after`, at most `limit` of them. */
export interface Page {
  readonly after?: string | undefined;
  readonly order: 'asc' | 'desc';
  readonly limit: number;
}

/** Some items of a list, and whether there are more. */
export interface ItemPage {
  readonly items: readonly JsonObject[];
  readonly more: boolean;
}

/** Where responses and conversations are kept. What is not of the owner, or has expired, does not exist: undefined, or false. */
export interface ResponseStore {
  /** Keeps a response, in the place of one of the same id; what it goes on from lives as long as it does. `contextBytes` is the size of all that led to it. */
  keep(owner: Owner, kept: KeptResponse, contextBytes: number): Promise<void>;
  find(owner: Owner, id: string): Promise<KeptResponse | undefined>;
  /**
   * Changes a response while nobody else does; where `alter` gives undefined it stays. Answers what is kept then. It is given neither
   * the beat nor the events, and those that it does not give stay.
   */
  alter(
    owner: Owner,
    id: string,
    alter: (kept: KeptResponse) => KeptResponse | undefined,
  ): Promise<KeptResponse | undefined>;
  /** Says that who makes a response in the background lives. */
  beat(owner: Owner, id: string): Promise<void>;
  /**
   * A response and all that it went on from, the oldest first, without beats and events. Undefined where one of them is gone. Throws
   * `body_too_large` where together they are larger than `maxBytes`.
   */
  chain(owner: Owner, id: string, maxBytes: number): Promise<readonly KeptResponse[] | undefined>;
  remove(owner: Owner, id: string): Promise<boolean>;
  /** Those of some responses, of whichever tenants, that were cancelled or are gone. */
  ended(asked: readonly { readonly tenant: string; readonly id: string }[]): Promise<readonly string[]>;
  /** Items of responses by their ids. */
  items(owner: Owner, ids: readonly string[]): Promise<ReadonlyMap<string, JsonObject>>;

  openConversation(owner: Owner, conversation: KeptConversation, items: readonly JsonObject[]): Promise<void>;
  conversation(owner: Owner, id: string): Promise<KeptConversation | undefined>;
  /** Sets the metadata anew. */
  describe(owner: Owner, id: string, metadata: JsonObject): Promise<KeptConversation | undefined>;
  removeConversation(owner: Owner, id: string): Promise<boolean>;
  /** Adds items at the end, and the run that they are of where one is named. */
  add(owner: Owner, id: string, items: readonly JsonObject[], trajectory?: string): Promise<boolean>;
  /** Items of a conversation, by pages. */
  page(owner: Owner, id: string, page: Page): Promise<ItemPage | undefined>;
  /** All items of a conversation. Throws `body_too_large` where they are larger than `maxBytes`. */
  all(owner: Owner, id: string, maxBytes: number): Promise<readonly JsonObject[] | undefined>;
  item(owner: Owner, id: string, itemId: string): Promise<JsonObject | undefined>;
  removeItem(owner: Owner, id: string, itemId: string): Promise<boolean>;

  /** Deletes some of what expired before `nowMs` and answers how many rows went. */
  sweep(nowMs: number): Promise<number>;
}
