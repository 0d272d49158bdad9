import { readFileSync } from 'node:fs';
import { createServer, type Server, type ServerOptions } from 'node:https';
import { TLSSocket } from 'node:tls';
import type { TlsConfig } from '../config.ts';
import type { Logger } from '../log.ts';

type RequestListener = ConstructorParameters<typeof Server>[1];

/**
 * An HTTPS server that only clients with a certificate of `tls.caFile` can connect to. The files are read anew in the stated
 * interval, so that a rotation reaches each new connection; where they cannot be read the last ones stay.
 */
export function mutualTlsServer(options: {
  readonly tls: TlsConfig;
  readonly http: ServerOptions;
  readonly app: NonNullable<RequestListener>;
  readonly log: Logger;
}): Server {
  const { tls, http, app, log } = options;
  const files = () => ({
    cert: readFileSync(tls.certFile),
    key: readFileSync(tls.keyFile),
    ca: readFileSync(tls.caFile),
    minVersion: 'TLSv1.2' as const,
  });
  let latest = files();
  const server = createServer({ ...http, ...latest, requestCert: true, rejectUnauthorized: true }, app);
  const timer = setInterval(() => {
    try {
      const next = files();
      if ((['cert', 'key', 'ca'] as const).every((name) => next[name].equals(latest[name]))) return;
      server.setSecureContext(next);
      latest = next;
      log.info('certificates of the HTTPS listener were read anew');
    } catch (error) {
      log.warn('certificates of the HTTPS listener cannot be read anew', { error });
    }
  }, tls.reloadInterval);
  timer.unref();
  server.once('close', () => clearInterval(timer));
  return server;
}

const namesBySocket = new WeakMap<object, readonly string[]>();
const NONE: readonly string[] = [];

/** The DNS and URI names in the verified certificate of a client; none without one. */
export function clientNames(socket: object): readonly string[] {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return NONE;
  let names = namesBySocket.get(socket);
  if (names === undefined) {
    // Reading a certificate costs tens of µs: once a connection.
    names = subjectNames(socket.getPeerCertificate().subjectaltname);
    namesBySocket.set(socket, names);
  }
  return names;
}

/** The DNS and URI entries of a `subjectaltname` text as Node writes it. */
export function subjectNames(text: string | undefined): readonly string[] {
  // Node quotes an entry that holds a separator (CVE-2021-44532): such a certificate names nobody we know.
  if (text === undefined || text.includes('"')) return NONE;
  return text.split(', ').flatMap((entry) => /^(?:DNS|URI):(.+)$/.exec(entry)?.[1] ?? []);
}
