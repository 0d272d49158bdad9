import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { urlGuard } from '@sallyport/chassis/net/guard';
import { egressCredential } from '@sallyport/peers/egress-credential';
import { createAdmission } from './admission.ts';
import { readClientHello } from './client-hello.ts';
import { createEgressProxy, type EgressProxy } from './proxy.ts';
import { accountRefusals } from './refusals.ts';
import { nameResolver } from './resolve.ts';

const log = createLogger({ service: 'test', level: 'error', write: () => undefined });
const KEY = 'k'.repeat(48);
const JIRA = { tenant: 'acme', uid: '11111111-1111-4111-8111-111111111111' };
const snapshot = {
  items: () => [
    {
      ...{ ...JIRA, kind: 'ToolServer', name: 'jira', createdAtMs: 0, generation: 1, contentHash: '' },
      spec: { hosted: { egress: ['api.example.com'] }, allowPrivateNetwork: false },
    },
  ],
  onChange: () => () => undefined,
};
const { user, password } = egressCredential(KEY, JIRA);
const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const connectTo = (authority: string) =>
  `CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\nproxy-authorization: ${authorization}\r\n\r\n`;

let proxy: EgressProxy;
let answersWhose: () => void;
let whose: Promise<void>;
let resolves: (() => void)[] = [];
let asked = 0;
const sockets: Socket[] = [];

beforeEach(async () => {
  resolves = [];
  asked = 0;
  whose = new Promise((go) => {
    answersWhose = go;
  });
  const admission = createAdmission({ snapshot, key: KEY, ownerAt: async () => JIRA });
  proxy = createEgressProxy({
    listen: { host: '127.0.0.1', port: 0 },
    admission: {
      async identify(...args) {
        asked++;
        await whose;
        return await admission.identify(...args);
      },
      admit: admission.admit,
    },
    guards: {
      strict: urlGuard({
        lookup: (_, __, done) => void resolves.push(() => done(null, [{ address: '10.0.0.1', family: 4 }])),
      }),
      open: urlGuard(),
    },
    onRefused: () => undefined,
    onOpened: () => undefined,
    log,
    timeouts: { connectMs: 60_000, lingerMs: 50 },
  });
  await proxy.start();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await proxy.stop();
});

/** A client that never ends its half of the connection by itself. */
const client = async (first = ''): Promise<Socket> => {
  const socket = connect({ port: proxy.port(), host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  if (first !== '') socket.write(first);
  return socket;
};
const statusOf = async (first: string): Promise<number> => {
  const [data] = (await once(await client(first), 'data')) as [Buffer];
  return Number(/^HTTP\/1\.1 (\d+)/.exec(String(data))?.[1]);
};
const until = async (holds: () => boolean) => {
  for (let left = 500; !holds() && left > 0; left--) await new Promise((go) => setTimeout(go, 10));
  expect(holds()).toBe(true);
};

describe('a hostile pod before the way out', () => {
  it('[hosted:egress-bounds] holds no socket open by never ending its half of a refused one', async () => {
    answersWhose();
    const socket = await client(connectTo('evil.example:443'));
    socket.resume();
    await once(socket, 'end');
    // A write to what is closed on the other side is answered with a reset.
    const knock = setInterval(() => socket.write('x'), 10);
    await new Promise((go) => socket.once('close', go)).finally(() => clearInterval(knock));
  });

  it('[hosted:egress-bounds] gets so many connections at once and no more, whatever it does not say on them', async () => {
    const open: Socket[] = [];
    for (let at = 0; at < 300; at++) open.push(await client());
    for (const socket of open) socket.resume();
    await until(() => open.filter((socket) => socket.destroyed || socket.readableEnded).length === 44);
    for (const socket of open) socket.destroy();
    answersWhose();
    await until(() => open.every((socket) => socket.destroyed));
    // Those that have gone count no more.
    for (let left = 500; ; left--) {
      const socket = await client(connectTo('evil.example:443'));
      const got = await Promise.race([once(socket, 'data'), once(socket, 'close'), once(socket, 'end')]);
      if (String(got[0]).startsWith('HTTP/1.1 403')) break;
      expect(left).toBeGreaterThan(0);
    }
  });

  it('[hosted:egress-bounds] has its connections counted while names are asked for, and no longer than they last', async () => {
    const early = await Promise.all(Array.from({ length: 130 }, () => client(connectTo('api.example.com:443'))));
    await until(() => asked === 130);
    for (const socket of early) socket.resetAndDestroy();
    // Once this one has been heard those were.
    const marker = await client('CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example\r\n\r\n');
    await until(() => asked === 131);
    answersWhose();
    await once(marker, 'data');
    const waiting = await Promise.all(Array.from({ length: 128 }, () => client(connectTo('api.example.com:443'))));
    await until(() => resolves.length === 128);
    for (const socket of waiting) socket.resetAndDestroy();
    // Nobody waits for them any more, and they are still asked for.
    expect(await statusOf(connectTo('api.example.com:443'))).toBe(429);
    expect(resolves.length).toBe(128);
    for (const resolve of resolves.splice(0)) resolve();
    const last = client(connectTo('api.example.com:443'));
    await until(() => resolves.length === 1);
    resolves[0]?.();
    expect(String((await once(await last, 'data'))[0])).toContain('403');
  });

  it('[hosted:egress-identity] is nobody in a namespace other than that of the server whose UID it wears', async () => {
    const admission = createAdmission({ snapshot, key: KEY, ownerAt: async () => ({ ...JIRA, tenant: 'other' }) });
    expect(await admission.identify(authorization, '10.0.0.9')).toMatchObject({ refusal: 'WrongAddress' });
  });

  it('[hosted:egress-bounds] holds up the names of nobody else by names that are never answered', async () => {
    const names = createSocket('udp4');
    // Says that api.example.com is 192.0.2.7, and nothing of any other name.
    names.on('message', (query, { port }) => {
      const end = query.indexOf(0, 12) + 5;
      if (!query.subarray(12, end).includes('api') || query[end - 3] !== 1) return;
      const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
      const head = Buffer.from([...query.subarray(0, 2), 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
      names.send(Buffer.concat([head, query.subarray(12, end), answer]), port);
    });
    names.bind(0, '127.0.0.1');
    await once(names, 'listening');
    const lookup = nameResolver({ servers: [`127.0.0.1:${names.address().port}`], timeoutMs: 300 });
    const ask = (host: string) =>
      new Promise((go) => lookup(host, { all: true }, (error, addresses) => go(error === null ? addresses : 'failed')));
    const slow = Array.from({ length: 32 }, (_, at) => ask(`slow-${at}.example`));
    expect(await ask('api.example.com')).toEqual([{ address: '192.0.2.7', family: 4 }]);
    expect(new Set(await Promise.all(slow))).toEqual(new Set(['failed']));
    names.close();
  });

  it('[hosted:egress-bounds] writes no more lines into the log than are read, with a credential or without', async () => {
    const lines: string[] = [];
    const account = accountRefusals({
      snapshot: { items: () => [], onChange: () => () => undefined },
      recorder: { append: () => undefined },
      client: { report: async () => ({}) as never },
      reporter: 'test',
      intervalMs: 60_000,
      log: createLogger({ service: 'test', level: 'warn', write: (line) => void lines.push(line) }),
    });
    const server = { ...JIRA, name: 'jira', generation: 1, targets: [], allowPrivate: false };
    for (const who of [server, undefined]) {
      for (let at = 0; at < 1_000; at++)
        account.add({ server: who, reason: 'BadTarget', host: 'x', port: 1, from: '10.0.0.9' });
    }
    await account.stop();
    // 60 of each in a minute, of which another may have begun.
    expect(lines.length).toBeGreaterThanOrEqual(120);
    expect(lines.length).toBeLessThanOrEqual(240);
  });

  it('[hosted:egress-bounds] cannot have its first bytes read for long by cutting them into thousands of records', () => {
    const message = Buffer.concat([Buffer.from([1, 0, 0x20, 0]), Buffer.alloc(0x2000)]);
    const records = (count: number) =>
      Buffer.concat(Array.from({ length: count }, (_, at) => Buffer.from([22, 3, 1, 0, 1, message[at] as number])));
    expect(readClientHello(records(16))).toEqual({ is: 'partial' });
    expect(readClientHello(records(5_000))).toEqual({ is: 'refused', why: 'NotTls' });
  });
});
