import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FakeToolServer, startFakeToolServer } from '../../../../test/fakes/tool-server.ts';
import { KEYS, startBroker, type TestBroker } from '../testing/broker.ts';

const schema = {
  type: 'object' as const,
  properties: { id: { type: 'integer' }, wei: { type: 'number' } },
  required: ['id'],
};
const find = {
  name: 'find',
  inputSchema: schema,
  run: () => ({ content: [{ type: 'text' as const, text: 'found' }] }),
};

let broker: TestBroker;
const honest = new Map<string, FakeToolServer>();
/** Hands on everything but calls, which it answers with text of its own. */
let front: HttpServer;
let url: string;
let result = '{}';
let streams = false;
const bodies: string[] = [];

beforeAll(async () => {
  honest.set('2026-07-28', await startFakeToolServer({ tools: [find] }));
  honest.set('2025-11-25', await startFakeToolServer({ tools: [find], revisions: '2025-11-25' }));
  front = createServer((request, response) => {
    between(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(front.address() as AddressInfo).port}/mcp`;
  broker = await startBroker();
}, 30_000);
afterAll(async () => {
  await broker?.close();
  front.closeAllConnections();
  await new Promise((resolve) => front.close(resolve));
  await Promise.all([...honest.values()].map((one) => one.close()));
});

async function between(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString();
  const { method, id } = body === '' ? {} : (JSON.parse(body) as { method?: string; id?: number });
  if (method === 'tools/call') {
    bodies.push(body);
    const answer = `{"jsonrpc":"2.0","id":${id},"result":${result}}`;
    if (!streams) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const told = `: "quoted\nevent: message\ndata: ${answer}\n\n`;
    // Cut in the midst of a number.
    const cut = told.indexOf('9007') + 9;
    response.write(told.slice(0, cut));
    setTimeout(() => response.end(told.slice(cut)), 20);
    return;
  }
  const headers = Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => !/^(host|connection|content-length|transfer-enc)/.test(name)),
  ) as Record<string, string>;
  const to = honest.get(request.url?.split('?')[1] ?? '') as FakeToolServer;
  const answer = await fetch(to.url, { method: request.method ?? 'GET', headers, ...(body === '' ? {} : { body }) });
  const type = answer.headers.get('content-type');
  response.writeHead(answer.status, type === null ? {} : { 'content-type': type }).end(await answer.text());
}

async function call(args: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${broker.url}/mcp`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${KEYS.alice}`,
      'content-type': 'application/json',
      'mcp-protocol-version': '2025-11-25',
    },
    body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"s__find","arguments":${args}}}`,
  });
  return { status: answer.status, text: await answer.text() };
}

const ARGUMENTS =
  '{"id":9007199254740993,"more":[1234567890123456789,-18446744073709551615],"wei":0.1234567890123456789}';
const STRUCTURED = '{"id":9007199254740993,"list":[{"wei":1.234567890123456789}],"of":"9007199254740995"}';

describe.each(['2026-07-28', '2025-11-25'])('numbers that no double holds, at a server of revision %s', (revision) => {
  beforeAll(async () => {
    await broker.servers({ s: { remote: { url: `${url}?${revision}` } } });
  });

  it('[mcp:exact-numbers] go to the tool as they are written, and are decided as such', async () => {
    result = '{"resultType":"complete","content":[{"type":"text","text":"found"}]}';
    expect((await call(ARGUMENTS)).text).toContain('found');
    expect(bodies.at(-1)).toContain(`"arguments":${ARGUMENTS}`);
    expect(broker.state.decided.at(-1)?.call.argumentsJson).toBe(ARGUMENTS);
    expect(broker.records.some((one) => one.decisionInputsJson?.includes(`"arguments":${ARGUMENTS}`))).toBe(true);
  });

  it.each([false, true])('[mcp:exact-numbers] come back as the tool wrote them, streamed: %s', async (streamed) => {
    streams = streamed;
    const text = JSON.stringify(STRUCTURED);
    result = `{"resultType":"complete","content":[{"type":"text","text":${text}}],"structuredContent":${STRUCTURED}}`;
    const answer = await call('{"id":1}');
    expect(answer.text).toContain(`"structuredContent":${STRUCTURED}`);
    expect(answer.text).not.toMatch(/number:[0-9a-f-]{36}/);
    streams = false;
  });

  it('[mcp:exact-numbers] that differ make the text contradict the data', async () => {
    const text = JSON.stringify(STRUCTURED.replace('0993', '0992'));
    result = `{"resultType":"complete","content":[{"type":"text","text":${text}}],"structuredContent":${STRUCTURED}}`;
    expect((await call('{"id":1}')).text).toContain('upstream_invalid');
  });
});
