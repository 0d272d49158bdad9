import type { IncomingMessage, ServerResponse } from 'node:http';
import { type FakeAwsKeys, signatureFault } from './aws-signature.ts';
import { bedrockFault, bedrockMessages, bedrockPath, lastBedrockText, renderBedrock, thinks } from './bedrock-wire.ts';
import { type FakeTokens, fakeTokens } from './cloud-tokens.ts';
import { geminiFault, lastGeminiText } from './gemini-wire.ts';
import { type ListenOptions, listen, type RecordedRequest, recordRequest } from './listening.ts';
import { type FakeReply, renderError, renderFrames, renderWhole, type Wire } from './provider-wire.ts';
import { lastResponsesText, RESPONSES_PATH, responsesFault } from './responses-wire.ts';

/** Amazon, Google and Microsoft under a test's control, on one port. */
export interface FakeClouds {
  readonly url: string;
  readonly requests: RecordedRequest[];
  readonly aws: FakeAwsKeys;
  readonly tokens: FakeTokens;
  /** A key that Azure and Vertex take as it is. */
  readonly key: string;
  close(): Promise<void>;
}

/** Called in both cities at once by every model that is offered tools and has no result yet. */
export const CITIES = ['Kraków', 'Łódź'];
/** What every model says once it has the results. */
export const AFTER_TOOLS = 'It is sunny.';

/** What is asked of which model, in which wire. */
interface Asked {
  readonly wire: Wire | 'bedrock';
  readonly model: string;
  readonly stream: boolean;
  readonly refused: string | undefined;
}

/**
 * Starts them: `/model/…` is Bedrock, which checks signatures with AWS's own signer, `/v1/projects/…` Vertex AI, `/openai/…` and
 * `/anthropic/…` Azure. A model with tools calls in two cities, one without echoes; one whose name holds `throttled` refuses, one with
 * `breaks` breaks off in the middle. Binary streams come in pieces of one to seven bytes.
 */
export async function startFakeClouds(options: ListenOptions = {}): Promise<FakeClouds> {
  const requests: RecordedRequest[] = [];
  const aws = {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'aws-secret-canary/0123456789+abcdefghij',
    sessionToken: 'aws-session-canary',
  };
  const key = 'cloud-key-canary-0123456789';
  let url = '';
  const tokens = fakeTokens(() => url);

  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const request = await recordRequest(req);
    requests.push(request);
    res.once('close', () => {
      request.aborted = !res.writableFinished;
    });
    const token = await tokens.answer(request.path, new URLSearchParams(request.body));
    if (token !== undefined) return sendJson(res, token.status, token.body);
    const asked = await readCall(request, aws, tokens, key);
    if (asked === undefined) return sendJson(res, 404, { error: { code: '404', message: 'Resource not found' } });
    const json = (request.json ?? {}) as Readonly<Record<string, unknown>>;
    const reply = replyTo(asked, json);
    if (asked.wire === 'bedrock') return await answerBedrock(res, asked, json, reply);
    if (asked.refused !== undefined) return sendJson(res, 401, renderError(asked.wire, 401, asked.refused));
    if (asked.model.includes('throttled')) return sendJson(res, 429, renderError(asked.wire, 429, 'Too many.'));
    const refused =
      asked.wire === 'gemini' ? geminiFault(json) : asked.wire === 'responses' ? responsesFault(json) : undefined;
    if (refused !== undefined) return sendJson(res, 400, renderError(asked.wire, 400, refused));
    const wire = { wire: asked.wire, model: asked.model, stream: asked.stream, includeUsage: true, json };
    if (!asked.stream) return sendJson(res, 200, renderWhole(wire, reply));
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const frame of renderFrames(wire, reply)) res.write(frame);
    res.end();
  };

  const listening = await listen((req, res) => {
    handle(req, res).catch((error: Error) => {
      if (!res.headersSent) res.writeHead(500).end(error.message);
    });
  }, options);
  url = listening.url;
  return { url, requests, aws, tokens, key, close: () => listening.close() };
}

async function readCall(
  request: RecordedRequest,
  aws: FakeAwsKeys,
  tokens: FakeTokens,
  key: string,
): Promise<Asked | undefined> {
  const bedrock = bedrockPath(request.path);
  if (bedrock) return { wire: 'bedrock', ...bedrock, refused: await signatureFault(request, aws, 'bedrock') };
  const { headers } = request;
  const bearer = headers.authorization?.replace(/^Bearer /, '') ?? '';
  const refusedBy = (of: 'google' | 'azure', name: string) =>
    headers[name] === key || tokens.isGood(bearer, of) ? undefined : 'Access denied.';
  const vertex =
    /^\/v1\/projects\/acme\/locations\/eu\/publishers\/(google|anthropic)\/models\/([^/:]+):(\w+)(\?alt=sse)?$/.exec(
      request.path,
    );
  if (vertex) {
    const [, publisher, model = '', method = '', sse] = vertex;
    const methods =
      publisher === 'google' ? ['generateContent', 'streamGenerateContent'] : ['rawPredict', 'streamRawPredict'];
    const body = request.json as { anthropic_version?: unknown; model?: unknown; stream?: unknown } | undefined;
    const isRight =
      publisher === 'google'
        ? (sse !== undefined) === (method === 'streamGenerateContent')
        : body?.anthropic_version === 'vertex-2023-10-16' &&
          body.model === undefined &&
          (body.stream === true) === (method === 'streamRawPredict');
    if (!methods.includes(method) || !isRight) return undefined;
    const wire = publisher === 'google' ? 'gemini' : 'anthropic';
    const refused = refusedBy('google', 'x-goog-api-key');
    return { wire, model: decodeURIComponent(model), stream: method.startsWith('stream'), refused };
  }
  return readAzure(request, refusedBy);
}

function readAzure(
  { path, json }: RecordedRequest,
  refusedBy: (of: 'azure', name: string) => string | undefined,
): Asked | undefined {
  const body = (json ?? {}) as { model?: unknown; stream?: unknown };
  const stream = body.stream === true;
  const deployment = /^\/openai\/deployments\/([^/]+)\/chat\/completions\?api-version=2024-10-21$/.exec(path)?.[1];
  const model = deployment === undefined ? String(body.model ?? '') : decodeURIComponent(deployment);
  if (deployment !== undefined || path === '/openai/v1/chat/completions') {
    return { wire: 'openai', model, stream, refused: refusedBy('azure', 'api-key') };
  }
  if (path === RESPONSES_PATH) return { wire: 'responses', model, stream, refused: refusedBy('azure', 'api-key') };
  if (path !== '/anthropic/v1/messages') return undefined;
  return { wire: 'anthropic', model, stream, refused: refusedBy('azure', 'x-api-key') };
}

function replyTo({ wire }: Asked, json: Readonly<Record<string, unknown>>): FakeReply {
  const text = JSON.stringify(json.messages ?? json.contents ?? json.input ?? '');
  if (/"toolResult"|"functionResponse"|"tool_result"|"role":"tool"|"function_call_output"/.test(text))
    return { text: AFTER_TOOLS };
  const offered = JSON.stringify(json.tools ?? json.toolConfig ?? []);
  if (offered.includes('"weather"'))
    return { toolCalls: CITIES.map((city) => ({ name: 'weather', arguments: { city } })) };
  if (wire === 'bedrock') return { text: lastBedrockText(json) };
  if (wire === 'gemini') return { text: lastGeminiText(json) };
  if (wire === 'responses') return { text: lastResponsesText(json) };
  const last = (json.messages as { content?: unknown }[] | undefined)?.at(-1)?.content;
  if (typeof last === 'string') return { text: last };
  return { text: ((last ?? []) as { text?: string }[]).map((part) => part.text ?? '').join('') };
}

async function answerBedrock(
  res: ServerResponse,
  { model, stream, refused }: Asked,
  json: Readonly<Record<string, unknown>>,
  reply: FakeReply,
): Promise<void> {
  const fail = (status: number, type: string, message: string) =>
    sendJson(res, status, { message }, { 'x-amzn-errortype': type });
  if (refused !== undefined) return fail(403, 'UnrecognizedClientException', refused);
  const fault = bedrockFault(json);
  if (fault !== undefined) return fail(400, 'ValidationException', fault);
  if (model.includes('throttled')) return fail(429, 'ThrottlingException', 'Too many tokens, please wait.');
  if (!stream) return sendJson(res, 200, renderBedrock(reply, thinks(json)));
  res.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
  const bytes = Buffer.concat([
    ...bedrockMessages(reply, thinks(json), model.includes('breaks') ? 'modelStreamErrorException' : undefined),
  ]);
  // Any byte may be the last of a packet.
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size % 7) + 1) {
    await new Promise((written) => res.write(bytes.subarray(at, at + size), written));
  }
  res.end();
}

function sendJson(res: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
