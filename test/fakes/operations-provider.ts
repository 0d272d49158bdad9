import type { IncomingMessage, ServerResponse } from 'node:http';
import { listen, type RecordedRequest } from './listening.ts';

/** A request as it arrived, its form read if it is one. */
export interface OperationRequest extends Omit<RecordedRequest, 'json'> {
  readonly json: Readonly<Record<string, unknown>>;
  /** Fields of a form, and the names and sizes of its files. */
  readonly form: Readonly<Record<string, string>>;
}

/** A provider of what is no chat, on OpenAI's wire at `/openai/v1` and Gemini's at `/gemini/v1beta`. */
export interface OperationsProvider {
  readonly openAiUrl: string;
  readonly geminiUrl: string;
  readonly requests: OperationRequest[];
  close(): Promise<void>;
}

type Answer = (request: OperationRequest, res: ServerResponse) => void;

const json = (res: ServerResponse, body: unknown, status = 200) =>
  void res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const events = (res: ServerResponse, list: readonly object[]) => {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of list) res.write(`data: ${JSON.stringify(event)}\n\n`);
};

/** Three numbers that depend on the text. */
const vectorOf = (input: unknown) => [String(input).length, 0.5, -1];
const packed = (vector: readonly number[]) => Buffer.from(new Float32Array(vector).buffer).toString('base64');

const batch = (status: string) => ({
  id: 'batch_THEIRS',
  object: 'batch',
  status,
  input_file_id: 'file-THEIRS',
  ...(status === 'completed' ? { output_file_id: 'file-OUT' } : {}),
});

const ANSWERS: Readonly<Record<string, Answer>> = {
  '/openai/v1/embeddings': ({ json: body }, res) => {
    const inputs = Array.isArray(body.input) && typeof body.input[0] !== 'number' ? body.input : [body.input];
    const data = inputs.map((input, index) => {
      const vector = vectorOf(input);
      return { object: 'embedding', index, embedding: body.encoding_format === 'base64' ? packed(vector) : vector };
    });
    json(res, { object: 'list', data, model: body.model, usage: { prompt_tokens: 5, total_tokens: 5 } });
  },
  '/openai/v1/completions': ({ json: body }, res) => {
    const shell = { id: 'cmpl-fake', object: 'text_completion', created: 1, model: body.model };
    const choice = (text: string, reason: string | null) => ({ text, index: 0, logprobs: null, finish_reason: reason });
    const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
    if (body.stream !== true) return json(res, { ...shell, choices: [choice(`${body.prompt}!`, 'stop')], usage });
    events(res, [
      { ...shell, choices: [choice(String(body.prompt), null)] },
      { ...shell, choices: [choice('!', 'stop')] },
      { ...shell, choices: [], usage },
    ]);
    res.end('data: [DONE]\n\n');
  },
  '/openai/v1/moderations': ({ json: body }, res) =>
    json(res, {
      id: 'modr-fake',
      model: body.model,
      results: [{ flagged: true, categories: {}, category_scores: {} }],
    }),
  '/openai/v1/rerank': ({ json: body }, res) => {
    const results = (body.documents as unknown[]).map((_one, index) => ({ index, relevance_score: 1 / (index + 1) }));
    json(res, { id: 'rerank-fake', results, meta: { billed_units: { search_units: 1 } } });
  },
  '/openai/v1/images/generations': (_request, res) => json(res, { created: 1, data: [{ b64_json: 'UE5H' }] }),
  '/openai/v1/images/edits': ({ form }, res) => json(res, { created: 1, data: [{ b64_json: 'UE5H' }], form }),
  '/openai/v1/images/variations': (_request, res) => json(res, { created: 1, data: [{ b64_json: 'UE5H' }] }),
  '/openai/v1/audio/transcriptions': ({ form }, res) => {
    if (form.stream !== 'true') return json(res, { text: 'hello', usage: { type: 'duration', seconds: 20 } });
    events(res, [
      { type: 'transcript.text.delta', delta: 'hel' },
      { type: 'transcript.text.done', text: 'hello', usage: { type: 'tokens', input_tokens: 7, output_tokens: 2 } },
    ]);
    res.end();
  },
  '/openai/v1/audio/translations': (_request, res) => json(res, { text: 'hello' }),
  '/openai/v1/audio/speech': (_request, res) => {
    res.writeHead(200, { 'content-type': 'audio/mpeg' });
    res.write(Buffer.from([0xff, 0xfb]));
    res.end(Buffer.from([0x90, 0x00]));
  },
  '/openai/v1/files': ({ form }, res) =>
    json(res, { id: 'file-THEIRS', object: 'file', purpose: form.purpose, filename: form.file, created_at: 1 }),
  '/openai/v1/batches': (_request, res) => json(res, batch('validating')),
  '/openai/v1/batches/batch_THEIRS': (_request, res) => json(res, batch('completed')),
  '/openai/v1/files/file-OUT/content': (_request, res) => {
    const usage = { prompt_tokens: 1_000_000, completion_tokens: 1, total_tokens: 1_000_001 };
    res.end(JSON.stringify({ custom_id: 'a', response: { status_code: 200, body: { usage } } }));
  },
  '/openai/v1/files/file-THEIRS': (_request, res) => json(res, { id: 'file-THEIRS', object: 'file', deleted: true }),
  '/openai/v1/files/file-THEIRS/content': (_request, res) => void res.writeHead(200).end('%PDF'),
  '/openai/v1/chat/completions': ({ body }, res) =>
    json(res, {
      id: 'chatcmpl-fake',
      object: 'chat.completion',
      created: 1,
      model: 'any',
      choices: [{ index: 0, message: { role: 'assistant', content: body }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    }),
  '/openai/v1/vector_stores': (_request, res) => {
    res.setHeader('set-cookie', 'account=1');
    json(res, { object: 'list', data: [{ id: 'vs_fake', object: 'vector_store' }], has_more: false });
  },
};

/**
 * Starts it. Every request is recorded; whoever brings another key than `key` gets 401. The model `broken-500` fails, and
 * `broken-429` is too busy for an hour.
 */
export async function startOperationsProvider(key: string): Promise<OperationsProvider> {
  const requests: OperationRequest[] = [];
  const { url, close } = await listen((req, res) => {
    void record(req).then((request) => {
      requests.push(request);
      answer(request, res);
    });
  }, {});
  const answer: Answer = (request, res) => {
    const { headers } = request;
    const given = headers['x-goog-api-key'] ?? headers.authorization?.replace(/^Bearer /, '');
    const path = request.path.split('?')[0] as string;
    if (given !== key) return json(res, { error: { message: `Incorrect API key: ${given}` } }, 401);
    const model = request.json.model ?? request.form.model;
    if (model === 'broken-500') return json(res, { error: { message: 'It broke.' } }, 500);
    if (model === 'broken-429') {
      res.setHeader('retry-after', '3600');
      return json(res, { error: { message: 'Too busy.', code: 'rate_limit_exceeded' } }, 429);
    }
    if (/^\/gemini\/v1beta\/models\/[^/]+:batchEmbedContents$/.test(path)) return json(res, embedded(request));
    const found = ANSWERS[path];
    if (found === undefined) return json(res, { error: { message: 'Unknown path.' } }, 404);
    found(request, res);
  };
  return { openAiUrl: `${url}/openai/v1`, geminiUrl: `${url}/gemini/v1beta`, requests, close };
}

function embedded({ json: body }: OperationRequest): object {
  const requests = body.requests as { content: { parts: { text: string }[] } }[];
  return {
    embeddings: requests.map(({ content }) => ({ values: vectorOf(content.parts.map(({ text }) => text).join('')) })),
  };
}

async function record(req: IncomingMessage): Promise<OperationRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const type = req.headers['content-type'] ?? '';
  const headers = Object.fromEntries(
    Object.entries(req.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
  );
  const body = bytes.toString();
  return {
    method: req.method ?? '',
    path: req.url ?? '',
    headers,
    body,
    json: type.startsWith('application/json') && body !== '' ? (JSON.parse(body) as Record<string, unknown>) : {},
    form: type.startsWith('multipart/') ? await formOf(bytes, type) : {},
    at: Date.now(),
    aborted: false,
  };
}

async function formOf(bytes: Buffer, type: string): Promise<Record<string, string>> {
  const form = await new Response(new Uint8Array(bytes), { headers: { 'content-type': type } }).formData();
  return Object.fromEntries(
    [...form].map(([name, value]) => [name, typeof value === 'string' ? value : `${value.name}:${value.size}`]),
  );
}
