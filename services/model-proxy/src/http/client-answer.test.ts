import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { type ClientAnswer, clientAnswer } from './client-answer.ts';

/** What a client gets of an answer. */
async function answered(write: (answer: ClientAnswer) => unknown): Promise<{ headers: Headers; text: string }> {
  const server = createServer(
    (_req: IncomingMessage, res: ServerResponse) => void write(clientAnswer(res, ['x-request-id', 'r1'])),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
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
});
