import { sleep, within, withTimeout } from '@sallyport/chassis/deadline';
import { asGatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Access } from '@sallyport/peers/access';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Sha256 } from '@sallyport/turn';
import type { PinStore } from '../store.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Catalog, Server } from './catalog.ts';
import { readInSlices } from './definition.ts';
import { pinsOf } from './settle.ts';
import { mayUseServer } from './visibility.ts';

/** Waits, at most two seconds, until it is known what servers that people call with tokens of their own offer to a person. */
export type ListFor = (principal: Principal, access: Access, signal: AbortSignal) => Promise<void>;

/** Finds out what servers that people call with tokens of their own offer to each of them. */
export interface OwnListing {
  readonly look: ListFor;
  /** Somebody connected a server, or does so no longer; an empty name: it is about everybody. */
  changed(uid: string, user: string): void;
}

const WAIT_MS = 2_000;
/** A listing that takes longer has failed, whichever of its parts it is that waits. */
const LIST_MS = 12_000;
/** A person who has not connected a server, or a server that failed, is not tried again at once. */
const AGAIN_MS = 5_000;
const MAX_TRIES = 5_000;
const MAX_RUNNING = 256;

/** Makes it. Of a server that cannot be asked, who was never told what it offers to them is offered nothing. */
export function ownListing(options: {
  readonly catalog: Pick<Catalog, 'servers' | 'settled' | 'onChange' | 'own' | 'listedFor'>;
  readonly upstream: Pick<Upstream, 'ready' | 'list'>;
  readonly pins: PinStore;
  readonly sha256: Sha256;
  readonly log: Logger;
  /** Told of a server of which nothing was known before: by now a token may be there to list it for all. */
  readonly onFirst: (uid: string) => void;
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

  const read = async (server: Server, principal: Principal): Promise<void> => {
    await upstream.ready(server, principal);
    const raw = await upstream.list(server, principal, withTimeout(undefined, WAIT_MS), WAIT_MS);
    const { definitions } = await readInSlices(sha256, raw);
    const { seen, reviewed } = pinsOf(server.spec, definitions);
    const held = await pins.pin(server.tenant, server.uid, seen, reviewed);
    const first = catalog.settled(server.uid) === undefined;
    catalog.listedFor(server.uid, principal.user, definitions, held);
    if (first) options.onFirst(server.uid);
  };
  const list = async (server: Server, principal: Principal): Promise<void> => {
    try {
      await within(read(server, principal), LIST_MS, 'A listing for a person');
    } catch (error) {
      if (hadNoToken(error)) return catalog.own.left(server.uid, principal.user);
      catalog.own.unread(server.uid, principal.user);
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
    if (!running.has(key) && running.size < MAX_RUNNING && isDue(key)) {
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
      if (looks.length > 0) await atMost(WAIT_MS, Promise.all(looks), signal);
    },
    changed(uid, user) {
      catalog.own.doubt(uid, user);
      for (const key of tried.keys()) {
        const [of, who] = JSON.parse(key) as [string, string];
        if (of === uid && (user === '' || who === user)) tried.delete(key);
      }
    },
  };
}

/** Whether there is no token for a person at all: not connected, or refused to them. The call that they make tells them why. */
function hadNoToken(error: unknown): boolean {
  const { code, details } = asGatewayError(error);
  return code === 'upstream_credentials' && (details?.missing !== undefined || details?.oauth !== undefined);
}

/** Waits for something, but no longer than so many milliseconds, nor for who has gone. */
async function atMost(ms: number, work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const gone = () => over.abort();
  signal.addEventListener('abort', gone, { once: true });
  if (signal.aborted) gone();
  try {
    await Promise.race([work, sleep(ms, over.signal).catch(() => undefined)]);
  } finally {
    signal.removeEventListener('abort', gone);
    over.abort();
  }
}
