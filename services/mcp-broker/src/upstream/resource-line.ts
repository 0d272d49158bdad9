import { type Client, type McpSubscription, ProtocolError } from '@modelcontextprotocol/client';
import { z } from 'zod';
import type { StandingStream } from './standing-stream.ts';

/** What a server tells of changes of single resources, over one connection. */
export interface ResourceLine {
  /** Says which resources it is to tell of now, by its own URIs. What it refuses it does not tell of. */
  set(uris: readonly string[]): Promise<void>;
  /** Resolves when the server tells no more. */
  readonly ended: Promise<void>;
  close(): void;
}

/** Opens one; `updated` gets the URI that the server says, which may be of a part of what was asked for. */
export type OpenResourceLine = (updated: (uri: string) => void) => ResourceLine;

const ASK_MS = 10_000;
/** Requests about resources that are under way at a server at once. */
const AT_ONCE = 16;
const anything = z.looseObject({});

/** How changes of resources are heard of at a server; undefined where it tells of none. */
export function resourceLines(client: Client, standing: StandingStream | undefined): OpenResourceLine | undefined {
  if (client.getServerCapabilities()?.resources?.subscribe !== true) return undefined;
  const listeners = new Set<(uri: string) => void>();
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
    for (const listener of listeners) listener(params.uri);
  });
  return standing === undefined ? modernLines(client, listeners) : olderLines(client, listeners, standing);
}

type Listeners = Set<(uri: string) => void>;

/** 2026-07-28: one request that names all of them; another set is another request, which begins before the last ends. */
function modernLines(client: Client, listeners: Listeners): OpenResourceLine {
  return (updated) => {
    let current: McpSubscription | undefined;
    let over: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      over = resolve;
    });
    listeners.add(updated);
    const close = () => {
      listeners.delete(updated);
      void current?.close().catch(() => undefined);
      current = undefined;
      over();
    };
    return {
      ended,
      close,
      async set(uris) {
        const before = current;
        const next =
          uris.length === 0
            ? undefined
            : await client.listen({ resourceSubscriptions: [...uris] }, { timeout: ASK_MS });
        if (!listeners.has(updated)) return void (await next?.close().catch(() => undefined));
        current = next;
        void next?.closed.then(() => {
          if (current === next) close();
        });
        await before?.close().catch(() => undefined);
      },
    };
  };
}

/** The older line: a request for each, and notices on the stream that stands beside all calls. */
function olderLines(client: Client, listeners: Listeners, standing: StandingStream): OpenResourceLine {
  /** How many lines of the connection want each: a session of a server is subscribed once. */
  const wanted = new Map<string, number>();
  const ask = async (method: string, uri: string) => {
    const request = { method, params: { uri } };
    try {
      await client.request(request, anything, { timeout: ASK_MS });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  };
  const leave = async (uri: string) => {
    const left = (wanted.get(uri) ?? 1) - 1;
    if (left > 0) return void wanted.set(uri, left);
    wanted.delete(uri);
    await ask('resources/unsubscribe', uri);
  };
  return (updated) => {
    const ending = new AbortController();
    const own = new Set<string>();
    listeners.add(updated);
    const close = () => {
      if (!listeners.delete(updated)) return;
      ending.abort();
      for (const uri of own) void leave(uri).catch(() => undefined);
    };
    const join = async (uri: string) => {
      own.add(uri);
      const others = wanted.get(uri) ?? 0;
      wanted.set(uri, others + 1);
      if (others === 0) await ask('resources/subscribe', uri);
    };
    const held = standing.hold(ending.signal).then(close);
    return {
      ended: held,
      close,
      async set(uris) {
        const now = new Set(uris);
        const added = [...now].filter((uri) => !own.has(uri));
        const gone = [...own].filter((uri) => !now.has(uri));
        for (let at = 0; at < added.length; at += AT_ONCE) await Promise.all(added.slice(at, at + AT_ONCE).map(join));
        for (const uri of gone) own.delete(uri);
        for (let at = 0; at < gone.length; at += AT_ONCE) await Promise.all(gone.slice(at, at + AT_ONCE).map(leave));
      },
    };
  };
}
