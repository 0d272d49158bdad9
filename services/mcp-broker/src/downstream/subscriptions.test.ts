import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Client as ModernClient } from '@modelcontextprotocol/client';
import type { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { noOfferings, withOfferings } from '../../../../test/fakes/offerings.ts';
import { type FakeToolServer, startFakeToolServer } from '../../../../test/fakes/tool-server.ts';
import { KEYS, startBroker, type TestBroker, untilTrue } from '../testing/broker.ts';
import { allowAll } from '../testing/peers.ts';
import { memorySubscriptions } from '../testing/subscription-store.ts';
import { mcpClients, sessionOf } from '../testing/testing-clients.ts';

const docs = noOfferings();
docs.resources = ['a', 'b', 'secret/c'].map((name) => ({ uri: `file:///${name}`, name }));
docs.read = (uri) => [{ uri, text: 'x' }];
const store = memorySubscriptions();
/** What the server in sessions was asked to tell of. */
const asked: string[] = [];
let modernServer: FakeToolServer;
let olderServer: FakeToolServer;
let broker: TestBroker;

const specs = () => ({
  now: { remote: { url: modernServer.url } },
  old: { remote: { url: olderServer.url } },
});

beforeAll(async () => {
  modernServer = await startFakeToolServer({
    revisions: '2026-07-28',
    more(server) {
      withOfferings(docs)(server);
      server.registerCapabilities({ resources: { subscribe: true } });
    },
  });
  olderServer = await startFakeToolServer({
    revisions: '2025-11-25',
    sessions: true,
    more(server) {
      withOfferings(docs)(server);
      server.registerCapabilities({ resources: { subscribe: true } });
      for (const method of ['resources/subscribe', 'resources/unsubscribe'] as const) {
        server.setRequestHandler(method, ({ params }) => {
          asked.push(`${method} ${params.uri}`);
          return {};
        });
      }
    },
  });
  broker = await startBroker({}, store);
  await broker.servers(specs());
}, 30_000);
const { modern, older, close } = mcpClients(() => broker);
afterAll(async () => {
  await close();
  await broker?.close();
  await modernServer?.close();
  await olderServer?.close();
});
beforeEach(() => allowAll(broker.state));

/** What a client is told of, and how it comes to be. */
async function following(client: ModernClient | OlderClient, uris: string[]) {
  const told: string[] = [];
  if ('listen' in client) {
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => void told.push(params.uri));
    const subscription = await client.listen({ resourceSubscriptions: uris });
    const { resourceSubscriptions: honored = [] } = subscription.honoredFilter ?? {};
    return { told, honored, end: () => subscription.close() };
  }
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void told.push(params.uri));
  const honored: string[] = [];
  for (const uri of uris) {
    const taken = await client.subscribeResource({ uri }).then(
      () => true,
      () => false,
    );
    if (taken) honored.push(uri);
  }
  return { told, honored, end: () => client.close() };
}

/** Has the server tell until the client has heard: what is listened for begins a moment after it was asked for. */
async function heard(told: readonly string[], server: FakeToolServer, uri: string): Promise<void> {
  const before = told.length;
  await untilTrue(() => {
    if (told.length > before) return true;
    void server.updated(uri);
    return false;
  });
}

const LINES = [
  ['client 2.x on 2026-07-28', () => modern()],
  ['sdk 1.x', () => older()],
] as const;
const SERVERS = [
  ['a server of 2026-07-28', 'now', () => modernServer],
  ['a server of the older line', 'old', () => olderServer],
] as const;

describe.each(LINES)('changes of single resources, with %s', (_line, connect) => {
  it.each(SERVERS)(
    '[offering:updates] of %s are told of by the URIs of the gate, as far as they are asked for',
    async (_name, prefix, of) => {
      const client = await connect();
      const wanted = [`${prefix}+file:///a`, `${prefix}+file:///secret/c`, 'nowhere+file:///a'];
      broker.state.offered = { ...broker.state.offered, resources: [`${prefix}/file:///a`] };
      await broker.servers(specs());
      await new Promise((resolve) => setTimeout(resolve, 300));
      const { told, honored, end } = await following(client, wanted);
      // What is not theirs and what is not there are one.
      expect(honored).toEqual([`${prefix}+file:///a`]);
      await heard(told, of(), 'file:///a');
      for (const uri of ['file:///b', 'file:///secret/c']) await of().updated(uri);
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(new Set(told)).toEqual(new Set([`${prefix}+file:///a`]));
      await end();
    },
  );

  it('[offering:updates-decided] are told of no more once a policy takes the resource away', async () => {
    const client = await connect();
    const { told, end } = await following(client, ['now+file:///a', 'old+file:///b']);
    await heard(told, modernServer, 'file:///a');
    await heard(told, olderServer, 'file:///b');
    // Without a word to the broker: what is said before each notice is what counts.
    broker.state.offered = { ...broker.state.offered, resources: [] };
    const count = told.length;
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await modernServer.updated('file:///a');
    await olderServer.updated('file:///b');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(told.slice(count)).toEqual([]);
    await end();
  });

  it('[offering:updates-flood] are told of once a second, however often a server tells of them', async () => {
    const client = await connect();
    const { told, end } = await following(client, ['now+file:///a', 'old+file:///a']);
    await heard(told, modernServer, 'file:///a');
    await heard(told, olderServer, 'file:///a');
    const count = told.length;
    const since = performance.now();
    for (let round = 0; round < 200; round++) {
      await modernServer.updated('file:///a');
      await olderServer.updated('file:///a/part/of/it');
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    const seconds = (performance.now() - since) / 1_000;
    expect(told.length - count).toBeLessThanOrEqual(2 * (Math.ceil(seconds) + 1));
    await end();
  });
});

describe('subscriptions', () => {
  it('[offering:updates-shared] of many sessions are one at the server, and end with the last', async () => {
    const uri = 'file:///b';
    const clients = await Promise.all([older(), older(KEYS.bob), modern(KEYS.carol)]);
    asked.length = 0;
    const all = await Promise.all(clients.map((client) => following(client, [`old+${uri}`])));
    for (const { told } of all) await heard(told, olderServer, uri);
    const aboutIt = () => asked.filter((one) => one.endsWith(uri));
    expect(aboutIt()).toEqual([`resources/subscribe ${uri}`]);
    for (const { end } of all.slice(1)) await end();
    await heard(all[0]?.told ?? [], olderServer, uri);
    expect(aboutIt()).toHaveLength(1);
    await (clients[0] as OlderClient).unsubscribeResource({ uri: `old+${uri}` });
    await untilTrue(() => aboutIt().length > 1);
    expect(aboutIt()).toEqual([`resources/subscribe ${uri}`, `resources/unsubscribe ${uri}`]);
  });

  it('[offering:updates-again] are taken up again where the server has forgotten them, and told of once for what was missed', async () => {
    const client = await older();
    const { told, end } = await following(client, ['old+file:///a']);
    await heard(told, olderServer, 'file:///a');
    asked.length = 0;
    const count = told.length;
    await olderServer.dropSessions();
    await untilTrue(() => asked.includes('resources/subscribe file:///a') && told.length > count);
    await heard(told, olderServer, 'file:///a');
    await end();
  });

  it('[offering:updates-move] go with their session to another broker, as after a restart', async () => {
    const client = await older();
    await following(client, ['now+file:///a']);
    const session = sessionOf(client);
    const other = await startBroker({}, store);
    await other.servers(specs());
    const headers = { authorization: `Bearer ${KEYS.alice}`, accept: 'text/event-stream', 'mcp-session-id': session };
    const leaving = new AbortController();
    const stream = await fetch(`${other.url}/mcp`, { headers, signal: leaving.signal });
    let text = '';
    const reading = (async () => {
      for await (const chunk of stream.body ?? []) text += Buffer.from(chunk).toString();
    })().catch(() => undefined);
    // A notice may have been missed on the way.
    await untilTrue(() => text.includes('"uri":"now+file:///a"'));
    // One that the first broker took is heard of at the second.
    await client.subscribeResource({ uri: 'old+file:///b' });
    await untilTrue(() => {
      void olderServer.updated('file:///b');
      return text.includes('"uri":"old+file:///b"');
    });
    leaving.abort();
    await reading;
    await client.close();
    await other.close();
  });

  it('[offering:updates-end] end within a second of a revocation, and are bounded', async () => {
    const client = await older(KEYS.erin);
    await following(client, ['old+file:///a']);
    const many = await modern(KEYS.erin);
    const uris = [...Array(300).keys()].map((each) => `now+file:///${each}`);
    const { honored } = await following(many, uris);
    expect(honored).toHaveLength(256);
    const of = (what: string) => asked.filter((one) => one.startsWith(`resources/${what}`)).length;
    asked.length = 0;
    for (const each of [...Array(255).keys()]) await client.subscribeResource({ uri: `old+file:///${each}` });
    await expect(client.subscribeResource({ uri: 'old+file:///more' })).rejects.toMatchObject({ code: -32_000 });
    await untilTrue(() => of('subscribe') >= 255);
    const revokedAt = performance.now();
    broker.revoke('erin');
    await untilTrue(() => of('unsubscribe') > 0);
    expect(performance.now() - revokedAt).toBeLessThan(1_500);
    await untilTrue(() => of('unsubscribe') >= 250);
  });

  it('[offering:updates-bounded] are of no URI longer than is kept, and of one list no more are looked at than could be', async () => {
    const client = await older(KEYS.carol);
    const uri = `old+file:///${'\u00e4'.repeat(1_500)}`;
    await expect(client.subscribeResource({ uri })).rejects.toMatchObject({ code: -32_602 });
    await client.close();
    const many = await modern(KEYS.carol);
    const none = Array.from({ length: 1_024 }, (_, at) => `nowhere+file:///${at}`);
    const { honored, end } = await following(many, ['now+file:///a', ...none, 'now+file:///b']);
    expect(honored).toEqual(['now+file:///a']);
    await end();
  });
});
