import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { kubeApi } from './api.ts';

describe('requests to the API server', () => {
  it('[chassis:kube-body] say how long their body is, whatever the method: what follows on the connection is another request', async () => {
    const seen: string[] = [];
    const sockets = new Set<unknown>();
    const server = createServer(async (req, res) => {
      sockets.add(req.socket);
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(chunk as Buffer);
      seen.push(`${req.method} ${Buffer.concat(chunks).toString()}`);
      res.end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-kube-api-'));
    const file = join(folder, 'kubeconfig.json');
    const { port } = server.address() as AddressInfo;
    const cluster = { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
    const context = { cluster: 'one', user: 'one' };
    writeFileSync(
      file,
      JSON.stringify({
        ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'one' },
        clusters: [{ name: 'one', cluster }],
        users: [{ name: 'one', user: {} }],
        contexts: [{ name: 'one', context }],
      }),
    );
    const api = kubeApi(file);
    try {
      await api.request({ method: 'DELETE', path: '/a', body: { gracePeriodSeconds: 2 } });
      await api.request({ path: '/b' });
      await api.request({ method: 'DELETE', path: '/c' });
      expect(seen).toEqual(['DELETE {"gracePeriodSeconds":2}', 'GET ', 'DELETE ']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
      server.closeAllConnections();
      server.close();
    }
  });
});
