import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { geminiFault, geminiPath, lastGeminiText } from './gemini-wire.ts';
import { type ListenOptions, listen, type RecordedRequest, recordRequest } from './listening.ts';
import { faults } from './provider-faults.ts';
import {
  type FakeReply,
  renderError,
  renderFrames,
  renderWhole,
  type Wire,
  type WireRequest,
} from './provider-wire.ts';
import { lastResponsesText, RESPONSES_PATH, responsesFault } from './responses-wire.ts';

export { findSecret, type RecordedRequest } from './listening.ts';
export type { FakeReply, WireRequest } from './provider-wire.ts';

/** How a fake model answers: always the same, or by the request. */
export type FakeScript = FakeReply | ((request: WireRequest) => FakeReply);

/** How a fake provider listens and whom it answers. */
export interface FakeProviderOptions extends ListenOptions {
  /** Demanded as bearer, `x-api-key` or `x-goog-api-key`; absent: none. */
  readonly key?: string;
}

/** A model provider under a test's control. */
export interface FakeProvider {
  readonly url: string;
  /** Base URL for the `openai` SDK and providers of that type. */
  readonly openAiUrl: string;
  /** Base URL for the `@anthropic-ai/sdk` and providers of that type. */
  readonly anthropicUrl: string;
  /** Base URL for providers of type Gemini; it is as strict as Gemini 3 about signatures. */
  readonly geminiUrl: string;
  /** All requests so far, in order of arrival, also those answered wrongly or with 401. */
  readonly requests: RecordedRequest[];
  /** Sets what `model` answers from now on. Names in `faults` cannot be taken. */
  script(model: string, reply: FakeScript): void;
  /** Forgets recorded requests and how often `flaky-N` was asked. */
  clear(): void;
  close(): Promise<void>;
}

/**
 * Starts a provider on the OpenAI, Anthropic and Gemini wire at `/openai/v1`, `/anthropic/v1` and `/gemini/v1beta`.
 * Any unknown model echoes the last message; `broken-*` break (see `faults`), `broken-slow` answers after 1.5 s with 200 ms between
 * chunks, `flaky-N` fails N times with 500 and then answers. Every request is recorded whole.
 */
export async function startFakeProvider(options: FakeProviderOptions = {}): Promise<FakeProvider> {
  const requests: RecordedRequest[] = [];
  const scripts = new Map<string, FakeScript>([
    ['broken-slow', { text: 'Slow but right.', delayMs: 1500, chunkDelayMs: 200 }],
  ]);
  const asked = new Map<string, number>();
  const closing = new AbortController();

  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const gone = new AbortController();
    const recorded = await recordRequest(req);
    requests.push(recorded);
    res.once('close', () => {
      recorded.aborted = !res.writableFinished && !closing.signal.aborted;
      gone.abort();
    });
    const wire = wireOf(recorded.path);
    const given =
      recorded.headers['x-api-key'] ??
      recorded.headers['x-goog-api-key'] ??
      recorded.headers.authorization?.replace(/^Bearer /, '');
    if (options.key !== undefined && given !== options.key)
      return sendError(res, wire, 401, 'Incorrect API key provided.');
    const request = wireRequest(wire, recorded);
    const path = recorded.path.split('?')[0];
    if (path === '/gemini/v1beta/models')
      return sendJson(res, { models: [...scripts.keys()].map((name) => ({ name: `models/${name}` })) });
    if (path === `/${wire}/v1/models`)
      return sendJson(res, {
        object: 'list',
        data: [...scripts.keys(), 'fake'].map((id) => ({ id, object: 'model' })),
      });
    if (path === '/anthropic/v1/messages/count_tokens')
      return sendJson(res, { input_tokens: Math.ceil(recorded.body.length / 4) });
    const isKnown = wire === 'gemini' ? geminiPath(recorded.path) !== undefined : path === CHAT_PATHS[wire];
    if (!isKnown) return sendError(res, wire, 404, 'Unknown path.');
    const refused =
      wire === 'gemini' ? geminiFault(request.json) : wire === 'responses' ? responsesFault(request.json) : undefined;
    if (refused !== undefined) return sendError(res, wire, 400, refused);

    const fault = faults[request.model];
    if (fault !== undefined) return fault(res, request, AbortSignal.any([gone.signal, closing.signal]));
    const times = (asked.get(request.model) ?? 0) + 1;
    asked.set(request.model, times);
    const flaky = Number(/^flaky-(\d+)$/.exec(request.model)?.[1] ?? 0);
    if (times <= flaky) return sendError(res, wire, 500, `Failure ${times} of ${flaky}.`);
    const script = scripts.get(request.model) ?? { text: lastText(request) };
    await sendReply(res, request, typeof script === 'function' ? script(request) : script, gone.signal);
  };

  const listening = await listen((req, res) => {
    handle(req, res).catch((error: Error) => {
      if (error.name !== 'AbortError' && !res.headersSent) res.writeHead(500).end(error.message);
    });
  }, options);
  return {
    url: listening.url,
    openAiUrl: `${listening.url}/openai/v1`,
    anthropicUrl: `${listening.url}/anthropic`,
    geminiUrl: `${listening.url}/gemini/v1beta`,
    requests,
    script: (model, reply) => {
      if (model in faults) throw new Error(`${model} is broken on purpose and cannot be scripted`);
      scripts.set(model, reply);
    },
    clear: () => {
      requests.length = 0;
      asked.clear();
    },
    close: () => {
      closing.abort();
      return listening.close();
    },
  };
}

const CHAT_PATHS = {
  openai: '/openai/v1/chat/completions',
  responses: RESPONSES_PATH,
  anthropic: '/anthropic/v1/messages',
};

function wireOf(path: string): Wire {
  if (path === RESPONSES_PATH) return 'responses';
  return path.startsWith('/gemini') ? 'gemini' : path.startsWith('/anthropic') ? 'anthropic' : 'openai';
}

function wireRequest(wire: Wire, { json, path }: RecordedRequest): WireRequest {
  const body = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  const said = wire === 'gemini' ? geminiPath(path) : undefined;
  if (said !== undefined) return { wire, ...said, includeUsage: true, json: body };
  const options = body.stream_options as { include_usage?: boolean } | undefined;
  return {
    wire,
    model: String(body.model ?? ''),
    stream: body.stream === true,
    includeUsage: options?.include_usage === true,
    json: body,
  };
}

async function sendReply(
  res: ServerResponse,
  request: WireRequest,
  reply: FakeReply,
  signal: AbortSignal,
): Promise<void> {
  await reply.after;
  if (reply.delayMs !== undefined) await wait(reply.delayMs, undefined, { signal });
  if (!request.stream) return sendJson(res, renderWhole(request, reply));
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  for (const frame of renderFrames(request, reply)) {
    if (signal.aborted) return;
    await new Promise((written) => res.write(frame, written));
    if (reply.chunkDelayMs !== undefined) await wait(reply.chunkDelayMs, undefined, { signal });
  }
  res.end();
}

function sendJson(res: ServerResponse, body: unknown): void {
  res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function sendError(res: ServerResponse, wire: Wire, status: number, message: string): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(renderError(wire, status, message)));
}

/** The text of the last message, whichever form its content has. */
function lastText({ wire, json }: WireRequest): string {
  if (wire === 'gemini') return lastGeminiText(json);
  if (wire === 'responses') return lastResponsesText(json);
  const last = Array.isArray(json.messages) ? (json.messages.at(-1) as { content?: unknown } | undefined) : undefined;
  if (typeof last?.content === 'string') return last.content;
  const parts = Array.isArray(last?.content) ? (last.content as { text?: string; content?: unknown }[]) : [];
  return parts.map((part) => part.text ?? (typeof part.content === 'string' ? part.content : '')).join('') || 'ok';
}
