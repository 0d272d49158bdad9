import { withTimeout } from '@sallyport/chassis/deadline';
import { GatewayError } from '@sallyport/chassis/errors';
import { readBody } from '@sallyport/chassis/http/body';
import { parseJson } from '@sallyport/chassis/http/json';
import { clientGone } from '@sallyport/chassis/http/server';
import type { Postgres } from '@sallyport/chassis/postgres';
import { type HostTenants, tenantOfHost } from '@sallyport/peers/host-tenant';
import type { Ingress } from '@sallyport/peers/ingress';
import type { Request, Response } from 'express';
import type { Front } from '../http.ts';
import type { FindCaller, ScimCaller } from './caller.ts';
import { configuration } from './configuration.ts';
import { renderScimError } from './faults.ts';
import { scimGroups } from './groups.ts';
import { isObject, type Json } from './json.ts';
import { isVersion, readQuery, shown } from './list.ts';
import { readPatch } from './patch.ts';
import { type Resources, scimUsers } from './users.ts';

/** What SCIM is served with. */
export interface ScimOptions extends HostTenants {
  readonly postgres: Postgres;
  readonly findCaller: FindCaller;
  /** Where clients reach the gateway; undefined: as the request, or a trusted proxy, says. */
  readonly publicUrl: string | undefined;
  readonly ingress: Pick<Ingress, 'credentialOf' | 'reachedAt'>;
  readonly onNotice: () => void;
}

const ROOT = '/scim/v2';
const TYPE = /^application\/(scim\+)?json\s*(;|$)/i;
const MAX_BODY = 4 * 1024 * 1024;
const MAX_DEPTH = 16;
const REQUEST_MS = 20_000;
const TENANT = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * SCIM 2.0 (RFC 7643, 7644) at `/scim/v2/<tenant>`; and at `/scim/v2`, for the tenant of the host, or of a key whose role is
 * Admin.
 */
export function scimFront(options: ScimOptions): Front {
  const types: ReadonlyMap<string, Resources> = new Map([
    ['users', scimUsers(options.postgres, options.onNotice)],
    ['groups', scimGroups(options.postgres, options.onNotice)],
  ]);
  const answer = async (req: Request, res: Response) => {
    const { tenant, rest } = splitPath(req.path);
    const { host, encrypted } = options.ingress.reachedAt(req);
    const { secret: token, address } = options.ingress.credentialOf(req);
    const defaultTenant = tenantOfHost(options, host);
    const found = await options.findCaller({ token, tenant, defaultTenant, address: address() });
    const origin = options.publicUrl ?? `${encrypted ? 'https' : 'http'}://${host}`;
    const caller = { ...found, base: `${origin}${ROOT}${tenant === undefined ? '' : `/${tenant}`}` };
    const [type = '', id, ...more] = rest;
    const resources = types.get(type.toLowerCase());
    if (resources !== undefined && more.length === 0) await serve(resources, caller, id, req, res);
    else if (UNSERVED.has(type.toLowerCase())) throw new GatewayError('unsupported', `${type} is not served.`);
    else if (req.method === 'GET') send(res, 200, configuration(rest.join('/'), caller.base));
    else throw new GatewayError('not_found', 'There is no such resource.');
  };
  return {
    covers: (path) => path === ROOT || path.startsWith(`${ROOT}/`),
    mount(app) {
      app.use((req, res, next) => {
        if (req.path !== ROOT && !req.path.startsWith(`${ROOT}/`)) return next();
        answer(req, res).catch(next);
      });
    },
    renderError: (error, _req, res) => renderScimError(error, res),
  };
}

async function serve(
  resources: Resources,
  caller: ScimCaller,
  id: string | undefined,
  req: Request,
  res: Response,
): Promise<void> {
  const query = readQuery(req.query);
  const ifMatch = req.headers['if-match'];
  const reply = (status: number, resource: Json) => {
    const meta = isObject(resource.meta) ? resource.meta : {};
    if (typeof meta.version === 'string') res.setHeader('etag', meta.version);
    if (status === 201 && typeof meta.location === 'string') res.setHeader('location', meta.location);
    send(res, status, shown(resource, query));
  };
  if (id === undefined) {
    if (req.method === 'GET') return send(res, 200, await resources.list(caller, query));
    if (req.method === 'POST') return reply(201, await resources.create(caller, await bodyOf(req, res)));
    throw notAllowed();
  }
  switch (req.method) {
    case 'GET': {
      const resource = await resources.get(caller, id);
      const seen = req.headers['if-none-match'];
      const version = String((resource.meta as Json).version);
      if (seen === undefined || !isVersion(seen, version)) return reply(200, resource);
      res.setHeader('etag', version);
      res.status(304).end();
      return;
    }
    case 'PUT':
      return reply(200, await resources.replace(caller, id, await bodyOf(req, res), ifMatch));
    case 'PATCH': {
      const whole = !resources.quiet || query.attributes.size > 0;
      const changed = await resources.patch(caller, id, readPatch(await bodyOf(req, res)), ifMatch, whole);
      if (whole) return reply(200, changed);
      res.setHeader('etag', String((changed.meta as Json).version));
      res.status(204).end();
      return;
    }
    case 'DELETE':
      await resources.remove(caller, id, ifMatch);
      res.status(204).end();
      return;
    default:
      throw notAllowed();
  }
}

function splitPath(path: string): { tenant: string | undefined; rest: string[] } {
  const [first = '', ...rest] = path.slice(ROOT.length + 1).split('/');
  // Names of tenants are of small letters, those of resources begin with a capital.
  if (TENANT.test(first)) return { tenant: first, rest: rest.filter((part) => part !== '') };
  return { tenant: undefined, rest: [first, ...rest].filter((part) => part !== '') };
}

async function bodyOf(req: Request, res: Response): Promise<unknown> {
  if (!TYPE.test(req.headers['content-type'] ?? '')) {
    throw new GatewayError('unsupported', 'Send application/scim+json.', { status: 415 });
  }
  const signal = withTimeout(clientGone(res), REQUEST_MS);
  return parseJson(await readBody(req, { limitBytes: MAX_BODY, signal }), { maxDepth: MAX_DEPTH });
}

function send(res: Response, status: number, body: Json): void {
  res.status(status).type('application/scim+json').send(JSON.stringify(body));
}

// Not even looked at by the configuration that says so (RFC 7644 sections 3.7, 3.11).
const UNSERVED = new Set(['bulk', 'me']);

function notAllowed(): GatewayError {
  return new GatewayError('unsupported', 'This method is not served here.', { status: 405 });
}
