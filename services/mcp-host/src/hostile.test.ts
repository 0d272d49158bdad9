import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { createHost } from './host.ts';
import { type BridgeBounds, bridgeBounds } from './stdio/bridge.ts';
import { lineReader } from './stdio/lines.ts';
import type { PipeListener } from './stdio/pipe.ts';
import { nodeServer } from './testing/suite.ts';

const log = createLogger({ service: 'test', level: 'error', write: () => undefined });

/** A process without a process: `answer` says what it writes when it is asked. */
function fake(answer: (request: Record<string, never>) => object[], bounds: Partial<BridgeBounds> = {}) {
  const seen: { signal?: AbortSignal; listener?: PipeListener; asked: string[] } = { asked: [] };
  const host = createHost({
    server: {
      tenant: 'acme',
      name: 'one',
      uid: 'one',
      generation: 1,
      contentHash: '',
      spec: nodeServer([], { idleMinutes: 1 }),
    },
    backend: {
      open: () => async (listener, signal) => {
        Object.assign(seen, { listener, signal });
        return {
          async write(data) {
            const request = JSON.parse(data.toString('utf8'));
            if (request.id === undefined) return;
            seen.asked.push(request.method);
            const messages = request.method === 'initialize' ? [{ id: request.id, result: {} }] : answer(request);
            for (const one of messages) listener.onData(Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', ...one })}\n`));
          },
          end: () => listener.onEnd('ended'),
        };
      },
      idle: async () => undefined,
    },
    bounds: { ...bridgeBounds, ...bounds },
    log,
    onState: () => undefined,
  });
  const ask = (method: string, params: object = {}) =>
    host.request({ jsonrpc: '2.0', id: 1, method, params: params as never }, new AbortController().signal);
  return { host, seen, ask };
}

describe('what a process can do to its host', () => {
  it('[hosted:bridge] lives for longer than it may take to start', async () => {
    const { host, seen, ask } = fake(({ id }) => [{ id, result: {} }], { startMs: 1_000 });
    await ask('tools/call');
    await new Promise((go) => setTimeout(go, 1_100));
    expect([seen.signal?.aborted, host.state().is]).toEqual([false, 'running']);
    host.stop('over');
    expect(seen.signal?.aborted).toBe(true);
  });

  it('[hosted:bounds] ends one that tells of progress, or of what nobody asked, by the megabyte', async () => {
    const text = 'x'.repeat(10_000);
    for (const told of [
      (token: unknown) => ({ method: 'notifications/progress', params: { progressToken: token, progress: 1, text } }),
      () => ({ method: 'notifications/message', params: { text } }),
      () => ({ id: 999_999, result: { text } }),
    ]) {
      const { host } = fake(
        ({ params, id }) => [
          ...Array.from({ length: 11 }, () =>
            told((params as unknown as { _meta?: { progressToken: unknown } })._meta?.progressToken),
          ),
          { id, result: {} },
        ],
        { maxNotices: 100_000 },
      );
      await expect(
        host.request(
          { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { _meta: { progressToken: 'p' } } },
          new AbortController().signal,
          { onNotice: () => undefined },
        ),
      ).rejects.toMatchObject({ code: 'upstream_error' });
      expect(JSON.stringify(host.state())).toContain('too much that nobody asked for');
    }
  });

  it('[hosted:bounds] has so many bytes of its lists kept and no more', async () => {
    const { host, seen, ask } = fake(({ id }) => [{ id, result: { tools: [], text: 'x'.repeat(1024 * 1024) } }]);
    for (const cursor of ['1', '2', '3', '4', '5', '6']) await ask('tools/list', { cursor });
    await ask('tools/list', { cursor: '1' });
    await host.sweep(Date.now() + 61_000);
    seen.asked.length = 0;
    for (const cursor of ['1', '2', '3']) await ask('tools/list', { cursor });
    expect(seen.asked).toEqual([]);
    await ask('tools/list', { cursor: '6' });
    expect(seen.asked).toEqual(['initialize', 'tools/list']);
  });

  it('[hosted:bounds] has a line held in twice its bytes, though it comes byte by byte', () => {
    const lines: string[] = [];
    let tooLong = 0;
    const read = lineReader({
      maxBytes: 2_000_000,
      onLine: (line) => lines.push(line.toString()),
      onTooLong: () => tooLong++,
    });
    const one = Buffer.from('x');
    const before = process.memoryUsage();
    for (let at = 0; at < 2_000_000; at++) read(one);
    const after = process.memoryUsage();
    expect(after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed).toBeLessThan(60_000_000);
    read(Buffer.from('\na\nbc'));
    read(Buffer.from('d\n'));
    expect(lines.map((line) => line.length)).toEqual([2_000_000, 1, 3]);
    expect(lines[2]).toBe('bcd');
    read(Buffer.alloc(2_000_001, 'y'));
    read(Buffer.from('\nz\n'));
    expect([tooLong, lines.length]).toEqual([1, 3]);
  });
});
