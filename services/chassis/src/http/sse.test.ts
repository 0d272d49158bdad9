import { once } from 'node:events';
import { createServer, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { sleep } from '../deadline.ts';
import { readSse, sseParser, sseWriter } from './sse.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function* chunks(...parts: (string | Buffer)[]) {
  for (const part of parts) yield Buffer.from(part);
}

async function read(source: AsyncIterable<Buffer>, maxEventBytes = 1000) {
  const events = [];
  for await (const event of readSse(source, { maxEventBytes })) events.push(event);
  return events;
}

describe('readSse', () => {
  it.each([
    ['data: a\n\ndata: b\n\n', [{ data: 'a' }, { data: 'b' }]],
    ['data: a\r\n\r\ndata: b\r\r', [{ data: 'a' }, { data: 'b' }]],
    ['event: x\nid: 7\ndata: a\ndata: b\n\n', [{ event: 'x', id: '7', data: 'a\nb' }]],
    [': comment\nretry: 5\ndata:a\n\n', [{ data: 'a' }]],
    ['event: nothing\n\ndata\n\n', [{ data: '' }]],
    ['\u{feff}data: a\n\n', [{ data: 'a' }]],
    ['data: no blank line at the end', [{ data: 'no blank line at the end' }]],
    ['data:  two spaces\n\n', [{ data: ' two spaces' }]],
    ['', []],
  ])('reads %j', async (text, events) => expect(await read(chunks(text))).toEqual(events));

  it('reads the same however the bytes are cut', () => {
    const text = 'event: ä\r\ndata: 日本語 🎉\r\ndata: 2\r\n\r\n: x\rdata: b\r\rdata: c\n\nid: é\ndata: 🎉\n\n';
    const bytes = Buffer.from(text);
    const whole = [{ event: 'ä', data: '日本語 🎉\n2' }, { data: 'b' }, { data: 'c' }, { id: 'é', data: '🎉' }];
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
        const parser = sseParser({ maxEventBytes: 1000 });
        const borders = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const events = borders.slice(1).flatMap((end, i) => parser.feed(bytes.subarray(borders[i], end)));
        expect([...events, ...parser.end()]).toEqual(whole);
      }),
    );
  });

  it.each([['data: '.concat('x'.repeat(2000))], ['data: 1\n'.repeat(1000)]])(
    'refuses an event without end',
    async (text) => {
      await expect(read(chunks(text, text))).rejects.toMatchObject({ code: 'upstream_invalid' });
    },
  );

  it('stops when its signal fires', async () => {
    const stop = new AbortController();
    const events = readSse(chunks('data: a\n\n', 'data: b\n\n'), { maxEventBytes: 10, signal: stop.signal });
    await events.next();
    stop.abort();
    await expect(events.next()).rejects.toMatchObject({ code: 'cancelled' });
  });
});

async function served(handle: (res: ServerResponse) => unknown) {
  const server = createServer((_req, res) => void handle(res)).listen(0, '127.0.0.1');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const req = request({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' }).end();
  req.on('error', () => undefined);
  const [res] = await once(req, 'response');
  return { req, res };
}

describe('sseWriter', () => {
  it('writes events that are read as they were meant, line ends and all', async () => {
    const { res } = await served(async (raw) => {
      const writer = sseWriter(raw, { keepAliveMs: 0 });
      writer.open(['x-more', '1']);
      await writer.data('{"a":1}');
      await writer.data('two\nlines');
      await writer.data(Buffer.from('bytes'));
      await writer.event('named\ndata: forged', 'x');
      await writer.comment('c\n\ndata: forged');
      await writer.raw('data: raw\n\n');
      writer.end();
    });
    expect(res.headers).toMatchObject({ 'content-type': 'text/event-stream; charset=utf-8', 'x-more': '1' });
    expect(await read(res)).toEqual([
      { data: '{"a":1}' },
      { data: 'two\nlines' },
      { data: 'bytes' },
      { event: 'named data: forged', data: 'x' },
      { data: 'raw' },
    ]);
  });

  it('[model:gemini-uncommented] writes blank lines in place of comments for readers that know none', async () => {
    const { res } = await served(async (raw) => {
      const writer = sseWriter(raw, { keepAliveMs: 1, uncommented: true });
      writer.open();
      await writer.data('a');
      await writer.comment('waits');
      await sleep(2100);
      writer.end('data: b\n\n');
    });
    const lines = (await text(res)).split('\n');
    expect(lines.filter((line) => line !== '')).toEqual(['data: a', 'data: b']);
    // One for the comment and one for the silence, at least.
    expect(lines.length).toBeGreaterThan(8);
  });

  it('waits for a reader who is slow', async () => {
    let written = 0;
    const { res } = await served(async (raw) => {
      const writer = sseWriter(raw, { keepAliveMs: 0 });
      writer.open();
      for (; written < 500 && !writer.closed(); written++) await writer.data('x'.repeat(100_000));
      writer.end();
    });
    res.pause();
    await sleep(200);
    expect(written).toBeLessThan(400);
    let size = 0;
    for await (const chunk of res) size += chunk.length;
    expect(size).toBeGreaterThan(50_000_000);
  });

  it('tells when the client leaves, and lets no writer hang', async () => {
    const left = new Promise<boolean>((resolve) => {
      void served(async (raw) => {
        const writer = sseWriter(raw, { keepAliveMs: 0 });
        writer.open();
        while (!writer.closed()) await writer.data('x'.repeat(100_000));
        await writer.data('after');
        resolve(true);
      }).then(({ req }) => req.destroy());
    });
    expect(await left).toBe(true);
  });

  it('fills silence with comments', async () => {
    const { res } = await served(async (raw) => {
      const writer = sseWriter(raw, { keepAliveMs: 1 });
      writer.open();
      await sleep(1300);
      writer.end();
    });
    let text = '';
    for await (const chunk of res) text += chunk;
    expect(text).toMatch(/^(:\n\n)+$/);
  });
});
