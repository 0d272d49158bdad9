import { CODES, type Revision } from '../protocol.ts';
import { RpcFault } from './message.ts';

/** How long a list may be kept by its one reader; a definition that is held must be gone soon. */
export const LIST_TTL_MS = 10_000;

/** A list of which a page is told: its entries in ascending order of their names, which are unique. */
export interface Listed<T> {
  readonly entries: readonly T[];
  readonly nameOf: (entry: T) => string;
  /** Says in a cursor of which list it is. */
  readonly mark: string;
}

/**
 * One page of a principal's list, and the cursor of the next. A cursor names the last entry of the page before, so that a
 * changed list is no fault; what it names is looked up in the list of who brings it. Throws RpcFault for another list's.
 */
export function pageOf<T>(listed: Listed<T>, cursor: unknown, size: number) {
  const { entries, nameOf, mark } = listed;
  const from = startOf(listed, cursor);
  const page = entries.slice(from, from + size);
  const last = page.at(-1);
  const more = last !== undefined && from + size < entries.length;
  return { page, next: more ? { nextCursor: nextCursor(mark, nameOf(last)) } : {} };
}

/** Where in a list the page begins that a cursor names: at the first name beyond. Throws RpcFault for another list's. */
export function startOf<T>({ entries, nameOf, mark }: Listed<T>, cursor: unknown): number {
  if (cursor === undefined) return 0;
  const after = readCursor(cursor, mark);
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (nameOf(entries[middle] as T) > after) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The cursor of the page behind an entry. */
export function nextCursor(mark: string, name: string): string {
  return Buffer.from(`${mark}:${name}`).toString('base64url');
}

/** What revision 2026-07-28 says of how long an answer may be kept, and by whom: its one reader. */
export function kept(revision: Revision, ttlMs: number): object {
  return revision.era === 'modern' ? { ttlMs, cacheScope: 'private' } : {};
}

function readCursor(cursor: unknown, mark: string): string {
  const text = typeof cursor === 'string' ? Buffer.from(cursor, 'base64url').toString() : '';
  if (!text.startsWith(`${mark}:`)) throw new RpcFault(CODES.invalidParams, 'This cursor was not issued here.');
  return text.slice(mark.length + 1);
}
