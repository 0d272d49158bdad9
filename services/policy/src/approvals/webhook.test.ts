import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { checkConfig } from '@sallyport/chassis/config';
import { createLogger } from '@sallyport/chassis/log';
import { TRUSTED } from '@sallyport/turn/label';
import { configSchema } from '../config.ts';
import { brokered, principalOfTest } from '../testing.ts';
import type { ApprovalContent, AskedValue } from './approval.ts';
import { createWebhook, readWebhookUrl, signatureOf } from './webhook.ts';

const EVIL = 'https://evil.example/x <!channel> <https://evil.example|ok> `x` \u202e\u2028@here';
const value: AskedValue = {
  pointer: '/to\n*Approved by Ann*\n`',
  valueJson: JSON.stringify(EVIL),
  origin: 'handle',
  from: 'mail/read',
  path: '/from',
  looksLike: '',
  asked: true,
};
const content = {
  requester: principalOfTest(),
  tool: brokered('egress'),
  values: [value, { ...value, pointer: '/body', valueJson: '"not asked about"', asked: false }],
  rule: 'p/ask',
  reason: 'Why.',
  context: TRUSTED,
} as unknown as ApprovalContent;

const URL_OF_HOOK = 'https://hooks.example/services/T0/B0/let-me-in';

/** What is sent of one question; the receiver answers with these statuses, one after the other. */
async function sent(format: 'slack' | 'json', includeValues: boolean, statuses = [200], lines: string[] = []) {
  const calls: { headers: Record<string, string>; body: string }[] = [];
  const outbound = {
    async request(_url: string, { headers, body }: { headers: Record<string, string>; body: string }) {
      calls.push({ headers, body });
      const status = statuses[Math.min(calls.length, statuses.length) - 1];
      if (status === 0) throw Object.assign(new TypeError(`no way to ${URL_OF_HOOK}`), { code: 'ECONNRESET' });
      return { status, discard: async () => undefined };
    },
  };
  const webhook = createWebhook({
    url: URL_OF_HOOK,
    secret: 's3cret',
    format,
    publicUrl: 'https://gate.example/',
    includeValues,
    outbound: outbound as never,
    log: createLogger({ service: 'test', level: 'debug', write: (line) => void lines.push(line) }),
    firstRetryMs: 1,
  });
  await webhook.start?.();
  webhook.tell({ tenant: 'acme', id: '../a?b', content }, false);
  for (let at = 0; at < 50 && calls.length < statuses.length; at++) await new Promise((go) => setTimeout(go, 5));
  await webhook.stop?.(0);
  return calls;
}

describe('what people are told elsewhere', () => {
  it('[approval:webhook-text] no value becomes a link, a mention, a preview or a line of its own in a chat', async () => {
    const [call] = await sent('slack', true);
    const message = JSON.parse(call?.body ?? '{}');
    const [{ text: section }] = message.blocks;
    expect(message).toMatchObject({ unfurl_links: false, unfurl_media: false, link_names: false, parse: 'none' });
    expect(section).toMatchObject({ type: 'mrkdwn', verbatim: true });
    expect(section.text.split('\n')).toHaveLength(4);
    expect(section.text.match(/<[^>]*>/g)).toEqual(['<https://gate.example/approve/..%2Fa%3Fb|Look at it>']);
    expect(section.text).not.toMatch(/[\u202e\u2028]/);
    expect(section.text.match(/`/g)).toHaveLength(2);
  });

  it('[approval:webhook-text] only what is asked about is sent, and only where the administrator says so', async () => {
    const [without] = await sent('json', false);
    expect(without?.body).not.toContain('evil');
    const [withValues] = await sent('json', true);
    expect(withValues?.body).toContain('evil.example');
    expect(withValues?.body).not.toContain('not asked about');
    expect(withValues?.headers['sallyport-signature']).toBe(
      signatureOf(
        's3cret',
        Number(/t=(\d+)/.exec(withValues?.headers['sallyport-signature'] ?? '')?.[1]),
        withValues?.body ?? '',
      ),
    );
  });

  it.each([
    [[500, 503, 200], 3],
    [[0, 200], 2],
    [[400, 200], 1],
    [[302, 200], 1],
    [[500, 500, 500, 500, 500, 500], 5],
  ])('[approval:webhook] after %j it was called %i times', async (statuses, times) => {
    expect(await sent('json', false, statuses)).toHaveLength(times);
  });

  it('[approval:webhook-secret] logs why it could not be called, and never where', async () => {
    const lines: string[] = [];
    await sent('slack', false, [0, 0, 0, 0, 0], lines);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: 'warn', fault: 'ECONNRESET' }]);
    expect(lines.join()).not.toMatch(/hooks\.example|let-me-in/);
  });

  it('[approval:webhook-secret] takes the URL from a file alone, and repeats nothing of a file that holds none', () => {
    const folder = mkdtempSync(join(tmpdir(), 'webhook-'));
    const file = (text: string) => {
      writeFileSync(join(folder, 'url'), text);
      return join(folder, 'url');
    };
    expect(readWebhookUrl(file(`${URL_OF_HOOK}\n`))).toBe(URL_OF_HOOK);
    expect(() => readWebhookUrl(file('hooks.example/let-me-in'))).toThrow(/urlFile: .* holds no URL$/);
    expect(() => readWebhookUrl(file('hooks.example/let-me-in'))).not.toThrow(/let-me-in/);
    const webhook = { url: URL_OF_HOOK, secretFile: '/key', publicUrl: 'https://gate.example' };
    expect(() => checkConfig(configSchema, { approvals: { webhook } })).toThrow(/urlFile/);
    rmSync(folder, { recursive: true });
  });
});
