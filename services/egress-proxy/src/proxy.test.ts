import { type LookupAddress, lookup } from 'node:dns';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { urlGuard } from '@sallyport/chassis/net/guard';
import { testAuthority } from '@sallyport/chassis/rpc/testing-certificates';
import { egressCredential } from '@sallyport/peers/egress-credential';
import { createAdmission } from './admission.ts';
import { readClientHello } from './client-hello.ts';
import { probe } from './probe.ts';
import { createEgressProxy, type EgressProxy, type Refused } from './proxy.ts';
import { accountRefusals } from './refusals.ts';

const log = createLogger({ service: 'test', level: 'error', write: () => undefined });
const KEY = 'k'.repeat(48);
const JIRA = { tenant: 'acme', uid: '11111111-1111-4111-8111-111111111111' };
const OTHER = { tenant: 'acme', uid: '22222222-2222-4222-8222-222222222222' };
const GONE = { tenant: 'acme', uid: '33333333-3333-4333-8333-333333333333' };

let proxy: EgressProxy;
let upstreamPort = 0;
let addresses: Record<string, LookupAddress[]> = {};
let lookups = 0;
let owner: typeof JIRA | undefined = JIRA;
const reached: string[] = [];
const refused: Refused[] = [];
const undo: (() => unknown)[] = [];

const resolve: NonNullable<Parameters<typeof urlGuard>[0]>['lookup'] = (host, options, done) => {
  lookups++;
  const known = addresses[host];
  if (known === undefined) lookup('localhost.invalid', options, done);
  else done(null, known);
};

beforeAll(async () => {
  const tls = await (await testAuthority()).issue('api.example.com');
  const upstream = createTlsServer({ cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => socket.write(`echo ${data}`));
  });
  upstream.on('connection', (socket: Socket) => reached.push(String(socket.remoteAddress)));
  await new Promise<void>((go) => upstream.listen(0, '127.0.0.1', go));
  upstreamPort = (upstream.address() as AddressInfo).port;
  const declared = [
    `api.example.com:${upstreamPort}`,
    `*.wild.example:${upstreamPort}`,
    `rebinds.example:${upstreamPort}`,
    `mixed.example:${upstreamPort}`,
    `link.example:${upstreamPort}`,
    `metadata.google.internal:${upstreamPort}`,
  ];
  const item = (of: typeof JIRA, egress: string[]) => ({
    ...{ ...of, kind: 'ToolServer', name: `server-${of.uid[0]}`, createdAtMs: 0, generation: 1, contentHash: '' },
    spec: { hosted: { egress }, allowPrivateNetwork: false },
  });
  const items = [item(JIRA, declared), item(OTHER, [])];
  proxy = createEgressProxy({
    listen: { host: '127.0.0.1', port: 0 },
    admission: createAdmission({
      snapshot: { items: () => items, onChange: () => () => undefined },
      key: KEY,
      ownerAt: async () => owner,
    }),
    guards: {
      // The one server of this test stands on loopback; every other name is held to the rules.
      strict: urlGuard({ lookup: resolve, allowHosts: ['api.example.com', '*.wild.example'] }),
      open: urlGuard({ lookup: resolve, allowPrivate: true }),
    },
    onRefused: (one) => refused.push(one),
    onOpened: () => undefined,
    log,
    timeouts: { helloMs: 300, connectMs: 1_000 },
  });
  await proxy.start();
  undo.push(
    () => upstream.close(),
    () => proxy.stop(),
  );
});
afterAll(async () => {
  for (const step of undo.reverse()) await step();
});
beforeEach(() => {
  refused.length = 0;
  reached.length = 0;
  lookups = 0;
  addresses = {
    'api.example.com': [{ address: '127.0.0.1', family: 4 }],
    'a.wild.example': [{ address: '127.0.0.1', family: 4 }],
  };
  owner = undefined;
  owner = JIRA;
});

const authorization = (of: typeof JIRA, key = KEY) => {
  const { user, password } = egressCredential(key, of);
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
};

/** Opens a tunnel; gives the status line and the socket. */
function tunnel(
  authority: string,
  credential: string | undefined = authorization(JIRA),
  first = 'CONNECT',
): Promise<{ status: number; socket: Socket }> {
  return new Promise((done, fail) => {
    const socket = connect(proxy.port(), '127.0.0.1');
    const shown = credential === undefined ? '' : `proxy-authorization: ${credential}\r\n`;
    const path = first === 'CONNECT' ? authority : `http://${authority}/`;
    socket.write(`${first} ${path} HTTP/1.1\r\nhost: ${authority}\r\n${shown}\r\n`);
    socket.once('data', (data) => done({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(String(data))?.[1]), socket }));
    socket.once('error', fail);
  });
}
const statusOf = async (...args: Parameters<typeof tunnel>) => {
  const { status, socket } = await tunnel(...args);
  socket.destroy();
  return status;
};
/** What comes back through a tunnel within which this server name is shown. */
async function talk(authority: string, servername: string): Promise<string> {
  const { status, socket } = await tunnel(authority);
  if (status !== 200) return String(status);
  return await new Promise((done) => {
    const tls = connectTls({ socket, servername, rejectUnauthorized: false }, () => tls.write('hello'));
    tls.once('data', (data) => {
      done(String(data));
      tls.destroy();
    });
    tls.once('error', () => done('cut'));
    tls.once('close', () => done('cut'));
  });
}

describe('the way out of hosted servers', () => {
  it('[hosted:egress] lets TLS to a declared host through, and below a declared domain', async () => {
    expect(await talk(`api.example.com:${upstreamPort}`, 'api.example.com')).toBe('echo hello');
    expect(await talk(`A.wild.example.:${upstreamPort}`, 'a.wild.example')).toBe('echo hello');
    expect(lookups).toBe(2);
    expect(refused).toEqual([]);
  });

  it.each([
    ['the metadata address', '169.254.169.254:80', 'NotDeclared'],
    ['the metadata address in another spelling', '2852039166:443', 'NotDeclared'],
    ['a short form of an address', '127.1:443', 'NotDeclared'],
    ['an address in hexadecimal', '0x7f.1:443', 'NotDeclared'],
    ['an IPv6 address', '[::1]:443', 'BadTarget'],
    ['the API server', 'kubernetes.default.svc:443', 'NotDeclared'],
    ['Postgres', 'sallyport-postgres.sallyport.svc:5432', 'NotDeclared'],
    ['another pod', '10.42.0.7:8080', 'NotDeclared'],
    ['an undeclared host', 'evil.example:443', 'NotDeclared'],
    ['a declared host on another port', 'api.example.com:22', 'NotDeclared'],
    ['the bare domain of a star', 'wild.example:443', 'NotDeclared'],
    ['a host that ends alike', 'notapi.example.com:443', 'NotDeclared'],
    ['a name with a control character', 'api.example.com\t:443', 'BadTarget'],
  ])('[hosted:egress] refuses %s', async (_, authority, reason) => {
    const status = await statusOf(authority);
    // What is no request at all gets no further than Node's parser.
    if (authority.includes('\t')) return expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(refused.map((one) => [one.reason, one.server?.uid])).toEqual([[reason, JIRA.uid]]);
    expect(reached).toEqual([]);
  });

  it.each([
    ['a private address', 'rebinds.example', ['10.0.0.5']],
    ['one private address among public ones', 'mixed.example', ['93.184.216.34', '127.0.0.1']],
    ['a link-local address', 'link.example', ['169.254.169.254']],
    ['IPv4 within IPv6', 'link.example', ['::ffff:a9fe:a9fe']],
    ['a metadata name', 'metadata.google.internal', ['93.184.216.34']],
  ])('[hosted:egress-guard] refuses a declared name that leads to %s', async (_, host, list) => {
    addresses[host] = list.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    expect(await statusOf(`${host}:${upstreamPort}`)).toBe(403);
    expect(refused[0]?.reason).toBe('PrivateAddress');
    expect(reached).toEqual([]);
  });

  it('[hosted:egress-guard] asks for the addresses once and connects to one of those', async () => {
    await talk(`api.example.com:${upstreamPort}`, 'api.example.com');
    expect([lookups, reached.length]).toEqual([1, 1]);
    addresses['api.example.com'] = [{ address: '169.254.169.254', family: 4 }];
    expect(await statusOf(`api.example.com:${upstreamPort}`)).toBe(403);
  });

  it('[hosted:egress] cuts what is no TLS, shows another name, none, or waits', async () => {
    const at = `api.example.com:${upstreamPort}`;
    expect(await talk(at, 'evil.example')).toBe('cut');
    expect(await talk(at, '')).toBe('cut');
    for (const first of ['GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n', 'SSH-2.0-x\r\n', '']) {
      const { socket } = await tunnel(at);
      const ended = new Promise((go) => socket.once('close', go));
      socket.resume();
      if (first !== '') socket.write(first);
      await ended;
    }
    expect(refused.map(({ reason }) => reason)).toEqual([
      'OtherServerName',
      'NoServerName',
      'NotTls',
      'NotTls',
      'NotTls',
    ]);
  });

  it('[hosted:egress] forwards no plain HTTP', async () => {
    expect(await statusOf('api.example.com', authorization(JIRA), 'GET')).toBe(405);
    expect(refused[0]).toMatchObject({ reason: 'NotConnect', host: 'api.example.com' });
  });

  it('[hosted:egress-identity] serves nobody without a credential of its own, from its own pod', async () => {
    const at = `api.example.com:${upstreamPort}`;
    expect(await statusOf(at, '')).toBe(407);
    expect(await statusOf(at, authorization(JIRA, 'z'.repeat(48)))).toBe(407);
    expect(await statusOf(at, authorization({ ...JIRA, tenant: 'other' }))).toBe(407);
    expect(await statusOf(at, authorization(GONE))).toBe(407);
    expect(await statusOf(at, authorization(OTHER))).toBe(403);
    expect(refused.map(({ reason }) => reason)).toEqual([...Array(4).fill('Unidentified'), 'WrongAddress']);
    // Told of the server whose credential got away.
    expect(refused.map(({ server }) => server?.uid)).toEqual([...Array(4).fill(undefined), OTHER.uid]);
  });

  it('[hosted:egress] reads a ClientHello however it is cut, and none that hides its name', async () => {
    const bytes = await helloOf('api.example.com');
    for (let at = 1; at < bytes.length; at++) expect(readClientHello(bytes.subarray(0, at)).is).toBe('partial');
    expect(readClientHello(bytes)).toEqual({ is: 'named', name: 'api.example.com' });
    // In two records: 20 bytes of the message, then the rest.
    const body = bytes.subarray(5);
    const record = (part: Buffer) =>
      Buffer.concat([Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part]);
    const cut = Buffer.concat([record(body.subarray(0, 20)), record(body.subarray(20))]);
    expect(readClientHello(cut)).toEqual({ is: 'named', name: 'api.example.com' });
    for (let at = 5; at < bytes.length; at += 7) {
      const bent = Buffer.from(bytes);
      bent[at] = (bent[at] ?? 0) ^ 0xff;
      expect(() => readClientHello(bent)).not.toThrow();
    }
  });

  it('[hosted:egress-record] records refusals and tells the status of the server, without a flood', async () => {
    const records: { reason?: string | undefined; tenant?: string | undefined; detailJson?: string | undefined }[] = [];
    const reports: { observations?: readonly { statusJson?: string }[] }[] = [];
    let there: { uid: string }[] = [{ uid: JIRA.uid }];
    let changed = () => {};
    const account = accountRefusals({
      snapshot: {
        items: () => there as never,
        onChange(listener) {
          changed = () => listener('ToolServer' as never);
          return () => undefined;
        },
      },
      recorder: { append: (record) => void records.push(record) },
      client: { report: async (request) => void reports.push(request as never) as never },
      reporter: 'test',
      intervalMs: 60_000,
      log,
    });
    const server = { ...JIRA, name: 'jira', generation: 3, targets: [], allowPrivate: false };
    for (let at = 0; at < 100; at++) {
      account.add({ server, reason: 'NotDeclared', host: 'evil.example', port: 443, from: '10.0.0.9' });
    }
    account.add({ server: undefined, reason: 'Unidentified', host: 'x.example', port: 443, from: '10.0.0.9' });
    expect(records.length).toBe(60);
    expect(records[0]).toMatchObject({ tenant: 'acme', reason: 'NotDeclared' });
    expect(records[0]?.detailJson).toContain('evil.example');
    for (let left = 300; reports.length === 0 && left > 0; left--) await new Promise((go) => setTimeout(go, 50));
    // Of one that is gone nothing is told any more.
    changed();
    account.add({ server, reason: 'NotDeclared', host: 'again.example', port: 443, from: '10.0.0.9' });
    for (let left = 300; reports.length === 1 && left > 0; left--) await new Promise((go) => setTimeout(go, 50));
    expect(reports).toHaveLength(2);
    there = [];
    changed();
    account.soon();
    await new Promise((go) => setTimeout(go, 300));
    expect(reports).toHaveLength(2);
    await account.stop();
    const { egress } = JSON.parse(reports[0]?.observations?.[0]?.statusJson ?? '{}');
    expect(egress).toMatchObject({ refused: 100, last: [{ host: 'evil.example', reason: 'NotDeclared' }] });
  });

  it('[hosted:status] proves by a probe what is open beside the proxy', async () => {
    const free = createNetServer();
    await new Promise<void>((go) => free.listen(0, '127.0.0.1', go));
    const closedPort = (free.address() as AddressInfo).port;
    await new Promise((go) => free.close(go));
    const [own, other] = [
      { host: '127.0.0.1', port: proxy.port() },
      { host: '127.0.0.1', port: upstreamPort },
    ];
    const closed = { host: '127.0.0.1', port: closedPort };
    expect(await probe(own, [closed], 0)).toEqual({ open: [], proxy: true });
    expect(await probe(own, [closed, other], 0)).toEqual({ open: [`127.0.0.1:${upstreamPort}`], proxy: true });
    expect(await probe(closed, [closed], 0)).toEqual({ open: [], proxy: false });
  });
});

/** The first bytes of a TLS client. */
function helloOf(servername: string): Promise<Buffer> {
  return new Promise((done) => {
    const server = createNetServer((socket) => {
      socket.once('data', (data) => {
        done(data as Buffer);
        socket.destroy();
        server.close();
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      connectTls({ port, host: '127.0.0.1', servername, rejectUnauthorized: false }).on('error', () => undefined);
    });
  });
}
