import { once } from 'node:events';
import { request } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { PRINCIPAL_HEADER, principalHeader } from '@sallyport/peers/hosted-principal';
import { type HostSuite, hostile, startHostSuite, telling } from './testing/suite.ts';

let suite: HostSuite | undefined;
afterEach(async () => {
  await suite?.stop();
  suite = undefined;
});

const ofDana = {
  [PRINCIPAL_HEADER]: principalHeader({
    ...{ id: 'user:dana', keyId: '', user: 'dana', client: '', sessionId: '', actors: [], userSinceMs: 0 },
  }),
};
/** Listens; gives whether the stream has ended within a second. */
async function listening(url: URL, headers: Record<string, string> = {}) {
  const leaving = new AbortController();
  const answer = await fetch(url, { headers: { accept: 'text/event-stream', ...headers }, signal: leaving.signal });
  expect(answer.status).toBe(200);
  return async () => {
    const timer = setTimeout(() => leaving.abort(), 1_000);
    const ended = await answer.text().then(
      () => true,
      () => false,
    );
    clearTimeout(timer);
    return ended;
  };
}

describe('who listens to a hosted server', () => {
  it('[hosted:listening] is told to listen again when it is replaced, and hears what the next one says', async () => {
    suite = await startHostSuite({ one: hostile('') });
    const ended = await listening(suite.url('one'));
    suite.declare({ one: hostile('', { args: [...hostile('').args, 'changed'] }) });
    expect(await ended()).toBe(true);
  });

  it('[hosted:listening] listens on while its process is idle, and anew when the next one has begun, which knows of no subscription', async () => {
    suite = await startHostSuite({ one: hostile('', { idleMinutes: 1 }) });
    const call = () => {
      const body = JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'do', arguments: {} },
      });
      return fetch((suite as HostSuite).url('one'), { method: 'POST', body });
    };
    await call();
    const leaving = new AbortController();
    const answer = await fetch(suite.url('one'), { headers: { accept: 'text/event-stream' }, signal: leaving.signal });
    let over = false;
    const ended = answer.text().then(() => {
      over = true;
    });
    for (const host of suite.hosts.all()) await host.sweep(Date.now() + 120_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([[...suite.hosts.all()][0]?.state().is, over]).toEqual(['idle', false]);
    await call();
    await ended;
    leaving.abort();
  });

  it('[hosted:listening] hears no more in the name of a principal that is revoked', async () => {
    suite = await startHostSuite({ own: telling({ isolation: 'PerPrincipal' }) });
    const ended = await listening(suite.url('own'), ofDana);
    const url = new URL('/principals/acme', suite.url('own'));
    await fetch(url, { method: 'DELETE', body: JSON.stringify({ ids: ['user:dana'] }) });
    expect(await ended()).toBe(true);
  });
});

describe('a request whose body comes slowly', () => {
  it('[hosted:listening] starts no server that was taken away meanwhile', async () => {
    suite = await startHostSuite({ one: hostile('') });
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const asking = request(suite.url('one'), { method: 'POST', headers });
    asking.write(body.slice(0, 10));
    await new Promise((resolve) => setTimeout(resolve, 100));
    suite.declare({});
    asking.end(body.slice(10));
    const [answer] = await once(asking, 'response');
    answer.resume();
    expect(answer.statusCode).toBe(404);
    expect([...suite.hosts.all()]).toEqual([]);
  });
});
