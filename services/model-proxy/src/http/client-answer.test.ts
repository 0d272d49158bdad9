import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { type AnyAnswer, type ClientAnswer, clientAnswer } from './client-answer.ts';

/** What a client gets of an answer. */
async function answered(
  write: (answer: AnyAnswer, res: ServerResponse) => unknown,
  signal?: AbortSignal,
): Promise<{ headers: Headers; text: string }> {
  const server = createServer(
    (_req: IncomingMessage, res: ServerResponse) => void write(clientAnswer(res, ['x-request-id', 'r1']), res),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
      signal: signal ?? null,
    });
    return { headers: response.headers, text: await response.text() };
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

describe('an answer to a client', () => {
  it.each<[string, (answer: ClientAnswer) => unknown, string, string]>([
    ['one body', (answer) => answer.json(200, '{}'), 'application/json', '{}'],
    ['a stream at once', (answer) => answer.end('data: 1\n\n'), 'text/event-stream; charset=utf-8', 'data: 1\n\n'],
    [
      'a stream piece by piece',
      async (answer) => {
        await answer.frames('data: 1\n\n');
        answer.end('data: 2\n\n');
      },
      'text/event-stream; charset=utf-8',
      'data: 1\n\ndata: 2\n\n',
    ],
    [
      'pieces apart, and one of bytes',
      async (answer) => {
        await answer.frames('data: 1\n\n');
        await answer.comment('waits');
        await answer.frames('data: 2\n\n');
        await answer.frames(Buffer.from('data: 3\n\n'));
        await answer.frames('data: 4\n\n');
        await pause(5);
        answer.end();
      },
      'text/event-stream; charset=utf-8',
      'data: 1\n\n: waits\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n',
    ],
  ])('[model:answer-headers] tells each header once, as it was set last: %s', async (_name, write, type, body) => {
    const { headers, text } = await answered((answer) => {
      answer.header('sallyport-provider', 'first');
      answer.header('sallyport-turn', 't1');
      answer.header('sallyport-provider', 'second');
      return write(answer);
    });
    expect(
      ['content-type', 'x-request-id', 'sallyport-turn', 'sallyport-provider'].map((name) => headers.get(name)),
    ).toEqual([type, 'r1', 't1', 'second']);
    expect(text).toBe(body);
  });

  it('[turn:one-write] sends frames in one write with what follows them at once, and alone where nothing does', async () => {
    const { headers, text } = await answered(async (answer) => {
      await Promise.resolve();
      await answer.frames('data: 1\n\n');
      expect([answer.started(), answer.streamsEvents()]).toEqual([true, true]);
      await Promise.resolve();
      answer.end('data: 2\n\n');
    });
    // Its length could only be told of all at once.
    expect([headers.get('content-length'), text]).toEqual(['18', 'data: 1\n\ndata: 2\n\n']);
    const apart = await answered(async (answer) => {
      await answer.frames('data: 1\n\n');
      await pause(5);
      answer.end();
    });
    expect([apart.headers.get('content-length'), apart.text]).toEqual([null, 'data: 1\n\n']);
  });

  it('[model:answer-headers] takes a value that no header can hold, streamed or not', async () => {
    for (const write of [
      async (answer: AnyAnswer) => {
        await answer.frames('data: 1\n\n');
        await pause(5);
        answer.end();
      },
      (answer: AnyAnswer) => answer.json(200, '{}'),
    ]) {
      const { headers } = await answered((answer) => {
        answer.header('sallyport-model', 'qwen-通义\u0000\ud800 7b');
        return write(answer);
      });
      expect(headers.get('sallyport-model')).toBe('qwen-%E9%80%9A%E4%B9%89%00%EF%BF%BD 7b');
    }
  });

  it('[turn:one-write] says nothing more once it has ended', async () => {
    const { text } = await answered(async (answer) => {
      answer.end('data: 1\n\n');
      await answer.frames('data: 2\n\n');
      await answer.comment('late');
      answer.end('data: 3\n\n');
    });
    expect(text).toBe('data: 1\n\n');
  });

  it('[turn:one-write] tells the next one who speaks, once, why held frames could not be written', async () => {
    const told: unknown[] = [];
    const speak = (say: () => unknown) => {
      try {
        say();
        told.push('nothing');
      } catch (error) {
        told.push((error as NodeJS.ErrnoException).code);
      }
    };
    let over: () => void = () => undefined;
    const spoken = new Promise<void>((resolve) => (over = resolve));
    const sent = answered(async (answer) => {
      answer.header('no name', 'x');
      await answer.frames('data: 1\n\n');
      await pause(5);
      await answer.comment('waiting for the model');
      speak(() => answer.frames('data: 2\n\n'));
      speak(() => answer.frames('data: error\n\n'));
      speak(() => answer.end());
      over();
    });
    await expect(sent).rejects.toThrow();
    await spoken;
    expect(told).toEqual(['ERR_INVALID_HTTP_TOKEN', 'nothing', 'nothing']);
  });

  it('[turn:one-write] writes nothing to a client that is gone', async () => {
    const left = new AbortController();
    const sent = new Promise<boolean>((resolve) => {
      void answered(async (answer, res) => {
        left.abort();
        await once(res, 'close');
        await answer.frames('data: 1\n\n');
        await answer.comment('waits');
        await answer.frames(Buffer.from('data: 2\n\n'));
        await pause(5);
        answer.end();
        resolve(res.headersSent);
      }, left.signal).catch(() => {});
    });
    expect(await sent).toBe(false);
  });
});
