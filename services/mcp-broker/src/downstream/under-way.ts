import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Id } from './message.ts';

/** Requests of the older line that are being answered here, so that their clients can cancel them (`notifications/cancelled`). */
export interface UnderWay {
  /** A request begins; returns what says that it has ended. */
  begin(whose: Principal, session: string, id: Id, cancel: () => void): () => void;
  /**
   * Cancels a request of this principal and session. Nothing happens where there is none, as when another replica answers
   * it, or where there are several: without a session, two clients of one key may both call theirs 1.
   */
  cancel(whose: Principal, session: string, id: unknown): boolean;
}

/** Makes it, for one replica. */
export function requestsUnderWay(): UnderWay {
  const open = new Map<string, Set<() => void>>();
  return {
    begin(whose, session, id, cancel) {
      const key = keyOf(whose, session, id);
      const same = open.get(key) ?? new Set();
      open.set(key, same.add(cancel));
      return () => {
        same.delete(cancel);
        if (same.size === 0) open.delete(key);
      };
    },
    cancel(whose, session, id) {
      if (typeof id !== 'string' && !Number.isSafeInteger(id)) return false;
      const same = open.get(keyOf(whose, session, id as Id));
      if (same?.size !== 1) return false;
      for (const cancel of same) cancel();
      return true;
    },
  };
}

function keyOf({ tenant, id: principal, user }: Principal, session: string, id: Id): string {
  return `${tenant}\n${principal}\n${user}\n${session}\n${typeof id}\n${id}`;
}
