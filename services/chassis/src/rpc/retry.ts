import { remainingMs, sleep } from '../deadline.ts';
import { GatewayError } from '../errors.ts';
import type { CallOptions } from './types.ts';

/** How many retries are left: each call earns a tenth, each retry costs one, so that retries never double a load. */
export interface RetryBudget {
  earn(): void;
  spend(): boolean;
}

const ATTEMPTS = 3;
const BACKOFF_MS = 20;
const BUDGET = 10;

/** Makes a full retry budget. */
export function retryBudget(): RetryBudget {
  let tokens = BUDGET;
  return {
    earn() {
      tokens = Math.min(BUDGET, tokens + 0.1);
    },
    spend() {
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}

/** Tries again, within the same deadline, what failed because the peer could not be reached. */
export async function retrying<T>(
  attempt: (timeoutMs: number) => Promise<T>,
  options: CallOptions,
  budget: RetryBudget,
): Promise<T> {
  const deadlineMs = Date.now() + options.timeoutMs;
  for (let tried = 1; ; tried++) {
    try {
      return await attempt(remainingMs(deadlineMs));
    } catch (error) {
      const retry = error instanceof GatewayError && error.code === 'unavailable' && error.retryAfterMs === undefined;
      const pause = BACKOFF_MS * 2 ** (tried - 1) * (0.5 + Math.random());
      if (!retry || tried >= ATTEMPTS || remainingMs(deadlineMs) <= pause || !budget.spend()) throw error;
      await sleep(pause, options.signal);
    }
  }
}
