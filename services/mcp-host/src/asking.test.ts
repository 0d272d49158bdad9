import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { ASKABLE_HEADER } from '@sallyport/peers/hosted-principal';
import { createAsks } from './stdio/asks.ts';
import { type HostSuite, hostile, nodeServer, startHostSuite } from './testing/suite.ts';

const EVERYTHING = join(
  dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/package.json')),
  'dist/index.js',
);

let suite: HostSuite | undefined;
const clients: Client[] = [];
afterEach(async () => {
  for (const one of clients.splice(0)) await one.close();
  await suite?.stop();
  suite = undefined;
});

/** A client whose user answers with what `answer` says; `askable`: its calls say that there is one. */
async function clientOf(uid: string, answer: (message: string) => object, askable = true): Promise<Client> {
  const client = new Client({ name: 'test', version: '0' }, { capabilities: { elicitation: { form: {} } } });
  client.setRequestHandler('elicitation/create', ({ params }) => answer(params.message) as { action: 'accept' });
  const headers: Record<string, string> = askable ? { [ASKABLE_HEADER]: '1' } : {};
  await client.connect(new StreamableHTTPClientTransport((suite as HostSuite).url(uid), { requestInit: { headers } }));
  clients.push(client);
  return client;
}
const called = async (client: Client, text: string): Promise<string> => {
  const { content } = await client.callTool({ name: 'do', arguments: { text } });
  return (content[0] as { text: string }).text;
};
const accepts = (message: string) => ({ action: 'accept', content: { heard: message } });

describe('what a process asks in the course of a call', () => {
  it('[hosted:asks] reaches the person of the call, and their answer the process', async () => {
    suite = await startHostSuite({ one: hostile('elicits') });
    const client = await clientOf('one', accepts);
    expect(JSON.parse(await called(client, 'not'))).toEqual({ action: 'accept', content: { heard: 'Why not?' } });
  });

  it('[hosted:asks] is asked by a real npm server', async () => {
    suite = await startHostSuite({ everything: nodeServer([EVERYTHING]) });
    const client = await clientOf('everything', () => ({ action: 'accept', content: { name: 'Dana' } }));
    const answer = await client.callTool({ name: 'trigger-elicitation-request', arguments: {} });
    expect(JSON.stringify(answer.content)).toContain('Dana');
  });

  it('[hosted:asks] reaches nobody where the caller cannot ask, or several calls are under way', async () => {
    suite = await startHostSuite({ one: hostile('elicits') });
    const asked: string[] = [];
    const silent = await clientOf('one', accepts, false);
    expect(await called(silent, 'a')).toBe('-32601');
    // The first waits for its user; from then on nothing says whose question another one is.
    let release: (answer: object) => void = () => undefined;
    const held = new Promise<object>((resolve) => {
      release = resolve;
    });
    const first = await clientOf('one', (message) => {
      asked.push(message);
      return held;
    });
    const waiting = called(first, 'b');
    for (let at = 0; asked.length === 0 && at < 1_000; at++) await new Promise((resolve) => setTimeout(resolve, 5));
    const second = await clientOf('one', (message) => {
      asked.push(message);
      return accepts(message);
    });
    expect(await called(second, 'c')).toBe('-32601');
    release({ action: 'decline' });
    expect(JSON.parse(await waiting)).toEqual({ action: 'decline' });
    expect(asked).toEqual(['Why b?']);
  });

  it('[hosted:asks] reaches nobody while a call goes on whose caller has gone, or a prompt is made for somebody', async () => {
    suite = await startHostSuite({ one: hostile('elicits') });
    const leaving = await clientOf('one', accepts);
    // It asks two seconds later, whom nobody hears any more.
    const left = called(leaving, 'slow').catch(() => 'left');
    await new Promise((resolve) => setTimeout(resolve, 500));
    await leaving.close();
    await left;
    const asked: string[] = [];
    const next = await clientOf('one', async (message) => {
      asked.push(message);
      await new Promise((resolve) => setTimeout(resolve, 600));
      return accepts(message);
    });
    expect(await called(next, 'a')).toBe('-32601');
    expect(asked).toEqual([]);
    // Until it has answered at last.
    let answer = '-32601';
    for (let at = 0; answer === '-32601' && at < 300; at++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      answer = await called(next, 'b');
    }
    expect(answer).toContain('Why b?');
    expect(asked).toEqual(['Why b?']);
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'prompts/get', params: { name: 'p' } });
    const gone = new AbortController();
    const prompt = fetch(suite.url('one'), { method: 'POST', headers, body, signal: gone.signal }).catch(
      () => undefined,
    );
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await called(next, 'c')).toBe('-32601');
    expect(asked).toEqual(['Why b?']);
    gone.abort();
    await prompt;
  });

  it('[hosted:asks] counts a call that was left until its process has answered it, or ten minutes are over', () => {
    let now = 0;
    const asks = createAsks(
      () => undefined,
      () => now,
    );
    const mayAsk = () => asks.ask({ jsonrpc: '2.0', id: 1, method: 'elicitation/create' });
    asks.begin(1, { onAsk: undefined });
    asks.leave(1);
    asks.begin(2, { onAsk: () => undefined });
    expect(mayAsk()).toBe(false);
    asks.end(1);
    expect(mayAsk()).toBe(true);
    // However many were left, none is forgotten.
    for (let id = 3; id < 2_000; id++) {
      asks.begin(id, { onAsk: undefined });
      asks.leave(id);
    }
    for (let id = 3; id < 2_000; id++) asks.end(id);
    expect(mayAsk()).toBe(false);
    now += 600_000;
    expect(mayAsk()).toBe(true);
  });

  it('[hosted:asks] takes an answer once, and only to what is asked', async () => {
    suite = await startHostSuite({ one: hostile('elicits') });
    const client = await clientOf('one', accepts);
    await called(client, 'x');
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    for (const id of ['ask-1', '0198b6f0-0000-7000-8000-000000000000']) {
      const body = JSON.stringify({ jsonrpc: '2.0', id, result: { action: 'accept' } });
      expect((await fetch(suite.url('one'), { method: 'POST', headers, body })).status).toBe(404);
    }
  });

  it('[hosted:asks] takes a question back when its caller leaves', async () => {
    suite = await startHostSuite({ one: hostile('elicits') });
    let asked: () => void = () => undefined;
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const leaving = await clientOf('one', () => {
      asked();
      return new Promise<object>(() => undefined);
    });
    const call = called(leaving, 'y').catch(() => 'left');
    await isAsked;
    await leaving.close();
    expect(await call).toBe('left');
    const next = await clientOf('one', accepts);
    expect(JSON.parse(await called(next, 'z'))).toEqual({ action: 'accept', content: { heard: 'Why z?' } });
  });
});
