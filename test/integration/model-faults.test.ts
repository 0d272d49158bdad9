import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Agent, request } from 'undici';
import { type Listening, listen, type RecordedRequest, recordRequest } from '../fakes/listening.ts';
import { shareGlobalDispatcher } from '../support/global-dispatcher.ts';
import { type HttpClient, httpClient } from '../support/http-client.ts';
import { MODEL_PLANE } from '../support/planes.ts';
import { pidOf } from '../support/processes.ts';
import { admin, eventually, PRICE, type ResourceInit, suiteWith, type TestSuite } from '../support/suite.ts';

const MIB = 1024 * 1024;
const STREAMS = 1_000;
/** DESIGN §9: what a thousand open streams may add. */
const MOST_ADDED_MIB = 120;
/** Some hundred kilobytes that a reader who trusts them makes far more of than it may hold. */
const BOMB = gzipSync(Buffer.alloc(160 * MIB, ' '));
const WORDS = 'Grüße aus Łódź, 👋🏽 und mehr.';

let suite: TestSuite;
let provider: Listening;
let client: HttpClient;
const requests: RecordedRequest[] = [];
/** Streams that wait for `letGo`. */
const open: ServerResponse[] = [];

shareGlobalDispatcher();

const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const ENDING = `${chunk({}, 'stop')}data: ${JSON.stringify({ id: 'c1', choices: [], usage: { prompt_tokens: 7, completion_tokens: 5 } })}\n\ndata: [DONE]\n\n`;
const whole = (content: string) =>
  JSON.stringify({
    id: 'c1',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 7, completion_tokens: 5 },
  });
const json = { 'content-type': 'application/json' };
const events = { 'content-type': 'text/event-stream' };

/** What each model of the provider does with its connection. */
const models: Readonly<Record<string, (res: ServerResponse, request: RecordedRequest) => Promise<void> | void>> = {
  sized: (res, { body }) => void res.writeHead(200, json).end(whole(`${Buffer.byteLength(body)} bytes`)),
  bomb: (res) => void res.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(BOMB),
  'bomb-stream': (res) => void res.writeHead(200, { ...events, 'content-encoding': 'gzip' }).end(BOMB),
  // One byte at a time, characters and events cut anywhere.
  drip: async (res) => {
    res.writeHead(200, events);
    for (const byte of Buffer.from(chunk({ role: 'assistant', content: '' }) + chunk({ content: WORDS }) + ENDING)) {
      await new Promise((written) => res.write(Buffer.from([byte]), written));
    }
    res.end();
  },
  // Says a word, then waits for ever.
  waits: (res) => {
    res.writeHead(200, events).write(chunk({ role: 'assistant', content: 'One ' }));
    open.push(res);
  },
  silent: (res) => void open.push(res),
};

async function answer(res: ServerResponse, recorded: RecordedRequest) {
  res.once('close', () => {
    recorded.aborted = !res.writableFinished;
  });
  const { model = '' } = (recorded.json ?? {}) as { model?: string };
  await models[model]?.(res, recorded);
}

beforeAll(async () => {
  provider = await listen((req, res) => {
    void recordRequest(req).then((recorded) => {
      requests.push(recorded);
      return answer(res, recorded);
    });
  }, {});
  const modelOf = (name: string): ResourceInit => ({
    kind: 'Model',
    name,
    spec: { targets: [{ provider: 'raw', model: name }], price: PRICE, retry: { attempts: 0 } },
  });
  suite = await suiteWith(
    [
      {
        kind: 'ModelProvider',
        name: 'raw',
        spec: {
          type: 'openai-compatible',
          baseURL: `${provider.url}/v1`,
          allowPrivateNetwork: true,
          timeouts: { connectSeconds: 10, firstByteSeconds: 60, idleSeconds: 60, totalSeconds: 120 },
        },
      },
      ...Object.keys(models).map(modelOf),
      { kind: 'AccessPolicy', name: 'everyone', spec: { subjects: { everyone: true }, models: ['*'], tools: ['*/*'] } },
      { kind: 'VirtualKey', name: 'demo', spec: { owner: 'dana', targetSecret: { name: 'demo-key', key: 'key' } } },
      {
        kind: 'VirtualKey',
        name: 'admin',
        spec: { owner: 'ada', role: 'Admin', targetSecret: { name: 'admin-key', key: 'key' } },
      },
    ],
    { services: MODEL_PLANE },
  );
  client = httpClient(`http://127.0.0.1:${suite.ports['model-proxy']?.http}`, suite.key);
}, 120_000);

afterAll(async () => {
  for (const res of open) res.destroy();
  await suite?.end();
  await provider?.close();
}, 30_000);

interface Run {
  readonly records: {
    kind: string;
    outcome: string;
    errorCode?: string;
    inputTokens?: number;
    outputTokens?: number;
  }[];
}
const runOf = (trajectory: string) =>
  eventually(
    () => admin<Run>(suite, `trajectories/${trajectory}`).catch((): Run => ({ records: [] })),
    ({ records }) => records.length > 0,
  );
const sentTo = (model: string) =>
  requests.filter((one) => (one.json as { model?: string } | undefined)?.model === model);
/** Resident memory of model-proxy, in MiB. */
const residentMib = () =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pidOf(suite, 'model-proxy')}/status`, 'utf8'))?.[1]) / 1024;
const onLinux = process.platform === 'linux' ? it : it.skip;

describe('a client that goes', () => {
  it.each([true, false])(
    '[fault:client-gone] has its call upstream ended, settled and recorded (stream: %s)',
    async (stream) => {
      const model = stream ? 'waits' : 'silent';
      const leaving = new AbortController();
      const asked = client
        .chat(model, { stream }, { signal: leaving.signal, onText: () => leaving.abort() })
        .catch(() => undefined);
      await eventually(
        async () => sentTo(model).length,
        (count) => count > 0,
      );
      if (!stream) leaving.abort();
      const heard = await asked;
      await eventually(async () => sentTo(model).at(-1)?.aborted, Boolean);
      if (!stream) return;
      const { records } = await runOf(heard?.trajectory ?? '');
      expect(records).toMatchObject([{ kind: 'model_call', outcome: 'cancelled', errorCode: 'cancelled' }]);
      expect(records[0]?.outputTokens).toBeGreaterThan(0);
    },
  );
});

describe('bodies of any size', () => {
  it('[fault:large] a prompt of ten megabytes arrives whole, and one beyond the limit is refused', async () => {
    const prompt = (bytes: number) => ({ messages: [{ role: 'user', content: 'x'.repeat(bytes) }] });
    const large = await client.chat('sized', prompt(10 * MIB));
    expect([large.status, Number(/(\d+) bytes/.exec(large.text)?.[1]) > 10 * MIB]).toEqual([200, true]);
    const larger = await client.chat('sized', prompt(21 * MIB)).catch((error: Error) => error);
    // The connection may be cut before all of it is sent.
    if (!(larger instanceof Error)) expect([larger.status, larger.code]).toEqual([413, 'body_too_large']);
    expect(sentTo('sized')).toHaveLength(1);
  });

  onLinux(
    '[fault:bomb] a body that unpacks to far more is stopped at the limit, from a client as from a provider',
    async () => {
      const before = residentMib();
      const { statusCode, body } = await request(
        `http://127.0.0.1:${suite.ports['model-proxy']?.http}/v1/chat/completions`,
        {
          method: 'POST',
          headers: {
            authorization: `Bearer ${suite.key}`,
            'content-type': 'application/json',
            'content-encoding': 'gzip',
          },
          body: BOMB,
        },
      );
      expect([statusCode, await body.text()]).toEqual([413, expect.stringContaining('body_too_large')]);
      for (const [model, stream] of [
        ['bomb', false],
        ['bomb-stream', true],
      ] as const) {
        const heard = await client.chat(model, { stream });
        expect([heard.status, heard.code]).toEqual([502, expect.stringMatching(/^upstream_/)]);
      }
      expect(residentMib() - before).toBeLessThan(100);
      expect((await client.chat('sized')).status).toBe(200);
    },
  );

  it('[fault:drip] a stream that comes byte by byte is told whole', async () => {
    const heard = await client.chat('drip', { stream: true, stream_options: { include_usage: true } });
    const frames = [...heard.text.matchAll(/(?<=^|\n)data: (\{[^\n]*)/g)].map(([, text]) => JSON.parse(text as string));
    expect(frames.map((frame) => frame.choices[0]?.delta?.content ?? '').join('')).toBe(WORDS);
    expect(frames.at(-1)).toMatchObject({ usage: { prompt_tokens: 7, completion_tokens: 5 } });
    expect(heard.text).toContain('data: [DONE]');
  });
});

describe('many streams', () => {
  onLinux(
    `[fault:streams] ${STREAMS} open at once take bounded memory, and all come to their end`,
    async () => {
      for (const res of open.splice(0)) res.destroy();
      const before = residentMib();
      const agent = new Agent({ connections: STREAMS, pipelining: 1 });
      try {
        const url = `http://127.0.0.1:${suite.ports['model-proxy']?.http}/v1/chat/completions`;
        const headers = { authorization: `Bearer ${suite.key}`, 'content-type': 'application/json' };
        const body = JSON.stringify({
          model: 'waits',
          stream: true,
          messages: [{ role: 'user', content: 'x'.repeat(1_000) }],
        });
        const texts = Array.from({ length: STREAMS }, async () => {
          const heard = await request(url, {
            method: 'POST',
            headers,
            body,
            dispatcher: agent,
            bodyTimeout: 90_000,
            headersTimeout: 90_000,
          });
          return [heard.statusCode, (await heard.body.text()).includes('[DONE]')] as const;
        });
        await eventually(
          async () => open.length,
          (count) => count === STREAMS,
          60_000,
        );
        const added = residentMib() - before;
        for (const res of open.splice(0)) res.end(chunk({ content: 'two.' }) + ENDING);
        const ended = await Promise.all(texts);
        expect(ended.filter(([status, done]) => status !== 200 || !done)).toEqual([]);
        expect(added).toBeLessThan(MOST_ADDED_MIB);
      } finally {
        await agent.destroy();
      }
    },
    120_000,
  );
});
