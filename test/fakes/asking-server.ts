import { type FakeToolServer, startFakeToolServer } from './tool-server.ts';

/** What a played server asks, for a test to change. */
export interface Asking {
  /** Requests by key. */
  requests: Record<string, object>;
  /** How often it asks before it has enough. */
  rounds: number;
  /** Params of the calls that came. */
  readonly came: Record<string, unknown>[];
}

/** A server of 2026-07-28 whose tool `ask` wants input first, and gives back as text what it was told. */
export function startAskingServer(asking: Asking): Promise<FakeToolServer> {
  return startFakeToolServer({
    tools: [{ name: 'ask', run: () => ({ content: [] }) }],
    revisions: '2026-07-28',
    before({ json }) {
      const { method, id, params } = (json ?? {}) as {
        method?: string;
        id?: number;
        params?: Record<string, unknown>;
      };
      if (method !== 'tools/call' || params === undefined) return undefined;
      asking.came.push(params);
      const round = Number(params.requestState ?? 0);
      const done = { resultType: 'complete', content: [{ type: 'text', text: JSON.stringify(params.inputResponses) }] };
      const { requests: inputRequests, rounds } = asking;
      const asked = { resultType: 'input_required', inputRequests, requestState: String(round + 1) };
      return { status: 200, body: { jsonrpc: '2.0', id, result: round < rounds ? asked : done } };
    },
  });
}
