import { readFileSync } from 'node:fs';
import type { TlsConfig } from '@sallyport/chassis/config';
import { GatewayError } from '@sallyport/chassis/errors';
import { type Outbound, outbound } from '@sallyport/chassis/http/fetch';
import { urlGuard } from '@sallyport/chassis/net/guard';
import type { Server } from '../catalog/catalog.ts';

/** The way to the servers that Sallyport runs: mcp-host, by mTLS. */
export interface HostedLine {
  readonly outbound: Outbound;
  /** Where a server is served. */
  urlOf(server: Pick<Server, 'tenant' | 'uid'>): string;
}

const CONNECT_MS = 5_000;
/** A server may have to be started first, and its tools may think for long; the call's own time ends it. */
const HEADERS_MS = 3_700_000;

/**
 * Opens the way to mcp-host. Certificates are read anew in the stated interval; where they changed, new connections take the
 * new ones, and what goes over the old connections ends there.
 */
export function hostedLine(url: string, tls: TlsConfig | undefined): HostedLine {
  const base = url.replace(/\/$/, '');
  const guard = urlGuard({ allowPrivate: true, allowHttp: tls === undefined });
  const timeouts = { connectMs: CONNECT_MS, headersMs: HEADERS_MS, bodyIdleMs: HEADERS_MS };
  let read = '';
  let readAt = Number.NEGATIVE_INFINITY;
  let line: Outbound | undefined;
  const current = (): Outbound => {
    if (line !== undefined && (tls === undefined || Date.now() - readAt < tls.reloadInterval)) return line;
    if (tls === undefined) {
      line = outbound({ guard, timeouts });
      return line;
    }
    readAt = Date.now();
    const [cert, key, ca] = [tls.certFile, tls.keyFile, tls.caFile].map((file) => readFileSync(file, 'utf8'));
    const next = `${cert}${key}${ca}`;
    if (line !== undefined && next === read) return line;
    void line?.stop().catch(() => undefined);
    read = next;
    line = outbound({ guard, timeouts, tls: { cert: cert as string, key: key as string, ca: ca as string } });
    return line;
  };
  return {
    outbound: {
      name: 'mcp-host',
      request: (to, request) => current().request(to, request),
      // Shared by the servers of all tenants: it goes with the process.
      stop: async () => undefined,
    },
    urlOf: ({ tenant, uid }) => `${base}/servers/${tenant}/${uid}`,
  };
}

/** Where a hosted server is served. Throws `unavailable` where none are run. */
export function hostedUrlOf(line: HostedLine | undefined, server: Pick<Server, 'tenant' | 'uid'>): string {
  if (line === undefined) throw new GatewayError('unavailable', 'Hosted tool servers are not enabled here.');
  return line.urlOf(server);
}
