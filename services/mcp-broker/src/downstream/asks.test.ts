import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import { ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import { type FakeToolServer, startFakeToolServer } from '../../../../test/fakes/tool-server.ts';
import { KEYS, startBroker, type TestBroker, untilTrue } from '../testing/broker.ts';

const send = { name: 'send', run: () => ({ content: [{ type: 'text' as const, text: 'sent' }] }) };
const PENDING = 'a:{"to":"eve@x.example"}';

let server: FakeToolServer;
let broker: TestBroker;
beforeAll(async () => {
  server = await startFakeToolServer({ tools: [send] });
  broker = await startBroker({
    approvals: { wait: '1s', elicitAfter: '50ms', maxWaiting: 3, maxWaitingOfOne: 2 },
    publicUrl: 'https://gw.example',
  });
  await broker.servers({ mail: { remote: { url: server.url }, defaultClass: 'Egress' } });
}, 30_000);
afterAll(async () => {
  await broker?.close();
  await server?.close();
});
beforeEach(() => {
  broker.state.approvals.clear();
  broker.state.decided.length = 0;
  broker.records.length = 0;
  broker.state.decideCall = () => ({ verdict: Action.ASK, rule: 'mail/strangers', reason: 'Strangers get no mail.' });
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly result?: {
    readonly resultType?: string;
    readonly isError?: boolean;
    readonly content?: readonly { readonly text: string }[];
    readonly requestState?: string;
    readonly inputRequests?: Record<string, { readonly params: { readonly mode: string; readonly url: string } }>;
    readonly _meta?: Record<string, { readonly id: string; readonly url: string }>;
  };
  readonly error?: { readonly code: number; readonly data?: { readonly elicitations: readonly { url: string }[] } };
}

const LINKS = { elicitation: { url: {} } };

/** A call by revision 2026-07-28. */
async function call(
  over: {
    readonly capabilities?: object;
    readonly key?: string;
    readonly to?: string;
    readonly params?: object;
    readonly meta?: object;
    readonly signal?: AbortSignal;
    readonly accept?: string;
  } = {},
): Promise<Answer> {
  const { capabilities = {}, key = KEYS.alice, to = 'eve@x.example', params = {}, meta = {}, signal } = over;
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': capabilities,
    ...meta,
  };
  const answer = await fetch(`${broker.url}/mcp`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      accept: over.accept ?? 'application/json',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'mail__send',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'mail__send', arguments: { to }, _meta, ...params },
    }),
    ...(signal ? { signal } : {}),
  });
  const { status, headers } = answer;
  const text = await answer.text();
  const body = text.startsWith('{') ? text : (text.match(/^data: (.*"id":1.*)$/m)?.[1] ?? '{}');
  return { status, headers, text, ...(JSON.parse(body) as object) };
}

const approve = (id = PENDING, state: ApprovalState = ApprovalState.APPROVED) => {
  const held = broker.state.approvals.get(id);
  if (held) held.state = state;
};

describe('a call that a rule asks about', () => {
  it('[mcp:ask-waits] is made when it is approved in time, and once', async () => {
    const before = server.calls.length;
    const waiting = call();
    await untilTrue(() => broker.state.approvals.has(PENDING));
    approve();
    expect((await waiting).result?.content?.[0]?.text).toBe('sent');
    expect(server.calls.length).toBe(before + 1);
    expect((await call()).result?.content?.[0]?.text).toMatch(/^\[approval_required\]/);
    expect(server.calls.length).toBe(before + 1);
    expect(broker.records.find(({ kind }) => kind === Record_Kind.APPROVAL)).toMatchObject({ outcome: 'ok' });
  });

  it('[mcp:ask-explains] that is not answered in time says the rule, the approval and where it is given', async () => {
    const before = server.calls.length;
    const { result } = await call();
    expect(result).toMatchObject({ isError: true, resultType: 'complete' });
    const text = result?.content?.[0]?.text ?? '';
    expect(text).toContain('mail/strangers: Strangers get no mail.');
    expect(text).toContain(`https://gw.example/approve/${encodeURIComponent(PENDING)}`);
    expect(result?._meta?.['sallyport.dev/approval']).toMatchObject({ id: PENDING });
    expect(server.calls.length).toBe(before);
    // The same call made later finds what was granted meanwhile, although it names no run.
    approve();
    expect((await call()).result?.content?.[0]?.text).toBe('sent');
    expect((await call()).result?.isError).toBe(true);
  });

  it('[mcp:ask-exact] is granted for itself alone', async () => {
    await call();
    approve();
    expect((await call({ to: 'mallory@x.example' })).result?.isError).toBe(true);
    expect((await call({ key: KEYS.bob })).result?.isError).toBe(true);
    expect((await call()).result?.content?.[0]?.text).toBe('sent');
  });

  it.each([
    [ApprovalState.REJECTED, 'approval_rejected'],
    [ApprovalState.EXPIRED, 'approval_expired'],
    [ApprovalState.VOID, 'approval_expired'],
    [ApprovalState.UNSPECIFIED, 'approval_expired'],
  ])('[mcp:ask-waits] in state %i is refused', async (state, code) => {
    const waiting = call();
    await untilTrue(() => broker.state.approvals.has(PENDING));
    approve(PENDING, state);
    expect((await waiting).result?.content?.[0]?.text).toContain(`[${code}]`);
  });

  it('[mcp:ask-alive] shows that it waits where the client takes a stream', async () => {
    const { headers, text, result } = await call({
      accept: 'application/json, text/event-stream',
      meta: { progressToken: 'p1' },
    });
    expect(headers.get('content-type')).toContain('text/event-stream');
    expect(headers.get('sallyport-trajectory')).toMatch(/^[0-9a-f-]{36}$/);
    expect(text).toContain('"method":"notifications/progress"');
    expect(text).toContain('"progressToken":"p1"');
    expect(result?.isError).toBe(true);
  });

  it('[mcp:ask-bounded] waits no longer than it may, nor more of them than may wait at once', async () => {
    const began = Date.now();
    const answers = await Promise.all(Array.from({ length: 5 }, (_, index) => call({ to: `w${index}@x.example` })));
    expect(answers.every(({ result }) => result?.isError === true)).toBe(true);
    expect(Date.now() - began).toBeLessThan(3_000);
    const waits = broker.records.filter(({ kind }) => kind === Record_Kind.APPROVAL);
    expect(waits).toHaveLength(5);
    expect(waits.filter(({ durationMs = 0 }) => durationMs >= 900)).toHaveLength(2);
  });

  it('[mcp:ask-gone] stops waiting when the client leaves, and keeps the approval', async () => {
    const leaving = new AbortController();
    broker.state.awaited.clear();
    const waiting = call({ signal: leaving.signal }).catch(() => 'left');
    // Before, the gate may not know yet that it was asked for.
    await untilTrue(() => broker.state.awaited.has(PENDING));
    leaving.abort();
    expect(await waiting).toBe('left');
    await untilTrue(() => broker.records.some(({ kind }) => kind === Record_Kind.APPROVAL));
    expect(broker.state.approvals.get(PENDING)?.state).toBe(ApprovalState.PENDING);
    approve();
    expect((await call()).result?.content?.[0]?.text).toBe('sent');
  });
});

describe('a client that opens links', () => {
  it('[mcp:ask-elicits] is shown the page by input_required, and its consent approves nothing', async () => {
    const first = await call({ capabilities: LINKS });
    expect(first.result?.resultType).toBe('input_required');
    expect(first.result?.inputRequests?.approval?.params).toMatchObject({
      mode: 'url',
      url: `https://gw.example/approve/${encodeURIComponent(PENDING)}`,
    });
    const requestState = first.result?.requestState;
    const back = { requestState, inputResponses: { approval: { action: 'accept' } } };
    const consented = await call({ capabilities: LINKS, params: back });
    expect(consented.result).toMatchObject({ resultType: 'complete', isError: true });
    const waiting = call({ capabilities: LINKS, params: back });
    approve();
    expect((await waiting).result?.content?.[0]?.text).toBe('sent');
  });

  it('[mcp:ask-elicits] does not wait where its user declines', async () => {
    const { result } = await call({ capabilities: LINKS });
    const declined = { requestState: result?.requestState, inputResponses: { approval: { action: 'decline' } } };
    expect((await call({ capabilities: LINKS, params: declined })).result?.content?.[0]?.text).toContain(
      'did not want',
    );
  });

  it('[mcp:ask-state] brings a state back for its own request only', async () => {
    const { result } = await call({ capabilities: LINKS });
    const params = { requestState: result?.requestState };
    const foreign = [
      call({ capabilities: LINKS, params, to: 'other@x.example' }),
      call({ capabilities: LINKS, params, key: KEYS.bob }),
      call({ capabilities: LINKS, params: { requestState: `${result?.requestState}A` } }),
      call({ capabilities: LINKS, params: { requestState: 7 } }),
    ];
    for (const answer of await Promise.all(foreign)) expect(answer.error?.code).toBe(-32602);
  });

  it('[mcp:ask-elicits] of revision 2025-11-25 is shown the page by an error', async () => {
    const post = (body: object, headers: Record<string, string> = {}) =>
      fetch(`${broker.url}/mcp`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${KEYS.carol}`,
          'content-type': 'application/json',
          'mcp-protocol-version': '2025-11-25',
          ...headers,
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...body }),
      });
    const clientInfo = { name: 't', version: '1' };
    const params = { protocolVersion: '2025-11-25', capabilities: LINKS, clientInfo };
    const session = (await post({ method: 'initialize', params })).headers.get('mcp-session-id') ?? '';
    const asked = { method: 'tools/call', params: { name: 'mail__send', arguments: { to: 'eve@x.example' } } };
    const { error } = (await (await post(asked, { 'mcp-session-id': session })).json()) as Answer;
    expect(error).toMatchObject({
      code: -32042,
      data: { elicitations: [{ mode: 'url', elicitationId: PENDING, url: expect.stringContaining('/approve/') }] },
    });
    approve();
    const { result } = (await (await post(asked, { 'mcp-session-id': session })).json()) as Answer;
    expect(result?.content?.[0]?.text).toBe('sent');
  });
});
