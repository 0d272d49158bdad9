import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where a fake listens; port 0 or none takes a free one, host defaults to loopback. */
export interface ListenOptions {
  readonly host?: string;
  readonly port?: number;
}

/** One request as it arrived, whole: tests assert on what must not be in it. */
export interface RecordedRequest {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The body as text, empty when there is none. */
  readonly body: string;
  /** The body parsed, undefined when it is not JSON. */
  readonly json: unknown;
  /** Epoch milliseconds of arrival. */
  readonly at: number;
  /** Turns true when the caller leaves before the answer has ended. */
  aborted: boolean;
}

/** A listening fake. */
export interface Listening {
  readonly port: number;
  /** `http://host:port` without a slash at the end. */
  readonly url: string;
  /** Ends open connections too. */
  close(): Promise<void>;
}

/** Listens and resolves once connections are accepted. Rejects when the port is taken. */
export async function listen(
  listener: RequestListener,
  { host = '127.0.0.1', port = 0 }: ListenOptions,
): Promise<Listening> {
  const server: Server = createServer(listener);
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen(port, host, listening);
  });
  const taken = (server.address() as AddressInfo).port;
  return {
    port: taken,
    url: `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${taken}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

/** Reads a request to its end and describes it. */
export async function recordRequest(req: IncomingMessage): Promise<RecordedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString('utf8');
  const headers = Object.fromEntries(
    Object.entries(req.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
  );
  return {
    method: req.method ?? '',
    path: req.url ?? '',
    headers,
    body,
    json: parseOrNothing(body),
    at: Date.now(),
    aborted: false,
  };
}

/** Returns what of `secret` a recorded request carries: names of headers, and `body`. Empty when it did not leak. */
export function findSecret(request: RecordedRequest, secret: string): string[] {
  const headers = Object.keys(request.headers).filter((name) => request.headers[name]?.includes(secret));
  return [
    ...headers,
    ...(request.body.includes(secret) ? ['body'] : []),
    ...(request.path.includes(secret) ? ['path'] : []),
  ];
}

function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
