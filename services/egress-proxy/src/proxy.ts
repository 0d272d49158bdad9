import type { IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ListenConfig } from '@sallyport/chassis/config';
import { createServer } from '@sallyport/chassis/http/create-server';
import type { Logger } from '@sallyport/chassis/log';
import type { UrlGuard } from '@sallyport/chassis/net/guard';
import type { Component } from '@sallyport/chassis/process';
import type { Admission, EgressServer, Refusal, Target } from './admission.ts';
import { readClientHello } from './client-hello.ts';

/** What is told of a connection that was refused. `server` undefined: nobody knows whose it was. */
export interface Refused {
  readonly server: EgressServer | undefined;
  readonly reason: Refusal;
  readonly host: string;
  readonly port: number;
  readonly from: string;
}

/** What the proxy works with. */
export interface ProxyOptions {
  readonly listen: ListenConfig;
  readonly admission: Admission;
  /** Resolves and judges names: for servers that may reach private addresses, and for the others. */
  readonly guards: { readonly strict: UrlGuard; readonly open: UrlGuard };
  readonly onRefused: (refused: Refused) => void;
  readonly onOpened: (server: EgressServer) => void;
  readonly log: Logger;
  readonly timeouts?: Partial<Timeouts>;
}

interface Timeouts {
  readonly connectMs: number;
  readonly helloMs: number;
  readonly idleMs: number;
  /** How long one that was refused may take to end. */
  readonly lingerMs: number;
}

/** A listening proxy. */
export interface EgressProxy extends Component {
  port(): number;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const TIMEOUTS: Timeouts = { connectMs: 10_000, helloMs: 10_000, idleMs: 600_000, lingerMs: 5_000 };
const MAX_OF_ONE = 128;
const MAX_OF_ADDRESS = 256;
const MAX_SOCKETS = 10_000;
const MAX_HELLO = 32 * 1024;
const STATUS: Readonly<Partial<Record<Refusal, string>>> = {
  Unidentified: '407 Proxy Authentication Required',
  NotConnect: '405 Method Not Allowed',
  BadTarget: '400 Bad Request',
  TooMany: '429 Too Many Requests',
  Unreachable: '502 Bad Gateway',
  AddressUnknown: '503 Service Unavailable',
};

/**
 * The way out of hosted servers: CONNECT alone, for TLS alone. The name that was asked for is resolved and judged here, the
 * connection goes to an address that was judged, and the server name in the first bytes must be the name that was asked for.
 * What is inside TLS (a Host header of another name at the same address) nobody here can see.
 */
export function createEgressProxy(options: ProxyOptions): EgressProxy {
  const { admission, guards, log } = options;
  const timeouts = { ...TIMEOUTS, ...options.timeouts };
  const open = new Map<string, number>();
  const addresses = new Map<string, number>();
  const sockets = new Set<Duplex>();

  const refuse = (client: Duplex, told: Refused) => {
    options.onRefused(told);
    if (client.destroyed) return;
    // Who does not end its half would keep the socket for good, and Node looks after it no more.
    const over = setTimeout(() => client.destroy(), timeouts.lingerMs);
    client.once('close', () => clearTimeout(over));
    client.resume();
    if (!client.writable) return;
    const status = STATUS[told.reason] ?? '403 Forbidden';
    const challenge = told.reason === 'Unidentified' ? 'proxy-authenticate: Basic realm="sallyport"\r\n' : '';
    const body = `Sallyport refused this connection: ${told.reason}.\n`;
    client.end(
      `HTTP/1.1 ${status}\r\n${challenge}content-type: text/plain\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    );
  };

  const serve = async (req: IncomingMessage, client: Socket, head: Buffer) => {
    const authority = req.url ?? '';
    const from = client.remoteAddress ?? '';
    const asked = /^(.{1,253}):([0-9]{1,5})$/.exec(authority);
    const told = {
      host: (asked?.[1] ?? authority).slice(0, 253),
      port: Math.min(Number(asked?.[2] ?? 0), 65_535),
      from,
    };
    const server = await admission.identify(req.headers['proxy-authorization'], from);
    if ('refusal' in server) return refuse(client, { ...told, server: server.shown, reason: server.refusal });
    const target = admission.admit(server, authority);
    if (typeof target === 'string') return refuse(client, { ...told, server, reason: target });
    if ((open.get(server.uid) ?? 0) >= MAX_OF_ONE) return refuse(client, { ...told, server, reason: 'TooMany' });
    // It would never say again that it has gone.
    if (client.destroyed) return;
    const reaching = reach(target, server.allowPrivate ? guards.open : guards.strict, timeouts.connectMs);
    // Who leaves while a name is asked for counts until it is answered.
    const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
    count(open, server.uid, Promise.all([closed, reaching]));
    const upstream = await reaching;
    if (typeof upstream === 'string') return refuse(client, { ...told, server, reason: upstream });
    if (client.destroyed) return void upstream.destroy();
    client.once('close', () => upstream.destroy());
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    const hello = await firstBytes(client, head, timeouts.helloMs);
    const named = hello === undefined ? ({ is: 'refused', why: 'NotTls' } as const) : readClientHello(hello);
    const reason =
      named.is === 'named'
        ? sameName(named.name, target.host)
          ? undefined
          : 'OtherServerName'
        : named.is === 'refused'
          ? named.why
          : 'NotTls';
    if (reason !== undefined || hello === undefined) {
      // The tunnel is open: there is nothing to say in it but its end.
      options.onRefused({ ...told, server, reason: reason ?? 'NotTls' });
      client.destroy();
      return void upstream.destroy();
    }
    options.onOpened(server);
    upstream.write(hello);
    join(client, upstream, timeouts.idleMs);
  };

  const server = createServer({ maxHeaderSize: 8_192, headersTimeout: 10_000, requestTimeout: 10_000 }, (req, res) => {
    const from = req.socket.remoteAddress ?? '';
    const host = (URL.canParse(req.url ?? '') ? new URL(req.url ?? '').host : (req.headers.host ?? '')).slice(0, 253);
    void admission.identify(req.headers['proxy-authorization'], from).then((found) => {
      const refused =
        'refusal' in found
          ? { server: found.shown, reason: found.refusal }
          : { server: found, reason: 'NotConnect' as const };
      refuse(req.socket, { ...refused, host, port: 80, from });
      res.destroy();
    });
  });
  server.maxConnections = MAX_SOCKETS;
  server.on('connection', (socket) => {
    socket.on('error', () => undefined);
    // One pod has one address: it must not take the sockets of all others, not even by saying nothing.
    const from = socket.remoteAddress ?? '';
    if ((addresses.get(from) ?? 0) >= MAX_OF_ADDRESS) return void socket.destroy();
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    count(addresses, from, closed);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('connect', (req: IncomingMessage, client: Socket, head: Buffer) => {
    serve(req, client, head).catch((error: unknown) => {
      log.error('a connection could not be served', { error });
      client.destroy();
    });
  });
  return {
    name: 'egress proxy',
    port: () => (server.address() as AddressInfo).port,
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(options.listen.port, options.listen.host, () => {
          log.info('the proxy listens', { host: options.listen.host, port: (server.address() as AddressInfo).port });
          resolve();
        });
      }),
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Counts one under a key until what it is under way for is over. */
function count(counts: Map<string, number>, key: string, over: Promise<unknown>): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
  void over.then(() => {
    const left = (counts.get(key) ?? 1) - 1;
    if (left > 0) counts.set(key, left);
    else counts.delete(key);
  });
}

function sameName(shown: string, asked: string): boolean {
  return shown.toLowerCase().replace(/\.$/, '') === asked;
}

/** Resolves once, judges what came of it, and connects to an address that was judged: no second answer is asked for. */
function reach({ host, port }: Target, guard: UrlGuard, timeoutMs: number): Promise<Socket | Refusal> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => finish('Unreachable'), timeoutMs);
    let done = false;
    let trying: Socket | undefined;
    const finish = (outcome: Socket | Refusal) => {
      clearTimeout(timer);
      if (done) return;
      done = true;
      if (typeof outcome === 'string') trying?.destroy();
      resolve(outcome);
    };
    try {
      guard.check(`https://${host}:${port}/`);
    } catch {
      return finish('PrivateAddress');
    }
    guard.lookup(host, { all: true }, (error, addresses) => {
      if (error !== null)
        return finish((error as { code?: string }).code === 'permission_denied' ? 'PrivateAddress' : 'Unreachable');
      const list = (Array.isArray(addresses) ? addresses : []).slice(0, 4);
      const next = (at: number) => {
        const address = list[at];
        if (address === undefined || done) return finish('Unreachable');
        const socket = connect({ host: address.address, port, family: address.family, noDelay: true });
        trying = socket;
        socket.once('connect', () => {
          socket.removeAllListeners('error');
          socket.on('error', () => socket.destroy());
          finish(socket);
        });
        socket.once('error', () => next(at + 1));
      };
      next(0);
    });
  });
}

/** The bytes of a whole ClientHello; undefined where none came in time, or ever will. */
function firstBytes(client: Socket, head: Buffer, timeoutMs: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    let held = head;
    const finish = (bytes: Buffer | undefined) => {
      clearTimeout(timer);
      client.off('data', onData);
      client.off('close', onClose);
      client.pause();
      resolve(bytes);
    };
    const onClose = () => finish(undefined);
    const look = () => {
      if (held.length > MAX_HELLO) return finish(undefined);
      if (held.length > 0 && readClientHello(held).is !== 'partial') finish(held);
    };
    const onData = (data: Buffer) => {
      held = Buffer.concat([held, data]);
      look();
    };
    const timer = setTimeout(() => finish(undefined), timeoutMs);
    client.on('data', onData);
    client.once('close', onClose);
    client.resume();
    look();
  });
}

function join(client: Socket, upstream: Socket, idleMs: number): void {
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    from.setTimeout(idleMs, () => from.destroy());
    from.once('close', () => to.destroy());
    from.pipe(to);
  }
}
