import type { AdminGet } from '../admin-client.ts';
import { CommandError } from '../arguments.ts';
import type { RunView } from '../run-view.ts';

/** How much of the past is looked at. */
export interface Span {
  /** Epoch milliseconds; runs that ended before are left out. */
  readonly sinceMs: number;
  /** Most runs. */
  readonly limit: number;
  /** Told where there are more. */
  readonly onMore?: () => void;
}

const PAGE = 100;

/** Runs with their records, newest first, one at a time, since a run may be large. */
export async function* recordedRuns(get: AdminGet, { sinceMs, limit, onMore }: Span): AsyncGenerator<RunView> {
  let pageToken = '';
  let seen = 0;
  while (seen < limit) {
    const query = { pageSize: String(Math.min(PAGE, limit - seen)), ...(pageToken === '' ? {} : { pageToken }) };
    const page = (await get('trajectories', query)) as {
      items: Omit<RunView, 'records'>[];
      nextPageToken: string | null;
    };
    for (const { id, lastAt } of page.items) {
      seen++;
      if (Date.parse(lastAt) >= sinceMs) yield (await get(`trajectories/${encodeURIComponent(id)}`)) as RunView;
    }
    // Pages go by when runs began, so an older one may still go on: only a page of old ones ends the search.
    const old = page.items.every(
      ({ startedAt, lastAt }) => Date.parse(startedAt) < sinceMs && Date.parse(lastAt) < sinceMs,
    );
    if (page.nextPageToken === null || page.items.length === 0 || old) return;
    pageToken = page.nextPageToken;
  }
  onMore?.();
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `24h`, `30m`, `7d` as milliseconds. Throws CommandError. */
export function spanMs(text: string): number {
  const [, amount, unit = ''] = /^([1-9]\d{0,5})([smhd])$/.exec(text) ?? [];
  if (amount === undefined) throw new CommandError(`--since wants a time such as 24h or 7d, not ${text}`);
  return Number(amount) * (UNITS[unit] ?? 0);
}
