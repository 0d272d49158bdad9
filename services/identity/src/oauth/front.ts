import { Readable } from 'node:stream';
import { withTimeout } from '@sallyport/chassis/deadline';
import type { GatewayError } from '@sallyport/chassis/errors';
import { readBody } from '@sallyport/chassis/http/body';
import { clientGone } from '@sallyport/chassis/http/server';
import type { Logger } from '@sallyport/chassis/log';
import { PAGE_HEADERS } from '@sallyport/chassis/pages/page';
import { STYLE } from '@sallyport/chassis/pages/style';
import type { Request, Response } from 'express';
import type { Front } from '../http.ts';
import type { PresentedTokens } from './adapter.ts';
import type { ArtefactStore } from './artefact-store.ts';
import { withoutScope } from './client-metadata.ts';
import type { GrantStore } from './grant-store.ts';
import { type InteractionOptions, mountInteractions } from './interactions.ts';
import { noticePage, STYLE_PATH } from './pages.ts';
import { payloadOf, type ReadOwnToken } from './presented-tokens.ts';
import type { TokenUses } from './token-uses.ts';
import { RESOURCE_PATHS, scopesAt } from './vocabulary.ts';

/** What answers under `/oauth` and the metadata paths. */
export interface OAuthFrontOptions extends InteractionOptions {
  readonly presented: PresentedTokens;
  readonly grants: GrantStore;
  readonly readOwnToken: ReadOwnToken;
  readonly defaultTenant: string;
  readonly uses: TokenUses;
  readonly artefacts: ArtefactStore;
  readonly log: Logger;
}

const METADATA = ['oauth-authorization-server', 'openid-configuration'];
const MAX_BODY = 56 * 1024;
const TEXT = /^application\/x-www-form-urlencoded\s*(;|$)/i;

/** The OAuth server of all tenants (RFC 6749, 8414, 7591, 7009, 7662; one issuer a tenant). */
export function oauthFront(options: OAuthFrontOptions): Front {
  const { issuers, presented, readOwnToken, grants } = options;

  const hand = (tenant: string, req: Request, res: Response, path: string) => {
    const provider = issuers.of(tenant);
    issuers.prepare(req);
    req.url = path;
    // The library takes what stands before its path for where it is mounted.
    req.originalUrl = `/oauth/${tenant}${path}`;
    return provider.callback()(req, res);
  };
  const rest = (req: Request) => req.originalUrl.slice(`/oauth/${String(req.params.tenant)}`.length);

  /** The library knows no signed tokens here; it is given what stands in them under a name that lasts one request. */
  const aboutToken = async (req: Request, res: Response) => {
    const tenant = String(req.params.tenant);
    const signal = withTimeout(clientGone(res), options.requestTimeoutMs);
    const bytes = TEXT.test(req.headers['content-type'] ?? '')
      ? await readBody(req, { limitBytes: MAX_BODY, signal })
      : Buffer.alloc(0);
    const form = new URLSearchParams(bytes.toString('utf8'));
    const claims = await readOwnToken(issuers.issuerOf(tenant), form.get('token') ?? '');
    const living = claims !== undefined && (await grants.alive(tenant, claims.sid)) !== undefined;
    const name = living ? presented.hold(payloadOf(claims)) : undefined;
    // A token that is not ours, or over, is told from an unknown one by nobody.
    if (name !== undefined) form.set('token', name);
    else if (form.get('token')?.includes('.') === true) form.set('token', 'unknown');
    try {
      await hand(tenant, withBody(req, form.toString()), res, rest(req));
    } finally {
      if (name !== undefined) presented.drop(name);
    }
  };

  return {
    covers: (path) =>
      path === '/oauth' || path.startsWith('/oauth/') || METADATA.some((one) => path.startsWith(`/.well-known/${one}`)),
    mount(app) {
      app.get(STYLE_PATH, (_req, res) => {
        res.set({ ...PAGE_HEADERS, 'cache-control': 'public, max-age=3600' });
        res.type('text/css').send(STYLE);
      });
      for (const name of METADATA) {
        app.all(`/.well-known/${name}/oauth/:tenant`, (req, res) =>
          hand(String(req.params.tenant), req, res, `/.well-known/${name}`),
        );
        // Clients from before RFC 9728 look at the root of the gateway.
        app.all(`/.well-known/${name}`, (req, res) => hand(options.defaultTenant, req, res, `/.well-known/${name}`));
      }
      mountInteractions(app, options);
      app.get('/oauth/:tenant/authorize', (req, res) =>
        hand(String(req.params.tenant), req, res, withScope(rest(req), issuers.bases(String(req.params.tenant)))),
      );
      app.post('/oauth/:tenant/introspect', aboutToken);
      app.post('/oauth/:tenant/revoke', aboutToken);
      app.post('/oauth/:tenant/register', async (req, res) => {
        const signal = withTimeout(clientGone(res), options.requestTimeoutMs);
        const bytes = await readBody(req, { limitBytes: MAX_BODY, signal });
        const body = withoutScope(bytes.toString('utf8'));
        await hand(String(req.params.tenant), withBody(req, body), res, rest(req));
      });
      app.post('/oauth/:tenant/token', async (req, res) => {
        const tenant = String(req.params.tenant);
        const { done, answered } = options.uses.during(async () => hand(tenant, req, res, rest(req)));
        res.once('finish', () => {
          answered(options.artefacts).catch((error: unknown) => {
            options.log.warn('a used token could not be marked as answered', { tenant, error });
          });
        });
        await done;
      });
      app.all('/oauth/:tenant/*rest', (req, res) => hand(String(req.params.tenant), req, res, rest(req)));
    },
    renderError(error: GatewayError, req, res) {
      if (error.retryAfterMs !== undefined) res.setHeader('retry-after', Math.ceil(error.retryAfterMs / 1000));
      if (req.method === 'POST' && !req.path.includes('/interaction/')) {
        const code = error.status >= 500 ? 'temporarily_unavailable' : 'invalid_request';
        return void res.status(error.status).json({ error: code, error_description: error.message });
      }
      res.set(PAGE_HEADERS);
      const title = error.code === 'not_found' ? 'There is no such page' : 'This did not work';
      res.status(error.status).type('text/html').send(noticePage(title, error.message));
    },
  };
}

/** A request that says no scope means the plain one of its resource. */
function withScope(path: string, bases: readonly string[]): string {
  const [pathname = '', query = ''] = path.split('?', 2);
  const params = new URLSearchParams(query);
  if (params.has('scope') && params.get('scope') !== '') return path;
  const resource = params.get('resource') ?? `${bases[0]}${RESOURCE_PATHS[0]}`;
  params.set('scope', scopesAt(resource, [], bases)?.[0] ?? 'mcp');
  return `${pathname}?${params.toString()}`;
}

/** The same request with another body, which is yet to be read. */
function withBody(req: Request, body: string): Request {
  const bytes = Buffer.from(body);
  const headers = { ...req.headers, 'content-length': String(bytes.length) };
  delete (headers as Record<string, unknown>)['transfer-encoding'];
  delete (headers as Record<string, unknown>)['content-encoding'];
  const { method, url, originalUrl, socket, httpVersion, params } = req;
  return Object.assign(Readable.from([bytes]), {
    headers,
    method,
    url,
    originalUrl,
    socket,
    httpVersion,
    params,
  }) as unknown as Request;
}
