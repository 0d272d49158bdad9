import type { IncomingMessage } from 'node:http';
import { blocks } from '@sallyport/chassis/config';
import { GatewayError } from '@sallyport/chassis/errors';
import { clientNames } from '@sallyport/chassis/http/client-certificates';
import type { Logger } from '@sallyport/chassis/log';
import type { Metrics } from '@sallyport/chassis/metrics';
import { z } from 'zod';

const headerName = z.string().regex(/^[a-z0-9-]{1,64}$/, 'must be a header name in lower case');

/** Config of the listener for declared edges: proxies that have signed a person in and say so in headers. */
export const edgeConfig = {
  edge: z
    .strictObject({
      listen: blocks.listen,
      /** What we show, and the CA of the certificates of edges: without one of it nobody can connect here. */
      tls: blocks.tls.unwrap(),
      declared: z
        .array(
          z.strictObject({
            /** DNS or URI name in the certificate of the edge, exactly. Identity's config says whose people it vouches for. */
            san: z.string().min(1).max(512),
            headers: z
              .strictObject({
                user: headerName.default('x-forwarded-user'),
                email: headerName.default('x-forwarded-email'),
                groups: headerName.default('x-forwarded-groups'),
              })
              .prefault({}),
          }),
        )
        .min(1)
        .max(64),
    })
    .optional(),
} as const;

/** The declared edges as config has them. */
export type EdgeConfig = NonNullable<z.output<typeof edgeConfig.edge>>;

/** Whom a declared edge vouches for. */
export interface EdgeIdentity {
  readonly san: string;
  readonly user: string;
  readonly email: string;
  readonly groups: string[];
}

/** What of a request is looked at to find whom an edge vouches for. */
export type EdgeRequest = Pick<IncomingMessage, 'headers' | 'method'> & { readonly socket: object };

/** Reads what edges say, and takes it off requests that come from elsewhere. */
export interface Edges {
  /**
   * Whom a declared edge vouches for; undefined where none does. Headers with identities that came another way are not there
   * any more afterwards. Throws `invalid_request` for what an edge wrote twice or no edge would write, and
   * `permission_denied` where a page of another site has the browser ask for a change.
   */
  identityOf(req: EdgeRequest): EdgeIdentity | undefined;
}

/** Headers in which proxies usually say who somebody is; those that edges are declared with come to them. */
const USUAL = [
  'x-forwarded-user',
  'x-forwarded-email',
  'x-forwarded-groups',
  'x-forwarded-preferred-username',
  'x-auth-request-user',
  'x-auth-request-email',
  'x-auth-request-groups',
  'x-remote-user',
  'x-remote-group',
  'remote-user',
] as const;
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
const MAX_GROUPS = 256;
const TOLD_AGAIN_MS = 60_000;

/** Makes the reader of what edges say. Without `config` no edge is declared and all such headers are taken off. */
export function createEdges(options: {
  readonly config: Pick<EdgeConfig, 'declared'> | undefined;
  readonly log: Logger;
  readonly metrics: Metrics;
}): Edges {
  const { config, log, metrics } = options;
  const declared = new Map((config?.declared ?? []).map(({ san, headers }) => [san, headers]));
  const names = [...new Set([...USUAL, ...[...declared.values()].flatMap((one) => Object.values(one))])];
  const stripped = metrics.counter(
    'identity_headers_stripped_total',
    'Requests whose identity headers came from no declared edge.',
  );
  let toldAt = Number.NEGATIVE_INFINITY;

  const strip = ({ headers, socket }: EdgeRequest, kept?: readonly string[]) => {
    let taken: string[] | undefined;
    for (const name of names) {
      if (headers[name] === undefined || kept?.includes(name) === true) continue;
      delete headers[name];
      taken ??= [];
      taken.push(name);
    }
    if (taken === undefined) return;
    if (kept !== undefined) return;
    stripped.inc();
    // One line for a while of them: whoever can send headers could fill the log.
    if (performance.now() - toldAt < TOLD_AGAIN_MS) return;
    toldAt = performance.now();
    const from = (socket as { remoteAddress?: string }).remoteAddress;
    log.warn('identity headers came from no declared edge and were taken off', { headers: taken, from });
  };

  return {
    identityOf(req) {
      const { headers, socket } = req;
      const san = declared.size === 0 ? undefined : clientNames(socket).find((name) => declared.has(name));
      const own = san === undefined ? undefined : declared.get(san);
      if (san === undefined || own === undefined) {
        strip(req);
        return undefined;
      }
      const said = { user: headers[own.user], email: headers[own.email], groups: headers[own.groups] };
      strip(req, []);
      if (said.user === undefined) return undefined;
      const user = single(said.user, 256);
      const email = said.email === undefined ? '' : single(said.email, 256);
      const groups = listed(said.groups);
      // The edge knows a browser by its cookie, which it sends for whatever page asks it to.
      const site = headers['sec-fetch-site'];
      // Over plain http, and of old, browsers say no site; of a page they say its origin all the same, and SDKs say none.
      const isFromPage = site === undefined ? headers.origin !== undefined : site !== 'same-origin' && site !== 'none';
      if (!SAFE.has(req.method ?? '') && isFromPage) {
        throw new GatewayError('permission_denied', 'Pages of other sites may change nothing here.');
      }
      return { san, user, email, groups };
    },
  };
}

// Node joins headers of one name with a comma: an edge that writes one beside the client's own has not taken that off.
function single(value: string | string[], most: number): string {
  const text = String(value);
  if (text.trim() === '' || text.length > most || text.includes(',') || !/^[\x20-\x7e\x80-\xff]+$/.test(text)) {
    throw new GatewayError('invalid_request', 'What the edge says of who this is cannot be read.');
  }
  // Header bytes are Latin-1 to Node; edges write UTF-8.
  return Buffer.from(text, 'latin1').toString('utf8').trim();
}

function listed(value: string | string[] | undefined): string[] {
  const groups = String(value ?? '')
    .split(',')
    .map((one) => Buffer.from(one, 'latin1').toString('utf8').trim())
    .filter((one) => one !== '');
  if (groups.length > MAX_GROUPS)
    throw new GatewayError('invalid_request', `There are more than ${MAX_GROUPS} groups.`);
  return groups;
}
