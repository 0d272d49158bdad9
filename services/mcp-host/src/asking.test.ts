import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { ASKABLE_HEADER } from '@sallyport/peers/hosted-principal';
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
