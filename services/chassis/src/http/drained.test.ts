import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { drained } from './drained.ts';

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

describe('waiting for a client', () => {
  it('[chassis:stalled-client] ends by cutting off one that takes nothing', async () => {
    const waited = new Promise<boolean>((resolve, reject) => {
      const server = createServer(async (_req, res) => {
        const piece = Buffer.alloc(1024 * 1024);
        // Until the buffers of both ends are full.
        for (let at = 0; at < 64 && !res.destroyed; at++) if (!res.write(piece)) await drained(res, 100);
        resolve(res.destroyed);
      });
      server.once('error', reject).listen(0, '127.0.0.1', () => {
        const client = connect((server.address() as AddressInfo).port, '127.0.0.1', () => {
          client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
          client.pause();
        });
        client.on('error', () => undefined);
        open.push(() => {
          client.destroy();
          server.close();
        });
      });
    });
    expect(await waited).toBe(true);
  });
});
