import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import type { Outbound } from '@sallyport/chassis/http/fetch';
import { PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import type { Server } from '../catalog/catalog.ts';
import { callScope } from './call-scope.ts';
import { guardedFetch } from './guarded-fetch.ts';
import { serverSend } from './server-send.ts';

/** Fetches from a server that never answers, in a call whose time is over; says how each request was bounded. */
function hanging() {
  const signals: (AbortSignal | undefined)[] = [];
  const outbound = {
    request: (_url: URL, { signal }: { signal?: AbortSignal }) => {
      signals.push(signal);
      return new Promise(() => {});
    },
  } as unknown as Outbound;
  const server = { tenant: 'acme', spec: { remote: { url: 'http://127.0.0.1:9/mcp' } } } as Server;
  const credentials = { lease: () => Promise.reject(new Error('unused')), drop: () => {} };
  const fetch = guardedFetch(serverSend(server, { outbound, credentials }), 1_000);
  const scope = { signal: AbortSignal.abort(), principal: create(PrincipalSchema, {}), credential: '' };
  return async (method: string, body?: object, headers: Record<string, string> = {}) => {
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    void callScope.run(scope, () => fetch('http://127.0.0.1:9/mcp', init)).catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    const signal = signals.at(-1);
    return signal === undefined ? 'never ends' : signal.aborted ? 'ends with the call' : 'ends by itself';
  };
}

describe('a request to a server that hangs', () => {
  it.each<[string, string, object | undefined, Record<string, string>, string]>([
    ['a call', 'POST', { jsonrpc: '2.0', id: 1, method: 'tools/call' }, {}, 'ends with the call'],
    ['an answer that is resumed', 'GET', undefined, { 'last-event-id': '7' }, 'ends with the call'],
    ['a notice', 'POST', { jsonrpc: '2.0', method: 'notifications/cancelled' }, {}, 'ends by itself'],
    ['the end of a session', 'DELETE', undefined, {}, 'ends by itself'],
  ])('[broker:bounded] is bounded: %s', async (_name, method, body, headers, ends) => {
    expect(await hanging()(method, body, headers)).toBe(ends);
  });
});
