import { createRequire } from 'node:module';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Health } from '@sallyport/proto/grpc/health';
import { sleep } from '../deadline.ts';
import { GatewayError } from '../errors.ts';
import { createLogger } from '../log.ts';
import { createMetrics } from '../metrics.ts';
import { rpcChannel, rpcClient } from './client.ts';
import { answering } from './handlers.ts';
import { type CallContext, rpcServer, type ServiceImpl } from './server.ts';
import { inProcess } from './testing.ts';
import { Echo } from './testing-echo.ts';

const TIME = { timeoutMs: 10_000 };
const quiet = createLogger({ service: 'test', write: () => undefined });
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const echo: ServiceImpl<typeof Echo> = {
  say: async ({ value }) => ({ value }),
  read: async ({ value }) => ({ value }),
  async *count({ value }) {
    for (let i = 0; i < Number(value); i++) yield { value: String(i) };
  },
  async join(messages) {
    let value = '';
    for await (const message of messages) value += message.value;
    return { value };
  },
  async *chat(messages) {
    for await (const message of messages) yield { value: message.value.toUpperCase() };
  },
};

async function serve(impl: Partial<ServiceImpl<typeof Echo>> = {}, allowed?: string[]) {
  const served = await inProcess(
    Echo,
    { ...echo, ...impl },
    { log: quiet, ...(allowed === undefined ? {} : { allowed }) },
  );
  closers.push(served.close);
  return served;
}

async function valuesOf(messages: AsyncIterable<{ value: string }>): Promise<string[]> {
  const values: string[] = [];
  for await (const { value } of messages) values.push(value);
  return values;
}

async function* texts(...values: string[]) {
  for (const value of values) yield { value };
}

describe('calls of each kind', () => {
  it('answers a unary call', async () => {
    const { client } = await serve();
    expect((await client.say({ value: 'hi' }, TIME)).value).toBe('hi');
  });

  it('lets go of the bytes of a request once it was read', async () => {
    const kept: unknown[] = [];
    const scope = {
      open: () => ({ context: {} }) as never,
      traced: <T>(_call: unknown, fn: () => Promise<T>) => fn(),
      done: () => undefined,
      streams: new Set<never>(),
    };
    const decoder = { readPartialMessage: [Buffer.from('a batch')] };
    const call = { request: { value: 'hi' }, call: { decoder } };
    const handler = async () => void kept.push(decoder.readPartialMessage);
    await answering(handler, scope, false)(call as never, () => undefined);
    expect(kept).toEqual([[]]);
    // Where the frames are in this version of grpc-js.
    const read = createRequire(import.meta.url);
    const { StreamDecoder } = read('@grpc/grpc-js/build/src/stream-decoder.js') as {
      StreamDecoder: new (most: number) => unknown;
    };
    expect(new StreamDecoder(1)).toHaveProperty('readPartialMessage');
  });

  it('streams answers, more than fit in one window', async () => {
    const { client } = await serve();
    expect(await valuesOf(client.count({ value: '20000' }, TIME))).toHaveLength(20_000);
  });

  it('streams requests', async () => {
    const { client } = await serve();
    expect((await client.join(texts('a', 'b', 'c'), TIME)).value).toBe('abc');
  });

  it('streams both ways and ends with a status after the client half-closes', async () => {
    const { client } = await serve();
    const chat = client.chat(TIME);
    await chat.send({ value: 'a' });
    await chat.send({ value: 'b' });
    chat.end();
    expect(await valuesOf(chat.messages)).toEqual(['A', 'B']);
  });

  it('goes on answering a bidirectional call while its client waits', async () => {
    const { client } = await serve();
    const chat = client.chat(TIME);
    const answers = chat.messages[Symbol.asyncIterator]();
    await chat.send({ value: 'x' });
    expect((await answers.next()).value).toMatchObject({ value: 'X' });
    await chat.send({ value: 'y' });
    expect((await answers.next()).value).toMatchObject({ value: 'Y' });
    chat.end();
    expect((await answers.next()).done).toBe(true);
  });
});

describe('failures', () => {
  const budget = new GatewayError('budget_exceeded', 'No money left.', { retryAfterMs: 250, details: { limit: 'l' } });
  const spent = { code: 'budget_exceeded', message: 'No money left.', retryAfterMs: 250, details: { limit: 'l' } };

  it('carries code, message, details and retry-after over a unary call', async () => {
    const { client } = await serve({ say: () => Promise.reject(budget) });
    await expect(client.say({}, TIME)).rejects.toMatchObject(spent);
  });

  it('carries them at the end of a stream, after what was sent before', async () => {
    const { client } = await serve({
      async *count() {
        yield { value: '1' };
        throw budget;
      },
    });
    const seen: string[] = [];
    const read = async () => {
      for await (const { value } of client.count({}, TIME)) seen.push(value);
    };
    await expect(read()).rejects.toMatchObject(spent);
    expect(seen).toEqual(['1']);
  });

  it('throws the failure of a stream to a reader who comes late', async () => {
    const { client } = await serve({
      // biome-ignore lint/correctness/useYield: a stream that fails before its first message.
      async *count() {
        throw budget;
      },
    });
    const stream = client.count({}, TIME);
    await sleep(50);
    await expect(valuesOf(stream)).rejects.toMatchObject(spent);
  });

  it('rejects a sender on a failed bidirectional call', async () => {
    const { client } = await serve({
      // biome-ignore lint/correctness/useYield: as above.
      async *chat() {
        throw budget;
      },
    });
    const chat = client.chat(TIME);
    await expect(valuesOf(chat.messages)).rejects.toMatchObject(spent);
    await expect(chat.send({ value: 'x' })).rejects.toMatchObject(spent);
  });

  it('says nothing of an unexpected error', async () => {
    const { client } = await serve({
      read: () => Promise.reject(Object.assign(new Error('column x is missing'), { code: 3 })),
    });
    await expect(client.read({}, TIME)).rejects.toMatchObject({
      code: 'internal',
      message: 'An internal error happened.',
    });
  });

  it('gives up at the timeout and tells the handler, which sees a deadline a little before it', async () => {
    let left = 0;
    let aborted: Promise<unknown> = Promise.resolve();
    const { client } = await serve({
      say: (_request, context) => {
        left = context.deadlineMs - Date.now();
        aborted = new Promise((resolve) => context.signal.addEventListener('abort', resolve));
        return new Promise(() => undefined);
      },
    });
    await expect(client.say({}, { timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'deadline_exceeded' });
    await aborted;
    expect(left).toBeLessThanOrEqual(990);
    expect(left).toBeGreaterThan(500);
  });

  it('cancels the handler when the caller aborts, unary and streaming', async () => {
    const seen: string[] = [];
    const abort = new AbortController();
    const { client } = await serve({
      say: (_request, { signal }) =>
        new Promise((_, reject) => {
          abort.abort();
          signal.addEventListener('abort', () => {
            seen.push('say');
            reject(signal.reason);
          });
        }),
      async *count(_request, { signal }) {
        yield { value: 'first' };
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        seen.push('count');
      },
    });
    const call = client.say({}, { ...TIME, signal: abort.signal });
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    for await (const _ of client.count({}, { timeoutMs: Number.POSITIVE_INFINITY })) break;
    for (let i = 0; i < 160 && seen.length < 2; i++) await sleep(25);
    expect(seen.sort()).toEqual(['count', 'say']);
  });

  it('wants a timeout on a unary call', async () => {
    const { client } = await serve();
    expect(() => client.say({}, { timeoutMs: Number.POSITIVE_INFINITY })).toThrow('needs a timeout');
  });
});

describe('who may call', () => {
  it('[rpc:caller-allow-list] refuses a caller who is not listed', async () => {
    const { client } = await serve({}, ['someone-else']);
    await expect(client.say({}, TIME)).rejects.toMatchObject({ code: 'permission_denied' });
    await expect(valuesOf(client.count({ value: '1' }, TIME))).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it('[rpc:unlisted-method-denied] refuses every caller of a method without an entry, and only of that one', async () => {
    const log = quiet;
    const server = rpcServer({
      listen: { host: '127.0.0.1', port: 0 },
      tls: undefined,
      log,
      metrics: createMetrics('test', { defaults: false }),
      callers: { 'test.v1.Echo/Say': ['a'] },
    }).add(Echo, echo);
    await server.start();
    closers.push(() => server.stop(Date.now() + 500));
    const channel = rpcChannel({ target: `dns:///127.0.0.1:${server.port()}`, tls: undefined, self: 'a', log });
    closers.push(() => channel.close());
    const client = rpcClient(Echo, channel);
    expect((await client.say({ value: 'ok' }, TIME)).value).toBe('ok');
    await expect(client.read({}, TIME)).rejects.toMatchObject({ code: 'permission_denied' });
    expect((await rpcClient(Health, channel).check({ service: 'test.v1.Echo' }, TIME)).status).toBe(1);
  });

  it('does not start when the allow-list names what is not served', async () => {
    const log = quiet;
    const server = rpcServer({
      listen: { host: '127.0.0.1', port: 0 },
      tls: undefined,
      log,
      callers: { 'x.Y': ['a'] },
    });
    await expect(server.start()).rejects.toThrow('x.Y');
  });

  it.each([
    [4, 'ok'],
    [5, 'invalid_request'],
  ])('[rpc:depth] at depth %i says %s', async (depth, outcome) => {
    const { client } = await serve({ say: async (_request, context) => ({ value: String(context.depth) }) });
    const answer = client.say({}, { ...TIME, depth });
    if (outcome === 'ok') expect((await answer).value).toBe(String(depth));
    else await expect(answer).rejects.toMatchObject({ code: outcome });
  });
});

describe('retries', () => {
  const flaky = () => {
    let calls = 0;
    const handler = async () => {
      calls += 1;
      if (calls < 3) throw new GatewayError('unavailable', 'Not now.');
      return { value: String(calls) };
    };
    return { handler, calls: () => calls };
  };

  it('tries a method without side effects again', async () => {
    const { handler } = flaky();
    const { client } = await serve({ read: handler });
    expect((await client.read({}, TIME)).value).toBe('3');
  });

  it('[rpc:no-retry-side-effects] never tries a method with side effects again', async () => {
    const { handler, calls } = flaky();
    const { client } = await serve({ say: handler });
    await expect(client.say({}, TIME)).rejects.toMatchObject({ code: 'unavailable' });
    expect(calls()).toBe(1);
  });

  it('stops retrying when the budget is spent', async () => {
    let calls = 0;
    const { client } = await serve({
      read: () => {
        calls += 1;
        return Promise.reject(new GatewayError('unavailable', 'Down.'));
      },
    });
    await Promise.allSettled(Array.from({ length: 50 }, () => client.read({}, TIME)));
    expect(calls).toBeLessThanOrEqual(50 + 15);
  });

  it('fails at once when nobody listens, and waits when asked to', async () => {
    const log = quiet;
    const channel = rpcChannel({ target: 'dns:///127.0.0.1:1', tls: undefined, self: 'a', log });
    closers.push(() => channel.close());
    const client = rpcClient(Echo, channel);
    await expect(client.say({}, TIME)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(client.say({}, { timeoutMs: 100, wait: true })).rejects.toMatchObject({ code: 'deadline_exceeded' });
  });
});

describe('observation', () => {
  it('measures calls by method and code, and logs when a peer goes and comes back, not each call', async () => {
    let up = false;
    const lines: string[] = [];
    const { port } = await serve({
      say: async () => {
        if (!up) throw new GatewayError('unavailable', 'Not now.');
        return {};
      },
    });
    const metrics = createMetrics('test', { defaults: false });
    const log = createLogger({ service: 'test', write: (line) => void lines.push(JSON.parse(line).msg) });
    const channel = rpcChannel({ target: `dns:///127.0.0.1:${port}`, tls: undefined, self: 'test', log, metrics });
    closers.push(() => channel.close());
    const client = rpcClient(Echo, channel);
    for (let i = 0; i < 3; i++) await client.say({}, TIME).catch(() => undefined);
    up = true;
    for (let i = 0; i < 2; i++) await client.say({}, TIME);
    expect(lines).toEqual(['peer cannot be reached', 'peer is back']);
    const text = await metrics.registry.metrics();
    expect(text).toContain('sallyport_test_rpc_client_seconds_count{method="test.v1.Echo/Say",code="unavailable"} 3');
    expect(text).toContain('sallyport_test_rpc_client_seconds_count{method="test.v1.Echo/Say",code="ok"} 2');
  });
});

describe('stopping', () => {
  it('lets a unary call finish and ends streams with unavailable, so that their clients go elsewhere', async () => {
    const impl = {
      ...echo,
      async say() {
        await sleep(150);
        return { value: 'finished' };
      },
      async *count(_request: unknown, { signal }: CallContext) {
        yield { value: 'first' };
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
    };
    const callers = { 'test.v1.Echo': ['a'] };
    const listen = { host: '127.0.0.1', port: 0 };
    const server = rpcServer({ listen, tls: undefined, log: quiet, callers }).add(Echo, impl);
    await server.start();
    const target = `dns:///127.0.0.1:${server.port()}`;
    const channel = rpcChannel({ target, tls: undefined, self: 'a', log: quiet });
    closers.push(() => channel.close());
    const client = rpcClient(Echo, channel);
    const call = client.say({}, TIME);
    const stream = client.count({}, { timeoutMs: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
    await stream.next();
    const end = stream.next();
    const stopped = server.stop(Date.now() + 2000);
    await expect(end).rejects.toMatchObject({ code: 'unavailable' });
    expect((await call).value).toBe('finished');
    await stopped;
  });

  it('cuts off at the deadline what does not finish', async () => {
    const { client, close } = await inProcess(
      Echo,
      { ...echo, say: () => new Promise(() => undefined) },
      { log: quiet },
    );
    const call = client.say({}, { timeoutMs: 60_000 });
    call.catch(() => undefined);
    await sleep(50);
    const startedAt = Date.now();
    await close();
    await expect(call).rejects.toBeInstanceOf(GatewayError);
    expect(Date.now() - startedAt).toBeLessThan(2500);
  });
});
