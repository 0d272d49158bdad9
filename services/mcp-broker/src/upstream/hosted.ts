import { readFileSync } from 'node:fs';
import type { TlsConfig } from '@sallyport/chassis/config';
import { sleep } from '@sallyport/chassis/deadline';
import { GatewayError } from '@sallyport/chassis/errors';
import { type Outbound, outbound } from '@sallyport/chassis/http/fetch';
import type { Logger } from '@sallyport/chassis/log';
import { urlGuard } from '@sallyport/chassis/net/guard';
import { ASKABLE_HEADER, hostedPrincipal, PRINCIPAL_HEADER, principalHeader } from '@sallyport/peers/hosted-principal';
import type { Principals } from '@sallyport/peers/principals';
import { idsOf } from '@sallyport/peers/revoked';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Server } from '../catalog/catalog.ts';
import { callScope } from './call-scope.ts';
import type { ServerSend } from './server-send.ts';

/** The way to the servers that Sallyport runs: mcp-host, by mTLS. */
export interface HostedLine {
  readonly outbound: Outbound;
  /** Where a server is served. */
  urlOf(server: Pick<Server, 'tenant' | 'uid'>): string;
  /** Has the processes ended of principals that are revoked. */
  followRevocations(principals: Pick<Principals, 'onRevoked'>, log: Logger): void;
}

const CONNECT_MS = 5_000;
/** A server may have to be started first, and its tools may think for long; the call's own time ends it. */
const HEADERS_MS = 3_700_000;
const REVOKE_ATTEMPTS = 5;

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
    followRevocations(principals, log) {
      const end = async (tenant: string, ids: readonly string[]) => {
        for (let attempt = 1; ; attempt++) {
          try {
            const url = new URL(`${base}/principals/${tenant}`);
            const signal = AbortSignal.timeout(CONNECT_MS);
            const body = JSON.stringify({ ids });
            const answer = await current().request(url, { method: 'DELETE', headers: {}, body, signal });
            return await answer.discard();
          } catch (error) {
            // Whoever is revoked calls nothing any more; what is left of them goes when it is idle.
            if (attempt === REVOKE_ATTEMPTS)
              return log.warn('Processes of who was revoked may go on', { tenant, error });
            await sleep(attempt * 1_000);
          }
        }
      };
      principals.onRevoked((notice) => {
        const ids = idsOf(notice);
        if (notice.ends && ids.length > 0) void end(notice.tenant, ids);
      });
    },
  };
}

/** Whether a server has a process for each principal. */
export function isPerPrincipal({ spec }: Pick<Server, 'spec'>): boolean {
  return spec.hosted?.isolation === 'PerPrincipal';
}

/** Key of the connection of a principal to such a server: of nobody else's. */
export function ownKey(principal: Principal): string {
  return `${principal.tenant}\n${hostedPrincipal(principal).id}`;
}

const headers = new WeakMap<Principal, string>();

/** Sends in the name of the principal for whom something is done, so that its own process answers; else in nobody's. */
export function inItsName(server: Pick<Server, 'spec'>, send: ServerSend): ServerSend {
  if (!isPerPrincipal(server)) return send;
  return (url, request) => {
    const scope = callScope.getStore();
    if (scope !== undefined && scope.mayGoWithout !== true) {
      const header = headers.get(scope.principal) ?? principalHeader(scope.principal);
      headers.set(scope.principal, header);
      request.headers[PRINCIPAL_HEADER] = header;
    }
    return send(url, request);
  };
}

/**
 * Sends over a connection that is for one principal alone, and says that its server may ask them: a process shook hands once,
 * for all. What they answer is sent beside the call that asked.
 */
export function askable(server: Pick<Server, 'spec'>, send: ServerSend, principal: Principal | undefined): ServerSend {
  const own = principal !== undefined && isPerPrincipal(server) ? principalHeader(principal) : undefined;
  return (url, request) => {
    request.headers[ASKABLE_HEADER] = '1';
    if (own !== undefined) request.headers[PRINCIPAL_HEADER] = own;
    return send(url, request);
  };
}

/** Where a hosted server is served. Throws `unavailable` where none are run. */
export function hostedUrlOf(line: HostedLine | undefined, server: Pick<Server, 'tenant' | 'uid'>): string {
  if (line === undefined) throw new GatewayError('unavailable', 'Hosted tool servers are not enabled here.');
  return line.urlOf(server);
}
