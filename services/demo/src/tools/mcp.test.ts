import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { type RunningDemo, serveDemo } from '../testing.ts';

const KEY = 'demo-tool-key';

describe.each([
  ['2025-11-25', 'legacy' as const],
  ['2026-07-28', { pin: '2026-07-28' }],
])('the tool servers in revision %s', (revision, mode) => {
  let demo: RunningDemo;
  const clients: Client[] = [];

  beforeAll(async () => {
    demo = await serveDemo(KEY);
  });
  afterAll(async () => {
    for (const client of clients) await client.close();
    await demo.close();
  });

  const connect = async (server: string, key = KEY) => {
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
    const requestInit = { headers: { authorization: `Bearer ${key}` } };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${demo.url}/mcp/${server}`), { requestInit }));
    clients.push(client);
    return client;
  };

  it('lists the tools with output schemas and honest annotations', async () => {
    const mailbox = await connect('mailbox');
    expect(mailbox.getNegotiatedProtocolVersion()).toBe(revision);
    const { tools } = await mailbox.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      'list_mails',
      'read_mail',
      'search_mails',
      'send_mail',
      'delete_mail',
    ]);
    expect(tools.every(({ outputSchema }) => outputSchema?.type === 'object')).toBe(true);
    expect(tools.filter(({ annotations }) => annotations?.readOnlyHint).map(({ name }) => name)).toEqual([
      'list_mails',
      'read_mail',
      'search_mails',
    ]);
    const calendar = await connect('calendar');
    expect((await calendar.listTools()).tools.map(({ name }) => name)).toEqual([
      'list_events',
      'find_free_slot',
      'create_event',
    ]);
  });

  it('reads, searches, sends and deletes mails with structured content', async () => {
    const mailbox = await connect('mailbox');
    const call = (name: string, args: Record<string, unknown> = {}) => mailbox.callTool({ name, arguments: args });
    expect((await call('list_mails')).structuredContent).toMatchObject({ count: 5 });
    expect((await call('search_mails', { query: 'invoice' })).structuredContent).toMatchObject({
      mails: [{ id: 'm4' }],
      count: 1,
    });
    expect((await call('read_mail', { id: 'm3' })).structuredContent).toMatchObject({
      body: expect.stringContaining('send_mail'),
    });
    expect(await call('read_mail', { id: 'nope' })).toMatchObject({ isError: true });
    await call('send_mail', { to: 'kim@example.com', subject: 'Hi', body: 'Text' });
    expect((await call('delete_mail', { id: 'm5' })).structuredContent).toEqual({ id: 'm5', deleted: true });

    const sent = await (await fetch(`${demo.url}/mailbox/sent`)).json();
    expect(sent).toMatchObject({ sent: [{ to: 'kim@example.com', subject: 'Hi', body: 'Text' }] });
    expect((await fetch(`${demo.url}/mailbox/reset`, { method: 'POST' })).status).toBe(204);
    expect(await (await fetch(`${demo.url}/mailbox/sent`)).json()).toEqual({ sent: [] });
    expect((await call('list_mails')).structuredContent).toMatchObject({ count: 5 });
  });

  it('refuses arguments that do not fit the schema', async () => {
    const mailbox = await connect('mailbox');
    const outcome = await mailbox
      .callTool({ name: 'send_mail', arguments: { to: 5 } })
      .catch((error: Error) => ({ isError: true, error }));
    expect(outcome.isError).toBe(true);
    expect(demo.mailbox.sent()).toEqual([]);
  });

  it('finds a free slot around what is there and puts an event into it', async () => {
    const calendar = await connect('calendar');
    const call = (name: string, args: Record<string, unknown> = {}) => calendar.callTool({ name, arguments: args });
    const { structuredContent: slot } = await call('find_free_slot', { day: '2026-03-03', minutes: 60 });
    expect(slot).toEqual({ start: '2026-03-03T09:30:00.000Z', end: '2026-03-03T10:30:00.000Z' });
    expect((await call('create_event', { title: 'Call', ...(slot as object) })).structuredContent).toMatchObject({
      id: 'e4',
      attendees: [],
    });
    const next = await call('find_free_slot', { day: '2026-03-03', minutes: 60 });
    expect(next.structuredContent).toMatchObject({ start: '2026-03-03T10:30:00.000Z' });
    expect(await call('find_free_slot', { day: '2026-03-03', minutes: 480 })).toMatchObject({ isError: true });
  });

  it('refuses a wrong key with 401 and a challenge', async () => {
    await expect(connect('mailbox', 'wrong')).rejects.toThrow();
    const answer = await fetch(`${demo.url}/mcp/mailbox`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(await answer.json()).toMatchObject({ jsonrpc: '2.0', error: { code: -32001 } });
  });

  it('refuses a page of a foreign origin', async () => {
    const headers = {
      authorization: `Bearer ${KEY}`,
      'content-type': 'application/json',
      origin: 'https://evil.example',
    };
    expect((await fetch(`${demo.url}/mcp/calendar`, { method: 'POST', headers, body: '{}' })).status).toBe(403);
  });
});
