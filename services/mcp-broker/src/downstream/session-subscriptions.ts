import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Gate } from '../invoke/gate.ts';
import type { Session } from '../invoke/run-of-call.ts';
import type { SessionOf } from '../offerings/subscription-store.ts';
import type { ResourceNotices } from './resource-notices.ts';

/** Which resources the sessions of the older line are told of, on whichever replica their requests and streams are. */
export interface SessionSubscriptions {
  /** Subscribes a session to a resource, by its URI at the gate; false: no room. Rejects where that cannot be kept. */
  add(principal: Principal, session: Session, uri: string): Promise<boolean>;
  remove(principal: Principal, session: Session, uri: string): Promise<void>;
  end(principal: Principal, session: Session): Promise<void>;
  /**
   * A stream of the session is open: it tells of what the session is subscribed to until it is left by what is returned,
   * unless a newer stream of the session does. Where it begins to, it tells of all of it: a notice may have been missed.
   */
  serve(principal: Principal, session: Session, notices: ResourceNotices): () => void;
  stop(): Promise<void>;
}

/** How soon a stream here knows of a subscription that another replica took. */
const LOOK_MS = 2_000;

interface Streams {
  readonly tenant: string;
  /** The newest last: a message is sent on one stream of a session only. */
  readonly open: ResourceNotices[];
  /** The one that has told of all that changed before it was the newest. */
  caughtUp?: ResourceNotices;
  /** The look by which it is known what is subscribed to. */
  known?: number;
}

/** Makes them for one replica. */
export function sessionSubscriptions({
  subscriptions: store,
  log,
}: Pick<Gate, 'subscriptions' | 'log'>): SessionSubscriptions {
  const byRun = new Map<string, Streams>();
  let timer: NodeJS.Timeout | undefined;

  let looks = 0;
  const follow = (run: string, uris: readonly string[], look: number) => {
    const streams = byRun.get(run);
    const newest = streams?.open.at(-1);
    // One that took long knows less than one that was begun after it.
    if (streams === undefined || newest === undefined || look < (streams.known ?? 0)) return;
    streams.known = look;
    const followed = newest.follow(uris);
    if (streams.caughtUp === newest) return;
    streams.caughtUp = newest;
    for (const uri of followed) newest.tell(uri);
  };
  const lookAt = async (tenant: string, runs: readonly string[]) => {
    const own = ++looks;
    const found = await store.of(tenant, runs);
    for (const run of runs) follow(run, found.get(run) ?? [], own);
  };
  const look = async () => {
    for (const [tenant, runs] of Map.groupBy([...byRun], ([, streams]) => streams.tenant)) {
      const names = runs.map(([run]) => run);
      await lookAt(tenant, names);
    }
  };
  const wake = () => {
    if (timer !== undefined || byRun.size === 0) return;
    timer = setTimeout(() => {
      look()
        .catch((error: unknown) => log.debug('Subscriptions of sessions could not be looked up', { error }))
        .finally(() => {
          timer = undefined;
          wake();
        });
    }, LOOK_MS);
    timer.unref();
  };
  const sync = async ({ tenant, session }: Pick<SessionOf, 'tenant' | 'session'>) => {
    if (byRun.has(session)) await lookAt(tenant, [session]);
  };
  // Where it cannot be looked up now, the next look finds it.
  const begin = (tenant: string, run: string) =>
    void sync({ tenant, session: run }).catch((error: unknown) =>
      log.debug('Subscriptions of a session could not be looked up', { error }),
    );

  return {
    async add(principal, session, uri) {
      const whose = sessionOf(principal, session);
      const fits = await store.add(whose, uri);
      if (fits) await sync(whose);
      return fits;
    },
    async remove(principal, session, uri) {
      const whose = sessionOf(principal, session);
      await store.remove(whose, uri);
      await sync(whose);
    },
    end: (principal, session) => store.end(sessionOf(principal, session)),
    serve({ tenant }, { run }, notices) {
      const streams = byRun.get(run) ?? { tenant, open: [] };
      byRun.set(run, streams);
      streams.open.at(-1)?.follow([]);
      streams.open.push(notices);
      wake();
      begin(tenant, run);
      return () => {
        const at = streams.open.indexOf(notices);
        if (at < 0) return;
        const wasNewest = at === streams.open.length - 1;
        streams.open.splice(at, 1);
        notices.end();
        if (streams.open.length === 0) byRun.delete(run);
        else if (wasNewest) begin(tenant, run);
      };
    },
    async stop() {
      clearTimeout(timer);
      byRun.clear();
    },
  };
}

function sessionOf({ tenant, id }: Principal, { run }: Session): SessionOf {
  return { tenant, principalId: id, session: run };
}
