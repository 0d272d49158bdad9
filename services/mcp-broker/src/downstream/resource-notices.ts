import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Server } from '../catalog/catalog.ts';
import { serviceOf } from '../catalog/refresh.ts';
import type { Admitted } from '../invoke/admit.ts';
import type { Gate } from '../invoke/gate.ts';
import { isPersonal } from '../offerings/catalog.ts';
import { MOST } from '../offerings/subscription-store.ts';
import { reachedResource } from '../offerings/visible.ts';
import { isPerPrincipal } from '../upstream/hosted.ts';
import type { Whose } from '../upstream/subscribing.ts';

/** The resources of which one stream tells. */
export interface ResourceNotices {
  /** Says of which resources it tells now, by URIs of the gate; gives those of which it does. */
  follow(uris: readonly string[]): readonly string[];
  /** What its principal may use is another thing now, or the servers are: what is not theirs any more is told of no more. */
  look(now: Admitted): void;
  /** Tells of one of them, which may have changed unheard. */
  tell(uri: string): void;
  end(): void;
}

/** Opens them; `updated` sends a notice with the URI that the client gave, and resolves when the client can take more. */
export interface ResourceNoticesOf {
  open(admitted: Admitted, signal: AbortSignal, updated: (uri: string) => Promise<unknown>): ResourceNotices;
}

/** When it could not be found out whether a change may be told of, it is tried again. */
const AGAIN_MS = 1_000;

interface Followed {
  readonly server: Server | undefined;
  readonly stop: () => void;
}

/**
 * Makes them for one replica. Following a resource is decided as reading it is (AccessPolicy `resources`), when it begins,
 * when policies change, and before each notice. What is read then is decided by itself.
 */
export function resourceNotices(gate: Gate): ResourceNoticesOf {
  const counts = new Map<string, number>();
  const takes = ({ tenant, id }: Principal) => [
    [`${tenant}\n${id}`, MOST.principal] as const,
    [tenant, MOST.tenant] as const,
  ];

  const take = (principal: Principal): boolean => {
    if (takes(principal).some(([key, most]) => (counts.get(key) ?? 0) >= most)) return false;
    for (const [key] of takes(principal)) counts.set(key, (counts.get(key) ?? 0) + 1);
    return true;
  };
  const give = (principal: Principal): void => {
    for (const [key] of takes(principal)) {
      const left = (counts.get(key) ?? 1) - 1;
      if (left > 0) counts.set(key, left);
      else counts.delete(key);
    }
  };

  return {
    open(admitted, signal, updated) {
      const { principal } = admitted;
      const followed = new Map<string, Followed>();
      let { access } = admitted;

      /** Each resource once, however often it changes while the client does not read. */
      const due = new Set<string>();
      let sending = false;
      let again: NodeJS.Timeout | undefined;
      const send = async () => {
        if (sending) return;
        sending = true;
        try {
          for (const uri of due) {
            const now = await gate.access.accessOf(principal, signal);
            // What changes from here on is told of once more.
            due.delete(uri);
            if (!followed.has(uri)) continue;
            if (reachedResource(gate, { principal, access: now }, 'resources/read', uri) !== undefined)
              await updated(uri);
          }
        } finally {
          sending = false;
        }
      };
      /** What could not be told stays due. */
      const sendDue = () => {
        clearTimeout(again);
        send().catch(() => {
          if (due.size === 0 || signal.aborted) return;
          again = setTimeout(sendDue, AGAIN_MS);
          again.unref();
        });
      };
      const tell = (uri: string) => {
        due.add(uri);
        sendDue();
      };
      const begin = (uri: string): Followed | undefined => {
        const reached = reachedResource(gate, { principal, access }, 'resources/read', uri);
        if (reached === undefined) return undefined;
        const { server } = reached.tool;
        // One that is known to tell of nothing is not asked to.
        if (gate.offerings.of(server, principal)?.offers.updates === false) return undefined;
        const whose = whoseOf(server, principal);
        const stop = gate.runner.upstream.subscribe(server, whose, reached.uri, () => tell(uri));
        return stop && { server, stop };
      };
      const drop = (uri: string) => {
        followed.get(uri)?.stop();
        if (followed.delete(uri)) give(principal);
      };
      return {
        follow(uris) {
          const wanted = new Set(uris);
          for (const uri of [...followed.keys()]) if (!wanted.has(uri)) drop(uri);
          for (const uri of wanted) {
            if (signal.aborted) break;
            if (followed.has(uri) || followed.size >= MOST.session || !take(principal)) continue;
            const one = begin(uri);
            if (one === undefined) give(principal);
            else followed.set(uri, one);
          }
          return [...wanted].filter((uri) => followed.has(uri));
        },
        look(now) {
          access = now.access;
          for (const [uri, { server, stop }] of followed) {
            const reached = reachedResource(gate, { principal, access }, 'resources/read', uri);
            if (reached !== undefined && reached.tool.server === server) continue;
            stop();
            // It may be theirs again later: what was once taken is the stream's until it ends.
            const one = begin(uri);
            followed.set(uri, one ?? { server: undefined, stop: () => undefined });
            if (one !== undefined) tell(uri);
          }
        },
        tell,
        end() {
          due.clear();
          clearTimeout(again);
          for (const uri of [...followed.keys()]) drop(uri);
        },
      };
    },
  };
}

/** Who follows a resource at its server: whoever has a credential or a process of their own there by themselves, all others as one. */
function whoseOf(server: Server, principal: Principal): Whose {
  if (!isPersonal(server) && !isPerPrincipal(server)) {
    return { principal: serviceOf(server.tenant), key: '', forNobody: true };
  }
  const { id, user, actors } = principal;
  return { principal, key: JSON.stringify([id, user, actors.map((actor) => actor.id)]), forNobody: false };
}
