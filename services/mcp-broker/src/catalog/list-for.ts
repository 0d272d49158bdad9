import { sleep } from '@sallyport/chassis/deadline';
import type { Access } from '@sallyport/peers/access';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Upstream } from '../upstream/upstream.ts';
import type { Catalog, Server } from './catalog.ts';
import type { OwnListing } from './look-for.ts';
import type { Refresher } from './refresh.ts';
import { mayUseServer } from './visibility.ts';

/**
 * Waits, at most two seconds each, for servers that are called in the name of people and were never listed (a token of this
 * person's, had for them now, is what they are listed with), and for what servers offer to this person.
 */
export type ListFor = (principal: Principal, access: Access, signal: AbortSignal) => Promise<void>;

const WAIT_MS = 2_000;
const LOOK_MS = 25;
/** Somebody for whom no token was to be had is not asked for again at once. */
const AGAIN_MS = 10_000;
const MAX_TRIES = 5_000;

/** Makes it. */
export function listingFor(options: {
  readonly catalog: Pick<Catalog, 'servers' | 'settled' | 'onChange'>;
  readonly upstream: Pick<Upstream, 'ready'>;
  readonly refresher: () => Pick<Refresher, 'soon'>;
  /** What servers offer to single persons. */
  readonly own: Pick<OwnListing, 'look'>;
}): ListFor {
  const { catalog, upstream } = options;
  const tries = new Map<string, number>();
  let delegated: readonly Server[] = [];
  const follow = () => {
    delegated = [...catalog.servers()].filter(({ spec }) => spec.auth !== undefined && spec.auth.type !== 'OAuth');
  };
  follow();
  catalog.onChange(follow);

  const isDue = (server: Server, { id }: Principal): boolean => {
    const [key, now] = [`${server.uid}\n${id}`, performance.now()];
    if (now - (tries.get(key) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) return false;
    tries.delete(key);
    const oldest = tries.size >= MAX_TRIES ? tries.keys().next().value : undefined;
    if (oldest !== undefined) tries.delete(oldest);
    tries.set(key, now);
    return true;
  };
  const list = async (server: Server, principal: Principal, signal: AbortSignal) => {
    try {
      await upstream.ready(server, principal);
    } catch {
      return;
    }
    options.refresher().soon(server.uid);
    const end = performance.now() + WAIT_MS;
    while (catalog.settled(server.uid) === undefined && performance.now() < end && !signal.aborted)
      await sleep(LOOK_MS, signal);
  };
  const listUnknown: ListFor = async (principal, access, signal) => {
    if (delegated.length === 0) return;
    const unknown = delegated.filter(
      (one) => one.tenant === principal.tenant && catalog.settled(one.uid) === undefined,
    );
    const wanted = unknown.filter((one) => mayUseServer(principal, access, one) && isDue(one, principal));
    await Promise.all(wanted.map((server) => list(server, principal, signal)));
  };
  return async (principal, access, signal) => {
    if (principal.user === '') return;
    await listUnknown(principal, access, signal);
    await options.own.look(principal, access, signal);
  };
}
