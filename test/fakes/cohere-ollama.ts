import type { IncomingMessage, ServerResponse } from 'node:http';
import { AFTER_TOOLS, CITIES } from './clouds.ts';
import { cohereFault, cohereFrames, cohereRanks, cohereVectors, lastCohereText, renderCohere } from './cohere-wire.ts';
import { type ListenOptions, listen, type RecordedRequest, recordRequest } from './listening.ts';
import { lastOllamaText, ollamaFault, ollamaLines, ollamaVectors, renderOllama } from './ollama-wire.ts';
import type { FakeReply } from './provider-wire.ts';

/** Cohere and an Ollama server under a test's control, on one port. */
export interface FakeCohereOllama {
  readonly url: string;
  readonly requests: RecordedRequest[];
  /** The key that Cohere takes. */
  readonly key: string;
  close(): Promise<void>;
}

/** What is said on a path: whole, or in pieces of a stream. */
interface Said {
  readonly type: string;
  readonly pieces: Iterable<string>;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Starts them: `/v1` and `/v2` are Cohere, which checks the key, `/api` is Ollama. A model that is offered `weather` calls it in two
 * cities at once, and has an answer when it has the results; one whose name holds `throttled` refuses, one with `breaks` breaks off
 * in the middle. Streams come in pieces of one to seven bytes.
 */
export async function startFakeCohereOllama(options: ListenOptions = {}): Promise<FakeCohereOllama> {
  const requests: RecordedRequest[] = [];
  const key = 'cohere-key-canary-0123456789';

  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const request = await recordRequest(req);
    requests.push(request);
    const json = (request.json ?? {}) as Json;
    const isCohere = /^\/v[12]\//.test(request.path);
    const fail = (status: number, message: string) => send(res, status, isCohere ? { message } : { error: message });
    if (isCohere && request.headers.authorization !== `Bearer ${key}`) return fail(401, 'invalid api token');
    if (request.method === 'GET') {
      const models = listed(request.path);
      return models === undefined ? fail(404, '404 page not found') : send(res, 200, { models });
    }
    if (request.path === '/v2/embed') return send(res, 200, cohereVectors(json));
    if (request.path === '/v2/rerank') return send(res, 200, cohereRanks(json));
    if (request.path === '/api/embed') return send(res, 200, ollamaVectors(json));
    if (request.path !== '/v2/chat' && request.path !== '/api/chat') return fail(404, '404 page not found');
    const model = String(json.model);
    const fault = isCohere ? cohereFault(json) : ollamaFault(json);
    if (fault !== undefined) return fail(400, fault);
    if (model.includes('throttled')) return fail(429, 'You are past the per minute request limit.');
    const reply = replyTo(json, isCohere ? lastCohereText(json) : lastOllamaText(json));
    // Ollama streams unless it is told not to.
    if (isCohere ? json.stream === true : json.stream !== false) {
      return await stream(res, streamed(isCohere, model, reply, model.includes('breaks')));
    }
    return send(res, 200, isCohere ? renderCohere(reply) : renderOllama(model, reply));
  };

  const listening = await listen((req, res) => {
    handle(req, res).catch((error: Error) => {
      if (!res.headersSent) res.writeHead(500).end(error.message);
    });
  }, options);
  return { url: listening.url, requests, key, close: () => listening.close() };
}

function listed(path: string): object[] | undefined {
  if (path.startsWith('/v1/models')) return [{ name: 'command-listed', endpoints: ['chat'] }];
  return path === '/api/tags' ? [{ name: 'llama-listed:latest', model: 'llama-listed:latest' }] : undefined;
}

function replyTo(json: Json, last: string): FakeReply {
  if (JSON.stringify(json.messages).includes('"role":"tool"')) return { text: AFTER_TOOLS };
  if (!JSON.stringify(json.tools ?? []).includes('"weather"')) return { text: last };
  return { toolCalls: CITIES.map((city) => ({ name: 'weather', arguments: { city } })) };
}

function streamed(isCohere: boolean, model: string, reply: FakeReply, breaks: boolean): Said {
  return isCohere
    ? { type: 'text/event-stream', pieces: cohereFrames(reply, breaks) }
    : { type: 'application/x-ndjson', pieces: ollamaLines(model, reply, breaks) };
}

async function stream(res: ServerResponse, { type, pieces }: Said): Promise<void> {
  res.writeHead(200, { 'content-type': type });
  const bytes = Buffer.from([...pieces].join(''));
  // Any byte may be the last of a packet.
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size % 7) + 1) {
    await new Promise((written) => res.write(bytes.subarray(at, at + size), written));
  }
  res.end();
}

function send(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
