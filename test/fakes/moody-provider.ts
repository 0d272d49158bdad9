import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { listen, recordRequest } from './listening.ts';
import { renderFrames, renderWhole, type WireRequest } from './provider-wire.ts';

/** One request that a moody provider was asked. */
export interface Asked {
  readonly key: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** How many there were before it. */
  readonly index: number;
}

/** How it answers: with a text, with an error, late, or never. */
export interface Answer {
  readonly text?: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly message?: string;
  /** Of the error; without it, it has none. */
  readonly code?: string;
  readonly delayMs?: number;
  /** `never`: nothing comes; `head`: the head and an empty piece come, and then nothing. */
  readonly silent?: 'never' | 'head';
}

/** An OpenAI-alike provider that answers as its mood is, which a test changes as it goes. */
export interface MoodyProvider {
  readonly url: string;
  readonly asked: Asked[];
  mood: (asked: Asked) => Answer;
  /** Most requests that were under way at once. */
  mostAtOnce: number;
  close(): Promise<void>;
}

/** Starts one. It answers with its name until its mood is set. */
export async function startMoodyProvider(name: string): Promise<MoodyProvider> {
  const closing = new AbortController();
  let underWay = 0;
  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const { json, headers, method } = await recordRequest(req);
    if (method === 'GET') return void res.writeHead(200, JSON_TYPE).end('{"object":"list","data":[]}');
    const body = json as Record<string, unknown>;
    const asked = { key: (headers.authorization ?? '').replace(/^Bearer /, ''), body, index: made.asked.length };
    made.asked.push(asked);
    made.mostAtOnce = Math.max(made.mostAtOnce, ++underWay);
    res.once('close', () => underWay--);
    await answer(res, made.mood(asked), body, closing.signal);
  };
  const listening = await listen((req, res) => {
    handle(req, res).catch(() => res.destroy());
  }, {});
  const made: MoodyProvider = {
    url: `${listening.url}/v1`,
    asked: [],
    mood: () => ({ text: name }),
    mostAtOnce: 0,
    close: () => {
      closing.abort();
      return listening.close();
    },
  };
  return made;
}

const JSON_TYPE = { 'content-type': 'application/json' };

async function answer(
  res: ServerResponse,
  { text = '', status = 200, headers = {}, message = 'CANARY', code, delayMs = 0, silent }: Answer,
  body: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<void> {
  const request: WireRequest = {
    wire: 'openai',
    model: String(body.model),
    stream: body.stream === true,
    includeUsage: true,
    json: body,
  };
  if (delayMs > 0) await wait(delayMs, undefined, { signal });
  if (status !== 200) {
    res.writeHead(status, { ...JSON_TYPE, ...headers }).end(JSON.stringify({ error: { message, type: 'x', code } }));
    return;
  }
  if (silent === 'never') return;
  if (silent === 'head' && !request.stream) return void res.writeHead(200, JSON_TYPE).write('{');
  if (!request.stream) return void res.writeHead(200, JSON_TYPE).end(JSON.stringify(renderWhole(request, { text })));
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const frame of renderFrames(request, { text })) {
    res.write(frame);
    if (silent === 'head') return;
  }
  res.end();
}
