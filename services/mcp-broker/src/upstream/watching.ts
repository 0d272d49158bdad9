import type { Client } from '@modelcontextprotocol/client';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Server } from '../catalog/catalog.ts';
import { callScope } from './call-scope.ts';
import type { Connection } from './connection.ts';
import { atMostOften } from './pace.ts';
import type { StandingStream } from './standing-stream.ts';

/** Listens to what servers tell of changes of their lists. */
export interface Watching {
  /** Has `told` called when a server says that a list of its has changed, at most once a second; nothing where it does so already. */
  watch(server: Server, principal: Principal, told: () => void): void;
  /** Ends what is listened for at servers that are gone or changed. */
  keepOnly(hashes: ReadonlyMap<string, string>): void;
}

const LISTS = ['tools', 'prompts', 'resources'] as const;

/** Makes it; `open` gives the connection that is shared by all. What breaks off is begun again with the next `watch`. */
export function watchServers(open: (server: Server) => Promise<Connection>): Watching {
  const watched = new Map<string, { readonly hash: string; readonly ending: AbortController }>();
  return {
    watch(server, principal, told) {
      const { uid, contentHash: hash } = server;
      const held = watched.get(uid);
      if (held?.hash === hash) return;
      held?.ending.abort();
      const ending = new AbortController();
      const one = { hash, ending };
      watched.set(uid, one);
      const { signal } = ending;
      callScope
        .run({ principal, signal, mayGoWithout: true, credential: '' }, async () => {
          const { watch } = await open(server);
          await watch?.(atMostOften(told, signal), signal);
        })
        .catch(() => undefined)
        .finally(() => {
          if (watched.get(uid) === one) watched.delete(uid);
        });
    },
    keepOnly(hashes) {
      for (const [uid, { hash, ending }] of watched) if (hashes.get(uid) !== hash) ending.abort();
    },
  };
}

/**
 * How changes of lists are listened for at a server that tells of them; undefined for all others. On 2026-07-28 by asking for
 * them; on the older line they come on the stream of a call, or on that which stands beside all calls.
 */
export function watchBy(client: Client, standing: StandingStream | undefined): Connection['watch'] {
  const capabilities = client.getServerCapabilities() ?? {};
  const told = LISTS.filter((list) => capabilities[list]?.listChanged === true);
  if (told.length === 0) return undefined;
  if (standing !== undefined) {
    return async (tell, signal) => {
      for (const list of told) client.setNotificationHandler(`notifications/${list}/list_changed`, () => tell());
      await standing.hold(signal);
    };
  }
  const filter = Object.fromEntries(told.map((list) => [`${list}ListChanged`, true]));
  return async (tell, signal) => {
    for (const list of told) client.setNotificationHandler(`notifications/${list}/list_changed`, () => tell());
    const subscription = await client.listen(filter);
    const end = () => void subscription.close().catch(() => undefined);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    await subscription.closed;
    signal.removeEventListener('abort', end);
  };
}
