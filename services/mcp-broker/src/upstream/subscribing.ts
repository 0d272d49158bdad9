import { SdkHttpError } from '@modelcontextprotocol/client';
import { sleep } from '@sallyport/chassis/deadline';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Server } from '../catalog/catalog.ts';
import { callScope } from './call-scope.ts';
import type { Connection } from './connection.ts';
import { atMostOften } from './pace.ts';
import type { ResourceLine } from './resource-line.ts';

/** In whose name a server is asked to tell of changes. */
export interface Whose {
  readonly principal: Principal;
  /** Names whose credential it is; what has the same name at a server is one. */
  readonly key: string;
  readonly forNobody: boolean;
}

/** Hears of changes of single resources at servers: one subscription a server, resource and credential, for all who want it. */
export interface Subscribing {
  /**
   * Has `told` called when a resource has changed, at most once a second, and once after a time in which that could not be
   * heard; gives how to stop. Undefined where too many of this server's are followed already.
   */
  subscribe(server: Server, whose: Whose, uri: string, told: () => void): (() => void) | undefined;
  /** A credential of a server is another one, for a person or (empty) for everybody: begins anew with it. */
  renew(uid: string, user: string): void;
  /** Ends what is followed at servers that are gone or changed. */
  keepOnly(hashes: ReadonlyMap<string, string>): void;
}

/** Most resources of one server that are followed under one credential. */
const MAX_URIS = 2_048;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;
const STEADY_MS = 10_000;
/** Subscriptions come in bunches. */
const BUNCH_MS = 20;
const MAX_PARENTS = 32;
/** What a server that has forgotten a session answers. */
const NO_SESSION = 404;

interface Followed {
  readonly listeners: Set<() => void>;
  readonly pulse: () => void;
  readonly ending: AbortController;
}

interface Feed {
  readonly server: Server;
  readonly user: string;
  readonly uris: Map<string, Followed>;
  readonly ending: AbortController;
  /** Ends the present connection's line only. */
  again: () => void;
  wake: () => void;
}

/** A connection, and how to give it up for a new one. */
export interface OpenConnection {
  readonly connection: Connection;
  readonly drop: () => void;
}

/** Makes it; `open` gives the connection of a server for who asks, within the scope of a call. */
export function subscribeServers(open: (server: Server, whose: Whose) => Promise<OpenConnection>): Subscribing {
  const feeds = new Map<string, Feed>();

  const tell = ({ uris }: Feed, uri: string) => {
    // A server may speak of a part of what was subscribed to.
    let at: string | undefined = uri;
    for (let steps = 0; at !== undefined && steps < MAX_PARENTS; steps++) {
      const found = uris.get(at) ?? uris.get(`${at}/`);
      if (found !== undefined) return found.pulse();
      const cut: number = at.lastIndexOf('/');
      at = cut > 0 ? at.slice(0, cut) : undefined;
    }
  };

  /** Follows a connection until it ends or the feed does. */
  const follow = async (feed: Feed, line: ResourceLine, missed: boolean): Promise<void> => {
    const { ending, uris } = feed;
    let over = false;
    void line.ended.then(() => {
      over = true;
      feed.wake();
    });
    feed.again = () => line.close();
    for (let first = true; !over && !ending.signal.aborted; first = false) {
      const woken = new Promise<void>((resolve) => {
        feed.wake = resolve;
      });
      if (uris.size === 0) return;
      await line.set([...uris.keys()]);
      if (first && missed) for (const { pulse } of uris.values()) pulse();
      await woken;
      if (!over) await sleep(BUNCH_MS);
    }
  };

  const run = async (key: string, feed: Feed, whose: Whose): Promise<void> => {
    const { server, ending, uris } = feed;
    let failures = 0;
    for (let missed = false; uris.size > 0 && !ending.signal.aborted; missed = true) {
      const since = performance.now();
      let line: ResourceLine | undefined;
      let opened: OpenConnection | undefined;
      try {
        opened = await open(server, whose);
        line = opened.connection.updates?.((uri) => tell(feed, uri));
        if (line !== undefined) await follow(feed, line, missed);
      } catch (error) {
        // Tried again below: what was not heard meanwhile is made up for by telling once.
        if (error instanceof SdkHttpError && error.status === NO_SESSION) opened?.drop();
      } finally {
        line?.close();
      }
      failures = performance.now() - since > STEADY_MS ? 0 : failures + 1;
      const waitMs = line === undefined ? LONGEST_RETRY_MS : FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10);
      if (uris.size > 0) await sleep(Math.min(Math.max(0, waitMs), LONGEST_RETRY_MS), ending.signal).catch(() => {});
    }
    if (feeds.get(key) === feed) feeds.delete(key);
  };

  const feedOf = (server: Server, whose: Whose): Feed => {
    const key = `${server.uid}\n${whose.key}`;
    const held = feeds.get(key);
    if (held !== undefined && held.server.contentHash === server.contentHash && !held.ending.signal.aborted) {
      return held;
    }
    held?.ending.abort();
    held?.wake();
    const nothing = () => undefined;
    const ending = new AbortController();
    const feed: Feed = {
      server,
      user: whose.forNobody ? '' : whose.principal.user,
      uris: new Map(),
      ending,
      again: nothing,
      wake: nothing,
    };
    feeds.set(key, feed);
    const { principal, forNobody } = whose;
    const scope = { principal, signal: ending.signal, mayGoWithout: forNobody, credential: '' };
    // After who subscribes now has been noted.
    setImmediate(() => void callScope.run(scope, () => run(key, feed, whose)));
    return feed;
  };

  return {
    subscribe(server, whose, uri, told) {
      const feed = feedOf(server, whose);
      const { uris } = feed;
      let followed = uris.get(uri);
      if (followed === undefined) {
        if (uris.size >= MAX_URIS) return undefined;
        const ending = new AbortController();
        const listeners = new Set<() => void>();
        const pulse = atMostOften(() => {
          for (const listener of listeners) listener();
        }, ending.signal);
        followed = { listeners, pulse, ending };
        uris.set(uri, followed);
        feed.wake();
      }
      const { listeners, ending } = followed;
      // One that is given twice is told twice.
      const listener = () => told();
      listeners.add(listener);
      return () => {
        if (!listeners.delete(listener) || listeners.size > 0) return;
        ending.abort();
        uris.delete(uri);
        feed.wake();
      };
    },
    renew(uid, user) {
      for (const feed of feeds.values()) {
        if (feed.server.uid === uid && (user === '' || feed.user === user)) feed.again();
      }
    },
    keepOnly(hashes) {
      for (const { server, ending, wake } of feeds.values()) {
        if (hashes.get(server.uid) === server.contentHash) continue;
        ending.abort();
        wake();
      }
    },
  };
}
