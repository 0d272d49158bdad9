import { durationMs, nanoUsd } from '@sallyport/custom-resources/fields';
import type { ServerSampling } from '@sallyport/custom-resources/tool-server-sampling';

/** What a request used, or may use. */
export interface SamplingCost {
  readonly tokens: number;
  readonly nanoUsd: number;
}

/** What sampling has used in the window of a server, with what requests under way may come to. */
interface Used {
  readonly untilMs: number;
  requests: number;
  tokens: number;
  nanoUsd: number;
  /** Of a token, by the last request that had a price. */
  price: number;
}

/** What each server may have a model asked, counted for one replica. */
export interface SamplingBudgets {
  /**
   * Reserves one request that may come to so many tokens; undefined where the window of the server has none left. What is
   * returned settles it, once: by what it used, or without an argument by what was reserved.
   */
  take(
    uid: string,
    bounds: ServerSampling,
    tokens: number,
    nowMs?: number,
  ): ((cost?: SamplingCost) => void) | undefined;
}

const MAX_SERVERS = 10_000;

/** Makes the counters. */
export function samplingBudgets(): SamplingBudgets {
  const used = new Map<string, Used>();
  return {
    take(uid, bounds, tokens, nowMs = Date.now()) {
      let held = used.get(uid);
      if (held === undefined || nowMs >= held.untilMs) {
        if (used.size >= MAX_SERVERS) used.delete(used.keys().next().value as string);
        const untilMs = nowMs + durationMs(bounds.window);
        held = { untilMs, requests: 0, tokens: 0, nanoUsd: 0, price: held?.price ?? 0 };
        used.delete(uid);
        used.set(uid, held);
      }
      const spent =
        held.requests >= bounds.requests ||
        (bounds.tokens !== undefined && held.tokens >= bounds.tokens) ||
        (bounds.usd !== undefined && held.nanoUsd >= nanoUsd(bounds.usd));
      if (spent) return undefined;
      const window = held;
      const reserved: SamplingCost = { tokens, nanoUsd: tokens * window.price };
      const add = (cost: SamplingCost, sign: 1 | -1) => {
        window.tokens += sign * cost.tokens;
        window.nanoUsd += sign * cost.nanoUsd;
      };
      window.requests++;
      add(reserved, 1);
      let settled = false;
      return (cost = reserved) => {
        if (settled) return;
        settled = true;
        add(reserved, -1);
        add(cost, 1);
        if (cost !== reserved && cost.tokens > 0 && cost.nanoUsd > 0) window.price = cost.nanoUsd / cost.tokens;
      };
    },
  };
}
