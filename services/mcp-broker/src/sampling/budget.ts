import { durationMs, nanoUsd } from '@sallyport/custom-resources/fields';
import type { ServerSampling } from '@sallyport/custom-resources/tool-server-sampling';

/** What sampling has used in the window of a server. */
interface Used {
  readonly untilMs: number;
  requests: number;
  tokens: number;
  nanoUsd: number;
}

/** What each server may have a model asked, counted for one replica. */
export interface SamplingBudgets {
  /** Takes one request; false where the window of the server has none left. */
  take(uid: string, bounds: ServerSampling, nowMs?: number): boolean;
  /** What a request has cost. */
  settle(uid: string, cost: { readonly tokens: number; readonly nanoUsd: number }): void;
}

const MAX_SERVERS = 10_000;

/** Makes the counters. */
export function samplingBudgets(): SamplingBudgets {
  const used = new Map<string, Used>();
  return {
    take(uid, bounds, nowMs = Date.now()) {
      let held = used.get(uid);
      if (held === undefined || nowMs >= held.untilMs) {
        if (used.size >= MAX_SERVERS) used.delete(used.keys().next().value as string);
        held = { untilMs: nowMs + durationMs(bounds.window), requests: 0, tokens: 0, nanoUsd: 0 };
        used.delete(uid);
        used.set(uid, held);
      }
      const spent =
        held.requests >= bounds.requests ||
        (bounds.tokens !== undefined && held.tokens >= bounds.tokens) ||
        (bounds.usd !== undefined && held.nanoUsd >= nanoUsd(bounds.usd));
      if (!spent) held.requests++;
      return !spent;
    },
    settle(uid, cost) {
      const held = used.get(uid);
      if (held === undefined) return;
      held.tokens += cost.tokens;
      held.nanoUsd += cost.nanoUsd;
    },
  };
}
