import { withTimeout } from '@sallyport/chassis/deadline';
import { asGatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Access } from '@sallyport/peers/access';
import { lackingOf } from '@sallyport/peers/connecting';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Sha256 } from '@sallyport/turn';
import type { PinStore } from '../store.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Catalog, Server } from './catalog.ts';
import { readDefinitions } from './definition.ts';
import { pinsOf } from './settle.ts';
import { mayUseServer } from './visibility.ts';

/** Finds out what servers that people call with tokens of their own offer to each of them. */
export interface OwnListing {
  /** Waits, a little, until that is known for a person. */
  look(principal: Principal, access: Access, signal: AbortSignal): Promise<void>;
  /** Somebody connected a server, or does so no longer. */
  changed(uid: string): void;
}

const WAIT_MS = 2_000;
/** A person who has not connected a server, or a server that failed, is not tried again at once. */
const AGAIN_MS = 5_000;
const MAX_TRIES = 5_000;

/** Makes it. A server that cannot be asked stays as everybody is shown it. */
export function ownListing(options: {
  readonly catalog: Pick<Catalog, 'servers' | 'onChange' | 'own' | 'listedFor'>;
  readonly upstream: Pick<Upstream, 'ready' | 'list'>;
  readonly pins: PinStore;
  readonly sha256: Sha256;
  readonly log: Logger;
}): OwnListing {
  const { catalog, upstream, pins, sha256, log } = options;
  const running = new Map<string, Promise<void>>();
  const tried = new Map<string, number>();
  let personal: readonly Server[] = [];
  const follow = () => {
    personal = [...catalog.servers()].filter(({ spec }) => spec.auth !== undefined);
  };
  follow();
  catalog.onChange(follow);

  const list = async (server: Server, principal: Principal): Promise<void> => {
    try {
      await upstream.ready(server, principal);
      const raw = await upstream.list(server, principal, withTimeout(undefined, WAIT_MS), WAIT_MS);
      const { definitions } = readDefinitions(sha256, raw);
      const { seen, reviewed } = pinsOf(server.spec, definitions);
      const held = await pins.pin(server.tenant, server.uid, seen, reviewed);
      catalog.listedFor(server.uid, principal.user, definitions, held);
    } catch (error) {
      if (lackingOf(error) !== undefined) return catalog.own.left(server.uid, principal.user);
      log.debug('A tool server could not be listed for a person', {
        server: server.name,
        error: asGatewayError(error),
      });
    }
  };
  const isDue = (key: string): boolean => {
    const now = performance.now();
    if (now - (tried.get(key) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) return false;
    tried.delete(key);
    const oldest = tried.size >= MAX_TRIES ? tried.keys().next().value : undefined;
    if (oldest !== undefined) tried.delete(oldest);
    tried.set(key, now);
    return true;
  };
  const look = (server: Server, principal: Principal): Promise<void> | undefined => {
    const key = JSON.stringify([server.uid, principal.user]);
    const known = catalog.own.knows(server.uid, principal.user);
    if (known === 'fresh') return undefined;
    if (!running.has(key) && isDue(key)) {
      // Several requests of a person may wait for one listing, so it does not end with the first of them.
      running.set(
        key,
        list(server, principal).finally(() => running.delete(key)),
      );
    }
    // What was known a while ago is shown, and looked at anew meanwhile.
    return known === 'stale' ? undefined : running.get(key);
  };
  return {
    async look(principal, access, signal) {
      if (personal.length === 0 || principal.user === '') return;
      const own = personal.filter((server) => mayUseServer(principal, access, server));
      const looks = own.flatMap((server) => look(server, principal) ?? []);
      if (looks.length > 0) await Promise.race([Promise.all(looks), left(signal)]);
    },
    changed(uid) {
      catalog.own.doubt(uid);
      for (const key of tried.keys()) if ((JSON.parse(key) as string[])[0] === uid) tried.delete(key);
    },
  };
}

function left(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
