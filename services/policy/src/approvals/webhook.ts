import { createHmac } from 'node:crypto';
import { ConfigError, readSecretFile } from '@sallyport/chassis/config';
import { sleep } from '@sallyport/chassis/deadline';
import type { Outbound } from '@sallyport/chassis/http/fetch';
import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import { boundedQueue } from '@sallyport/chassis/queue';
import type { ApprovalContent } from './approval.ts';

/** Tells people elsewhere that a call waits for them. */
export interface Webhook extends Component {
  tell(
    approval: { readonly tenant: string; readonly id: string; readonly content: ApprovalContent },
    again: boolean,
  ): void;
}

/** How it is told. */
export interface WebhookOptions {
  /** A secret: it is never logged, and neither are messages of errors, which may repeat it. */
  readonly url: string;
  /** Key of the signature. */
  readonly secret: string;
  readonly format: 'slack' | 'json';
  /** Where people reach the gateway; the page of an approval is below it. */
  readonly publicUrl: string;
  /** Sends the asked values too. Who receives the message then sees what they are. */
  readonly includeValues: boolean;
  readonly outbound: Pick<Outbound, 'request'>;
  readonly log: Logger;
  readonly firstRetryMs?: number;
}

const MAX_QUEUED = 1_000;
const ATTEMPTS = 5;
const FIRST_RETRY_MS = 1_000;
const CALL_MS = 10_000;
const MAX_VALUE = 500;

/**
 * Calls one webhook, one message at a time, with some retries. What is lost here is still listed, and told again by the
 * reminder. The signature is HMAC-SHA-256 over the time, a dot and the body: `sallyport-signature: t=…,v1=…`.
 */
export function createWebhook(options: WebhookOptions): Webhook {
  const { log, outbound } = options;
  const ended = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const queue = boundedQueue<{ readonly id: string; readonly body: string }>({
    max: MAX_QUEUED,
    onDrop: ({ id }) => log.warn('a webhook was not called: too many wait', { approval: id }),
  });

  const call = async (body: string) => {
    const time = Math.floor(Date.now() / 1000);
    const answer = await outbound.request(options.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'sallyport-signature': signatureOf(options.secret, time, body) },
      body,
      signal: AbortSignal.any([ended.signal, AbortSignal.timeout(CALL_MS)]),
    });
    await answer.discard();
    return answer.status;
  };
  const deliver = async (id: string, body: string) => {
    let pauseMs = options.firstRetryMs ?? FIRST_RETRY_MS;
    for (let attempt = 1; attempt <= ATTEMPTS && !ended.signal.aborted; attempt++) {
      let fault: number | string;
      try {
        const status = await call(body);
        if (status < 300) return;
        fault = status;
        // The receiver will not take it however often it is sent.
        if (status < 500 && status !== 429 && status !== 408) attempt = ATTEMPTS;
      } catch (error) {
        fault = faultOf(error);
      }
      if (attempt >= ATTEMPTS) return log.warn('a webhook could not be called', { approval: id, fault });
      await sleep(pauseMs * (0.5 + Math.random()), ended.signal).catch(() => undefined);
      pauseMs *= 3;
    }
  };

  return {
    name: 'webhook',
    tell(approval, again) {
      queue.push({ id: approval.id, body: JSON.stringify(messageOf(approval, again, options)) });
    },
    start() {
      running = (async () => {
        for await (const { id, body } of queue) if (!ended.signal.aborted) await deliver(id, body);
      })();
    },
    async stop() {
      queue.close();
      ended.abort();
      await running;
    },
  };
}

function faultOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { code } = error as Error & { code?: unknown };
  return typeof code === 'string' ? code : error.name;
}

/** The URL that a file holds. Throws ConfigError, which does not repeat it, where it holds none. */
export function readWebhookUrl(path: string): string {
  const url = readSecretFile(path).trim();
  if (!URL.canParse(url)) throw new ConfigError([`approvals.webhook.urlFile: ${path} holds no URL`]);
  return url;
}

/** The signature header of a body at a time in seconds. */
export function signatureOf(secret: string, time: number, body: string): string {
  return `t=${time},v1=${createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')}`;
}

function messageOf(
  { tenant, id, content }: { readonly tenant: string; readonly id: string; readonly content: ApprovalContent },
  again: boolean,
  { format, publicUrl, includeValues }: WebhookOptions,
) {
  const { tool, reason, requester, rule, values } = content;
  const name = `${tool.server || tool.owner}/${tool.name}`;
  const link = `${publicUrl.replace(/\/+$/, '')}/approve/${encodeURIComponent(id)}`;
  const who = requester.user === '' ? requester.id : requester.user;
  const shown = includeValues
    ? values.filter((one) => one.asked).map((one) => ({ path: one.pointer, value: one.valueJson.slice(0, MAX_VALUE) }))
    : undefined;
  if (format === 'json') {
    return {
      id,
      tenant,
      tool: name,
      requester: who,
      rule,
      reason,
      link,
      reminder: again,
      ...(shown && { values: shown }),
    };
  }
  const lines = [
    `${again ? 'Still waiting: ' : ''}*${escaped(name)}* for ${escaped(who)} waits for a person.`,
    escaped(reason),
    ...(shown ?? []).map((one) => `\`${escaped(one.path)}\`: ${escaped(one.value)}`),
    `<${link}|Look at it>`,
  ];
  const text = lines.join('\n');
  // Verbatim: else Slack makes links and mentions of bare addresses and names; unfurled, it would fetch them.
  const section = { type: 'section', text: { type: 'mrkdwn', text, verbatim: true } };
  return { text, unfurl_links: false, unfurl_media: false, parse: 'none', link_names: false, blocks: [section] };
}

// Slack's own three, and what begins a line or a code span or is not seen: no text can pose as another part of the message.
function escaped(text: string): string {
  return text
    .replace(/[`\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
