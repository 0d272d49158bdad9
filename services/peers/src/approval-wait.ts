import { sleep } from '@sallyport/chassis/deadline';
import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import { type ApprovalService, ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';

/** How long policy is asked to hold one question open; between two the client hears that it is waited for. */
const POLL_MS = 10_000;
/** After an answer that came at once or not at all, so that a wait is no busy loop. */
const PAUSE_MS = 250;

/**
 * Waits until all approvals are decided or over, at most until `untilMs` (epoch milliseconds); answers their states in
 * order, pending ones where time was short. Goes on while policy is away. Rejects when the signal fires.
 */
export async function awaitApprovals(
  client: Pick<Client<typeof ApprovalService>, 'awaitApprovals'>,
  asked: { readonly tenant: string; readonly ids: readonly string[]; readonly untilMs: number },
  wait: {
    readonly signal: AbortSignal;
    readonly log: Logger;
    /** Called before each part of the wait. */
    readonly waits: () => void | Promise<void>;
  },
): Promise<readonly ApprovalState[]> {
  const ids = [...asked.ids];
  let states: readonly ApprovalState[] = ids.map(() => ApprovalState.PENDING);
  for (;;) {
    const left = asked.untilMs - Date.now();
    if (left <= 0 || !states.includes(ApprovalState.PENDING)) return states;
    await wait.waits();
    const began = Date.now();
    try {
      const answer = await client.awaitApprovals(
        { tenant: asked.tenant, ids },
        { timeoutMs: Math.min(POLL_MS, left), signal: wait.signal },
      );
      states = ids.map((_, index) => known(answer.states[index]));
    } catch (error) {
      wait.signal.throwIfAborted();
      wait.log.debug('Approvals could not be awaited', { error });
    }
    if (Date.now() - began < PAUSE_MS) {
      await sleep(Math.min(PAUSE_MS, Math.max(0, asked.untilMs - Date.now())), wait.signal);
    }
  }
}

// What policy does not name is not granted, and nothing that could still be.
function known(state: ApprovalState | undefined): ApprovalState {
  return state === undefined || state === ApprovalState.UNSPECIFIED ? ApprovalState.EXPIRED : state;
}
