import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type ApprovalView, approvalStory } from '../approval-story.ts';
import { run } from './approvals.ts';

const APPROVAL: ApprovalView = {
  id: 'a1',
  trajectory: 'run-1',
  tool: 'mail__send',
  toolClass: 'egress',
  arguments: { to: 'bob@example.com' },
  values: [
    {
      path: '/to',
      value: 'bob\u001b[2J\n@example.com',
      origin: 'result',
      from: 'mail/search',
      asked: true,
      looksLike: 'bob',
    },
  ],
  rule: 'mail/known',
  reason: 'Nobody vouches for it.',
  state: 'pending',
  requester: { id: 'key:bot', name: 'bot', user: 'alice' },
  expiresAt: '2027-01-01T00:00:00.000Z',
  words: [{ user: 'carol', decision: 'approve', at: '2026-12-31T00:00:00.000Z', breakGlass: true, note: 'now' }],
};

const asked: { method: string | undefined; url: string | undefined; key: string | undefined; body: string }[] = [];
let server: Server;
let connection: string[] = [];

beforeAll(async () => {
  server = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk) => {
      body += chunk;
    });
    req.on('end', () => {
      asked.push({ method: req.method, url: req.url, key: req.headers.authorization, body });
      if (req.url?.includes('gone')) {
        res.statusCode = 409;
        res.end('{"detail":"The approval is decided."}');
      } else res.end(JSON.stringify(req.url?.includes('?') ? [APPROVAL] : APPROVAL));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  connection = ['--endpoint', `http://127.0.0.1:${port}`, '--key', 'k'];
});
beforeEach(() => {
  asked.length = 0;
});
afterAll(() => {
  server.close();
});

describe('sallyport approvals', () => {
  it('[cli:approvals] lists what waits, or what is in another state', async () => {
    expect(await run(['list', ...connection])).toBe(0);
    await run(['list', '--state', 'any', ...connection]);
    expect(asked.map(({ url }) => url)).toEqual([
      '/admin/v1/approvals?state=pending&pageSize=200',
      '/admin/v1/approvals?pageSize=200',
    ]);
  });

  it('[cli:approvals] approves and rejects with what is said beside', async () => {
    const words = ['--note', 'fine', '--endorse', '/to', '--until', '2027-01-31'];
    await run(['approve', 'a/1', ...words, ...connection]);
    await run(['reject', 'a1', '--break-glass', '--note', 'no', ...connection]);
    expect(asked.map(({ method, url, key, body }) => [method, url, key, JSON.parse(body)])).toEqual([
      [
        'POST',
        '/admin/v1/approvals/a%2F1',
        'Bearer k',
        {
          decision: 'approve',
          note: 'fine',
          breakGlass: false,
          endorse: ['/to'],
          endorseUntil: '2027-01-31T23:59:59.999Z',
        },
      ],
      ['POST', '/admin/v1/approvals/a1', 'Bearer k', { decision: 'reject', note: 'no', breakGlass: true }],
    ]);
  });

  it('[cli:approvals] says why a decision was not taken, and what to say where it does not understand', async () => {
    await expect(run(['approve', 'gone', ...connection])).rejects.toThrow('409 The approval is decided.');
    for (const words of [[], ['approve'], ['list', 'a1'], ['delete', 'a1'], ['approve', 'a1', 'a2']]) {
      await expect(run([...words, ...connection])).rejects.toThrow('say approvals list');
    }
    await expect(run(['approve', 'a1', '--until', 'soon', ...connection])).rejects.toThrow('--until');
    expect(asked).toHaveLength(1);
  });

  it('[cli:approvals] tells one in full, without what a terminal obeys', () => {
    const told = approvalStory(APPROVAL);
    for (const part of [
      'bot (key:bot), for alice',
      'mail__send (egress)',
      '? /to = ',
      'from mail/search',
      'breaking',
    ]) {
      expect(told).toContain(part);
    }
    expect(told).not.toContain('\u001b');
    expect(told).toContain('\\u001b');
    expect(told).toContain('only looks like "bob"');
  });
});
