import { randomFillSync } from 'node:crypto';
import type { JsonValue } from '@sallyport/turn/canonical-json';
import { handle } from '@sallyport/turn/handle';

/** A value that is kept behind a handle. */
export interface HandleRecord {
  /** `h_` and 128 random bits. */
  readonly id: string;
  readonly value: string | number | boolean;
  /** Exposed name of the tool whose result holds the value. */
  readonly from: string;
  /**
   * JSON pointer into the tool's structured result, or into the answer where the value does not stand in that. For the
   * gate's own use: it may hold words of the content.
   */
  readonly path: string;
  /** The path that the model is shown, which holds none. */
  readonly shownPath: string;
}

/** A handle as the model sees it. */
export function shownHandle({ id, value, from, shownPath }: HandleRecord): JsonValue {
  return { ...handle(id, from, shownPath), type: typeof value };
}

const ID_BYTES = 16;
const pool = Buffer.alloc(ID_BYTES * 256);
let at = pool.length;

/** Makes the id of a new handle. */
export function newHandleId(): string {
  if (at === pool.length) {
    randomFillSync(pool);
    at = 0;
  }
  at += ID_BYTES;
  return `h_${pool.toString('base64url', at - ID_BYTES, at)}`;
}
