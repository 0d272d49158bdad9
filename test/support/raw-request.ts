import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { TlsConfig } from '@sallyport/chassis/config';

/** A request as it goes over the wire: any header, also those that `fetch` keeps to itself. */
export interface RawRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Our own address. */
  readonly from?: string;
  /** Our certificate, and the CA of the server's, which is for `localhost`. */
  readonly tls?: TlsConfig;
}

/** What came back, read to its end. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Sends one request over a connection of its own. Rejects when there is no answer. */
export function rawRequest(
  url: string,
  { method = 'GET', headers = {}, body, from, tls }: RawRequest = {},
): Promise<RawAnswer> {
  const options = { method, headers, agent: false as const, ...(from === undefined ? {} : { localAddress: from }) };
  const files = tls && {
    cert: readFileSync(tls.certFile),
    key: readFileSync(tls.keyFile),
    ca: readFileSync(tls.caFile),
    servername: 'localhost',
  };
  return new Promise((resolve, reject) => {
    const req = files === undefined ? httpRequest(url, options) : httpsRequest(url, { ...options, ...files });
    req.once('error', reject);
    req.once('response', (res) => {
      let text = '';
      res.on('data', (chunk) => {
        text += chunk;
      });
      res.once('error', reject);
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, text }));
    });
    req.end(body);
  });
}
