/** An answer read to its end, or to where it broke off. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Why the body ended before its end; undefined when it did not. */
  readonly broken: Error | undefined;
  /** The body parsed; throws when it is not JSON. */
  json<T>(): T;
  /** The stable code of an error in the OpenAI, Anthropic or problem form; undefined when there is none. */
  readonly code: string | undefined;
  /** Header `sallyport-trajectory`; empty when there is none. */
  readonly trajectory: string;
}

/** Calls one base URL with one key. Never rejects for a status. */
export interface HttpClient {
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<HttpAnswer>;
  send(method: string, path: string, body: unknown, options?: SendOptions): Promise<HttpAnswer>;
  /** `POST /v1/chat/completions` with one user message, or with what `fields` say. */
  chat(model: string, fields?: object, options?: SendOptions): Promise<HttpAnswer>;
  /** `POST /v1/messages`, the same in Anthropic's dialect. */
  messages(model: string, fields?: object, options?: SendOptions): Promise<HttpAnswer>;
}

/** What a request may carry besides its body. */
export interface SendOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Called with the text so far, whenever more of the body arrives. */
  readonly onText?: (text: string) => void;
}

/** A client of `base` (no slash at the end) that presents `key`. */
export function httpClient(base: string, key: string): HttpClient {
  const send: HttpClient['send'] = async (method, path, body, options = {}) => {
    const response = await fetch(base + path, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    return await answerOf(response, options.onText);
  };
  const said = [{ role: 'user', content: 'hello fox' }];
  return {
    send,
    get: (path, headers) => send('GET', path, undefined, headers === undefined ? {} : { headers }),
    chat: (model, fields, options) =>
      send('POST', '/v1/chat/completions', { model, messages: said, ...fields }, options),
    messages: (model, fields, options) =>
      send('POST', '/v1/messages', { model, max_tokens: 64, messages: said, ...fields }, options),
  };
}

async function answerOf(response: Response, onText: SendOptions['onText']): Promise<HttpAnswer> {
  const decoder = new TextDecoder();
  let text = '';
  let broken: Error | undefined;
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      onText?.(text);
    }
  } catch (error) {
    broken = error as Error;
  }
  return {
    status: response.status,
    headers: response.headers,
    text,
    broken,
    json: () => JSON.parse(text),
    code: codeIn(text),
    trajectory: response.headers.get('sallyport-trajectory') ?? '',
  };
}

function codeIn(text: string): string | undefined {
  try {
    const body = JSON.parse(text) as { code?: string; error?: { code?: string } };
    return body.error?.code ?? body.code;
  } catch {
    return undefined;
  }
}
