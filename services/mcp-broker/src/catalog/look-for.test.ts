import { create } from '@bufbuild/protobuf';
import { describe, expect, it, jest } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Access } from '@sallyport/peers/access';
import { quiet, until } from '@sallyport/peers/testing';
import { PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import { sha256 } from '../digests.ts';
import { followCatalog } from './catalog.ts';
import { ownListing } from './look-for.ts';

const access = { allowsServer: () => true, allowsTool: () => true } as unknown as Access;
const signal = new AbortController().signal;
const item = {
  tenant: 'acme',
  name: 'mail',
  uid: 'u',
  generation: 1,
  contentHash: 'h',
  spec: {
    auth: { type: 'OAuth', scopes: [] },
    tools: [],
    defaultClass: 'Read',
    timeoutSeconds: 5,
    remote: { url: 'https://mail.example' },
  },
};
const person = (user: string) => create(PrincipalSchema, { tenant: 'acme', id: `user:${user}`, user });

/** A catalogue of one server that people connect, which answers as `ready` and `list` say. */
function listing(peers: { ready?: () => Promise<void>; list?: () => Promise<unknown[]> }) {
  const catalog = followCatalog({ items: () => [item] as never, onChange: () => () => undefined }, sha256);
  const asked: string[] = [];
  const own = ownListing({
    catalog,
    upstream: {
      async ready(_server, { user }) {
        asked.push(user);
        await peers.ready?.();
      },
      list: async () => (await peers.list?.()) ?? [{ name: 'read', inputSchema: { type: 'object' } }],
    },
    pins: { pin: async (_tenant: string, _uid: string, seen: ReadonlyMap<string, string>) => new Map(seen) } as never,
    sha256,
    log: quiet,
    onFirst: (uid) => void asked.push(`first of ${uid}`),
  });
  return { catalog, own, asked, look: (user: string) => own.look(person(user), access, signal) };
}

describe('looking for what servers offer to a person', () => {
  it('[mcp:connect-own-list] waits two seconds for a server that does not answer, and not for who has gone', async () => {
    jest.useFakeTimers();
    try {
      const { own, look } = listing({ ready: () => new Promise(() => undefined) });
      let waited = false;
      const looked = look('dana').then(() => {
        waited = true;
      });
      await jest.advanceTimersByTimeAsync(1_900);
      expect(waited).toBe(false);
      await jest.advanceTimersByTimeAsync(200);
      expect(waited).toBe(true);
      await looked;
      const gone = AbortSignal.abort();
      await own.look(person('dana'), access, gone);
    } finally {
      jest.useRealTimers();
    }
  });

  it('[mcp:connect-own-list] gives up a listing that never ends, and tries again later', async () => {
    jest.useFakeTimers();
    try {
      const { asked, look } = listing({ ready: () => new Promise(() => undefined) });
      for (const seconds of [3, 6, 4, 3]) {
        const looked = look('dana');
        await jest.advanceTimersByTimeAsync(seconds * 1_000);
        await looked;
      }
      expect(asked).toEqual(['dana', 'dana']);
    } finally {
      jest.useRealTimers();
    }
  });

  it('[mcp:connect-own-list] has the server listed for all as soon as a token may be there for it', async () => {
    const { asked, look } = listing({});
    await look('dana');
    await look('robin');
    expect(asked).toEqual(['dana', 'first of u', 'robin']);
  });

  it('[mcp:connect-own-list] asks anew for whom a notice is about, and for nobody else', async () => {
    const { own, asked, look } = listing({});
    for (const user of ['dana', 'robin']) await look(user);
    asked.length = 0;
    own.changed('u', 'dana');
    for (const user of ['dana', 'robin']) await look(user);
    expect(asked).toEqual(['dana']);
    own.changed('u', '');
    for (const user of ['dana', 'robin']) await look(user);
    expect(asked).toEqual(['dana', 'dana', 'robin']);
  });

  it('[mcp:connect-own-list] shows nobody what it offers to others because theirs cannot be read', async () => {
    let fails: GatewayError | undefined;
    const { catalog, look } = listing({
      async ready() {
        if (fails !== undefined) throw fails;
      },
    });
    await look('dana');
    const tool = catalog.tools('acme')[0];
    if (tool === undefined) throw new Error('Nothing is listed.');
    const definitions = new Map([['read', tool.definition]]);
    catalog.listed('u', { definitions, dropped: [], pins: new Map([['read', tool.definition.digest]]) });
    fails = new GatewayError('unavailable', 'Away.');
    await look('robin');
    fails = new GatewayError('upstream_credentials', 'No.', { details: { missing: 'grant', server: 'mail' } });
    await look('kim');
    await until('it is told', () => catalog.offers({ user: 'kim' }, tool));
    // Nor is somebody who is refused a token told that there is no such tool.
    fails = new GatewayError('upstream_credentials', 'No.', { details: { oauth: 'invalid_grant' } });
    await look('lou');
    const offered = ['dana', 'robin', 'kim', 'lou'].map((user) => catalog.offers({ user }, tool));
    expect(offered).toEqual([true, false, true, true]);
  });
});
