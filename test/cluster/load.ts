import { setTimeout as pause } from 'node:timers/promises';

/** What clients were told was done. */
export interface Load {
  /** Trajectory ids of model calls that were answered in full. */
  readonly acknowledged: readonly string[];
  /** The same for tool calls. */
  readonly toolCalls: readonly string[];
  readonly attempted: number;
  /** Longest time without an answer, milliseconds. */
  longestGapMs(): number;
  /** Ends the load; resolves when the last call has. */
  stop(): Promise<void>;
}

const EVERY_MS = 120;

/** A light load through the Ingress: a model call every 120 ms, each fourth time a tool call too, one after the other. */
export function startLoad(endpoint: string, key: string): Load {
  const acknowledged: string[] = [];
  const toolCalls: string[] = [];
  let attempted = 0;
  let longest = 0;
  let last = Date.now();
  let running = true;

  const post = async (
    path: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<string | undefined> => {
    attempted += 1;
    try {
      const response = await fetch(`${endpoint}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(10_000),
      });
      const text = await response.text();
      if (!response.ok || /"isError":true|"error":\{/.test(text)) return undefined;
      longest = Math.max(longest, Date.now() - last);
      last = Date.now();
      return response.headers.get('sallyport-trajectory') ?? undefined;
    } catch {
      return undefined;
    }
  };
  const loop = async () => {
    for (let turn = 0; running; turn += 1) {
      const messages = [{ role: 'user', content: `Say ${turn}` }];
      const run = await post('/v1/chat/completions', { model: 'demo-echo', messages });
      if (run !== undefined) acknowledged.push(run);
      if (turn % 4 === 0) {
        const params = { name: 'calendar__list_events', arguments: {} };
        const accept = { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' };
        const call = await post('/mcp', { jsonrpc: '2.0', id: turn + 1, method: 'tools/call', params }, accept);
        if (call !== undefined) toolCalls.push(call);
      }
      await pause(EVERY_MS);
    }
  };
  const done = loop();
  return {
    acknowledged,
    toolCalls,
    get attempted() {
      return attempted;
    },
    longestGapMs: () => Math.max(longest, Date.now() - last),
    async stop() {
      running = false;
      await done;
    },
  };
}

/** A record as the admin API tells it. */
export interface AdminRecord {
  readonly kind: string;
  readonly outcome: string;
}

/** Asks the admin API. Rejects when it does not answer 200. */
export async function admin<T>(endpoint: string, key: string, path: string): Promise<T> {
  const response = await fetch(`${endpoint}/admin/v1/${path}`, {
    headers: { authorization: `Bearer ${key}` },
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

/** Which of these runs the admin API has no record of that kind with outcome ok for. */
export async function missingRecords(
  endpoint: string,
  key: string,
  runs: readonly string[],
  kind: string,
): Promise<string[]> {
  const missing: string[] = [];
  const queue = [...runs];
  const worker = async () => {
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      const { records } = await admin<{ records: AdminRecord[] }>(endpoint, key, `trajectories/${id}`).catch(() => ({
        records: [] as AdminRecord[],
      }));
      if (!records.some((record) => record.kind === kind && record.outcome === 'ok')) missing.push(id);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return missing;
}
