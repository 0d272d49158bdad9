import type { WatchResponse } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { KINDS, type PolicyKind } from './units.ts';

/** The fields of a resource that are kept: plain data, so that it can be stored as JSON. */
export interface HeldItem {
  readonly tenant: string;
  readonly name: string;
  readonly uid: string;
  readonly specJson: string;
  readonly contentHash: string;
  readonly createdAtMs: number;
}

/** All resources of one kind at one revision, by UID. */
export interface HeldKind {
  readonly revision: string;
  readonly items: ReadonlyMap<string, HeldItem>;
}

/** What was received so far; a kind that was never received is absent. */
export type Held = ReadonlyMap<PolicyKind, HeldKind>;

/** Tells whether every kind was received. */
export function isComplete(held: Held): boolean {
  return KINDS.every((kind) => held.has(kind));
}

/** Applies one message of the stream. A change of a kind that was never received whole changes nothing. */
export function applyMessage(held: Held, message: WatchResponse): Held {
  const kind = KINDS.find((one) => one === message.kind);
  if (kind === undefined) return held;
  const before = held.get(kind);
  if (before === undefined && !message.full) return held;
  const items = new Map(message.full ? [] : before?.items);
  for (const { uid } of message.removals) items.delete(uid);
  for (const { tenant, name, uid, specJson, contentHash, createdAtMs } of message.upserts) {
    items.set(uid, { tenant, name, uid, specJson, contentHash, createdAtMs });
  }
  return new Map(held).set(kind, { revision: message.revision, items });
}
