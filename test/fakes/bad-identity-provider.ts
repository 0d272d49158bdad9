import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { OAuth2Issuer, OAuth2Service } from 'oauth2-mock-server';
import { listen, type RecordedRequest, recordRequest } from './listening.ts';

/** What a token of the fake is to be: header and claims laid over good ones, signed by the key `kid` (the first without it). */
export interface FakeToken {
  readonly kid?: string;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** One issuer of the fake. */
export interface FakeIssuer {
  readonly issuer: string;
  /** Paths that were asked for, under the issuer. */
  readonly asked: string[];
  /** Answers for the issuer instead, or says false and lets it answer. */
  fault: (path: string, res: ServerResponse) => boolean;
  /** A token of `<name>-user` for audience `sallyport`, good for an hour unless told otherwise. */
  token(change?: FakeToken): Promise<string>;
  /** Has no keys any more but one new one. */
  rotate(kid: string): Promise<void>;
  /** Public half of the key that signs. */
  publicKey(): Record<string, unknown>;
}

/** Issuers of one scripted identity provider, which does as the test says and not as it should. */
export interface BadIdentityProvider {
  readonly url: string;
  /** Every request, whole. */
  readonly received: RecordedRequest[];
  of(name: string): FakeIssuer;
  close(): Promise<void>;
}

/** Starts it with issuers by name, each at `<url>/<name>` with one RSA key `<name>-1`. */
export async function startBadIdentityProvider(names: readonly string[]): Promise<BadIdentityProvider> {
  const issuers = new Map<string, FakeIssuer & { handle(req: IncomingMessage, res: ServerResponse): void }>();
  const received: RecordedRequest[] = [];
  const { url, close } = await listen(async (req, res) => {
    received.push(await recordRequest(req));
    const [, name = '', rest = ''] = /^\/([^/]+)(\/.*)?$/.exec(req.url ?? '') ?? [];
    const issuer = issuers.get(name);
    if (issuer === undefined) return void res.writeHead(404).end();
    issuer.asked.push(rest);
    req.url = rest;
    if (!issuer.fault(rest, res)) issuer.handle(req, res);
  }, {});
  for (const name of names) issuers.set(name, await fakeIssuer(`${url}/${name}`, name));
  return {
    url,
    received,
    of(name) {
      const found = issuers.get(name);
      if (found === undefined) throw new TypeError(`no issuer ${name}`);
      return found;
    },
    close,
  };
}

async function fakeIssuer(url: string, name: string) {
  const made = async (id: string) => {
    const issuer = new OAuth2Issuer();
    issuer.url = url;
    // Not made by the package itself, which knows only objects of its own realm, and jest has another.
    await issuer.keys.add({ ...strangerKey().export({ format: 'jwk' }), kid: id, alg: 'RS256' });
    return { issuer, service: new OAuth2Service(issuer) };
  };
  let now = await made(`${name}-1`);
  const self: FakeIssuer & { handle(req: IncomingMessage, res: ServerResponse): void } = {
    issuer: url,
    asked: [],
    fault: () => false,
    handle: (req, res) => now.service.requestHandler(req, res),
    async rotate(id) {
      now = await made(id);
    },
    publicKey: () => now.issuer.keys.toJSON()[0] as Record<string, unknown>,
    token: ({ kid: by, header = {}, claims = {} } = {}) =>
      now.issuer.buildToken({
        ...(by === undefined ? {} : { kid: by }),
        scopesOrTransform: (head, payload) => {
          Object.assign(head, { typ: 'at+jwt', ...header });
          Object.assign(payload, { aud: 'sallyport', sub: `${name}-user`, ...claims });
        },
      }),
  };
  return self;
}

/** A key that no issuer has. */
export function strangerKey(): KeyObject {
  return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
}
