import { type OfferedList, offeredList } from '../catalog/offered-list.ts';
import type { Admitted } from '../invoke/admit.ts';
import type { Gate } from '../invoke/gate.ts';
import { visiblePrompts, visibleResources } from '../offerings/visible.ts';
import { shares } from './shares.ts';

/** Lists of which a client can be told that they have changed for it. */
export type ChangingList = 'tools' | 'prompts' | 'resources';

/** One stream of notices of change. */
export interface ChangeStream {
  readonly admitted: Admitted;
  /** Name of the toolset that is spoken to; none at `/mcp`. */
  readonly toolset: string | undefined;
  readonly lists: readonly ChangingList[];
  readonly signal: AbortSignal;
  /** Told of each list that is another one now. */
  readonly changed: (list: ChangingList) => void;
  /** Told what its principal may use whenever that may be another thing. */
  readonly looked?: (now: Admitted) => void;
}

/** Streams that tell clients of changes of what they may see, bounded in number. */
export interface ChangeStreams {
  /**
   * Serves a stream until its signal fires, its principal may use this plane no longer, or the gate stops. Where there is
   * no room for it, words that say so.
   */
  serve(stream: ChangeStream): Promise<void> | NoRoom;
  stop(): Promise<void>;
}

/** Why a stream is not served, in words for its client. */
export type NoRoom = string;

/** Streams of one replica. */
const MOST = { all: 1_024, tenant: 256, principal: 16 } as const;
const WHOSE = { principal: 'of this principal', tenant: 'of this tenant', all: 'here' } as const;
/** Changes come in bunches; clients are told once of a bunch. */
const BUNCH_MS = 250;
const SETTLED_MS = 3_200;
/** So much of each second, at most, goes into looking what has changed for whom. */
const AT_A_TIME = 64;

interface Open {
  readonly stream: ChangeStream;
  readonly end: () => void;
  seen: Readonly<Record<ChangingList, string>>;
}

/**
 * Makes them. What a principal may see is worked out anew for each stream when something has changed that lists are made of
 * (policies, servers, toolsets, what servers have), and only a list that is another one then is told of: a change of what
 * is hidden from somebody is none for them.
 */
export function changeStreams(gate: Gate): ChangeStreams {
  const open = new Set<Open>();
  const places = shares(MOST);
  let timer: NodeJS.Timeout | undefined;
  let again: NodeJS.Timeout | undefined;
  let looking = false;
  let stopped = false;

  const look = async () => {
    looking = true;
    let done = 0;
    for (const one of [...open]) {
      if (++done % AT_A_TIME === 0) await new Promise((resolve) => setTimeout(resolve, 1_000 / AT_A_TIME));
      if (open.has(one)) await tell(gate, one).catch(() => undefined);
    }
    looking = false;
  };
  const soon = () => {
    if (timer !== undefined || open.size === 0 || stopped) return;
    timer = setTimeout(() => {
      timer = undefined;
      if (looking) soon();
      else void look();
    }, BUNCH_MS);
    timer.unref();
  };
  gate.snapshot.onChange(() => {
    soon();
    // For a while policy may not have heard of a change, and answers as before it.
    clearTimeout(again);
    again = setTimeout(soon, SETTLED_MS);
    again.unref();
  });
  gate.offerings.onChange(soon);

  return {
    serve(stream) {
      if (stopped || stream.signal.aborted) return 'Nothing can be listened for now.';
      const place = places.take(stream.admitted.principal);
      if (typeof place === 'string') {
        return `${MOST[place]} streams ${WHOSE[place]} are open at once, which is the most. End one, or try again later.`;
      }
      let seen: Open['seen'];
      try {
        seen = seenBy(gate, stream);
      } catch (error) {
        place();
        throw error;
      }
      return new Promise<void>((ended) => {
        const end = () => {
          if (!open.delete(one)) return;
          place();
          ended();
        };
        const one: Open = { stream, end, seen };
        open.add(one);
        stream.signal.addEventListener('abort', end, { once: true });
      });
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      clearTimeout(again);
      for (const one of open) one.end();
    },
  };
}

async function tell(gate: Gate, one: Open): Promise<void> {
  const { stream } = one;
  const { principal } = stream.admitted;
  const access = await gate.access.accessOf(principal, stream.signal);
  if (!access.allowsEndpoint('mcp')) return one.end();
  stream.looked?.({ principal, access });
  const now = seenBy(gate, { ...stream, admitted: { principal, access } });
  const before = one.seen;
  one.seen = now;
  for (const list of stream.lists) if (now[list] !== before[list]) stream.changed(list);
}

/** What a stream's principal may see of each list that it is told of, in a form to be compared. */
function seenBy(gate: Gate, { admitted, toolset: named, lists }: ChangeStream): Open['seen'] {
  const { principal, access } = admitted;
  const toolset = named === undefined ? undefined : gate.toolsets.find(principal, access, named);
  const gone = named !== undefined && toolset === undefined;
  const tells = (list: ChangingList) => lists.includes(list) && !gone;
  const of = (list: ChangingList, see: () => unknown) => (tells(list) ? digestOf(gate, see()) : '');
  return {
    tools: tells('tools') ? listDigest(gate, offeredList(gate.catalog, principal, access, toolset)) : '',
    prompts: of('prompts', () => visiblePrompts(gate, admitted).map(({ shown, entry }) => [shown, entry])),
    resources: of('resources', () => [
      visibleResources(gate, admitted, 'resources').map(({ shown, entry }) => [shown, entry]),
      visibleResources(gate, admitted, 'templates').map(({ shown, entry }) => [shown, entry]),
    ]),
  };
}

const digests = new WeakMap<OfferedList, string>();

// Once for all streams that are offered the same.
function listDigest(gate: Gate, list: OfferedList): string {
  const known = digests.get(list);
  if (known !== undefined) return known;
  const seen = list.tools.map(({ name, shown, tool }) => {
    return [name, tool.definition.digest, shown === tool.definition ? '' : shown];
  });
  const digest = digestOf(gate, seen);
  digests.set(list, digest);
  return digest;
}

function digestOf(gate: Gate, value: unknown): string {
  return gate.digest('mcp-seen-list', JSON.stringify(value));
}
