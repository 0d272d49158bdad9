import { sleep, within, withTimeout } from '@sallyport/chassis/deadline';
import { asGatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Access } from '@sallyport/peers/access';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Catalog, Server } from '../catalog/catalog.ts';
import { serviceOf } from '../catalog/refresh.ts';
import { inSlices } from '../catalog/slices.ts';
import type { PinStore, Pins } from '../store.ts';
import { listBound } from '../upstream/list-bound.ts';
import type { ForWhom, Upstream } from '../upstream/upstream.ts';
import { MAX_LISTED, type Offerings, readPrompts, readResources } from './definitions.ts';
import { judge, promptPins, type Review, reviewOfAll, settlePrompts } from './review.ts';

/** What tool servers have besides tools, in memory: nothing here waits for a server. */
export interface OfferingCatalog {
  /** What a server was last seen to have for a principal; undefined where that is not known. */
  of(server: Server, principal: Principal): Offerings | undefined;
  /** What there is to say of what a server has, for everybody or for those who call it by themselves; undefined where that is not known. */
  review(server: Server): Review | undefined;
  /** Lists what a server has for everybody anew, behind everybody's back. For one that people call by themselves: nothing. */
  refresh(server: Server): void;
  /** Lists what servers that people call by themselves have for a principal; waits a moment for what is not known yet. */
  look(principal: Principal, access: Access, signal: AbortSignal): Promise<void>;
  /** Called when what some server has for somebody has changed, tools too, or who may see it. */
  onChange(listener: () => void): void;
  stop(): Promise<void>;
}

/** Most persons for whom it is kept what servers have for them. */
const MAX_HELD = 4_000;
/** Persons of whose lists of a server its status tells: those who listed it last. */
const MAX_TOLD = 64;
const MAX_PAGES = 64;
const MAX_RUNNING = 32;
const FRESH_MS = 60_000;
/** A server that failed for a person is not asked for them again at once. */
const AGAIN_MS = 5_000;
const WAIT_MS = 1_000;

interface Held {
  readonly of: Server;
  readonly offerings: Offerings | undefined;
  readonly json: string;
  readonly atMs: number;
}

/** Makes the catalogue. Of a server that cannot be asked holds what it had before. */
export function offeringCatalog(options: {
  readonly catalog: Pick<Catalog, 'servers' | 'settled' | 'onChange'>;
  readonly upstream: Pick<Upstream, 'offers' | 'ask'>;
  readonly pins: PinStore;
  readonly log: Logger;
  readonly listTimeoutMs: number;
}): OfferingCatalog {
  const { catalog, upstream, pins, log, listTimeoutMs } = options;
  const held = new Map<string, Held>();
  const running = new Map<string, Promise<void>>();
  const listeners = new Set<() => void>();
  /** Of servers that people call by themselves, until any of it changes. */
  const reviews = new Map<string, { readonly of: Server; readonly review: Review | undefined }>();
  /** Tools of servers as they were told of last. */
  const tools = new Map<string, string | undefined>();
  const stopping = new AbortController();

  catalog.onChange(() => {
    const alive = new Set([...catalog.servers()].map(({ uid }) => uid));
    for (const key of held.keys()) if (!alive.has(uidOf(key))) held.delete(key);
    for (const known of [tools, reviews]) for (const uid of known.keys()) if (!alive.has(uid)) known.delete(uid);
  });

  const keep = (key: string, server: Server, offerings: Offerings | undefined) => {
    const before = held.get(key);
    const json = offerings === undefined ? (before?.json ?? '') : JSON.stringify(offerings);
    held.delete(key);
    if (held.size >= MAX_HELD) held.delete(held.keys().next().value as string);
    held.set(key, { of: server, offerings: offerings ?? before?.offerings, json, atMs: performance.now() });
    if (isPersonal(server)) reviews.delete(server.uid);
    if (json !== (before?.json ?? '')) for (const listener of listeners) listener();
  };

  const read = async (server: Server, principal: Principal, forNobody: boolean): Promise<Offerings> => {
    const ms = listTimeoutMs;
    const for_ = { principal, forNobody, signal: withTimeout(stopping.signal, ms), timeoutMs: ms };
    const offers = await upstream.offers(server, for_);
    const list = (declared: boolean, method: string, member: string) =>
      declared ? pagesOf(upstream, server, method, member, for_) : [];
    const resources = await list(offers.resources, 'resources/list', 'resources');
    const templates = await list(offers.resources, 'resources/templates/list', 'resourceTemplates');
    const prompts = await list(offers.prompts, 'prompts/list', 'prompts');
    const read = { resources: readResources(resources, 'uri'), templates: readResources(templates, 'uriTemplate') };
    const judged = await inSlices(judge(readPrompts(prompts), [...read.resources, ...read.templates]));
    const { seen, reviewed } = promptPins(server.spec, judged.prompts);
    const none = seen.size + reviewed.size === 0;
    const pinned: Pins = none ? new Map() : await pins.pin(server.tenant, server.uid, seen, reviewed);
    const { inForce, review } = settlePrompts(server.spec, judged, pinned);
    return { offers, ...read, prompts: inForce, review };
  };

  const list = (key: string, server: Server, principal: Principal, forNobody: boolean): Promise<void> => {
    const already = running.get(key);
    if (already !== undefined) return already;
    if (running.size >= MAX_RUNNING || stopping.signal.aborted) return Promise.resolve();
    // Whichever of its parts it is that waits.
    const work = within(read(server, principal, forNobody), 2 * listTimeoutMs, 'A listing')
      .then((offerings) => keep(key, server, offerings))
      .catch((error: unknown) => {
        if (stopping.signal.aborted) return;
        keep(key, server, undefined);
        log.debug('What a tool server has besides tools could not be listed', {
          server: server.name,
          error: asGatewayError(error),
        });
      })
      .finally(() => running.delete(key));
    running.set(key, work);
    return work;
  };

  const personalReview = (server: Server): Review | undefined => {
    const known = reviews.get(server.uid);
    if (known?.of === server) return known.review;
    const found: Review[] = [];
    for (const one of [...held.values()].reverse()) {
      if (one.of === server && one.offerings !== undefined) found.push(one.offerings.review);
      if (found.length === MAX_TOLD) break;
    }
    const review = found.length === 0 ? undefined : reviewOfAll(found);
    reviews.set(server.uid, { of: server, review });
    return review;
  };

  return {
    of(server, principal) {
      const one = held.get(keyOf(server, principal));
      // Of another address, or under other credentials, it is not known what the server has.
      return one?.of === server ? one.offerings : undefined;
    },
    review(server) {
      if (isPersonal(server)) return personalReview(server);
      const one = held.get(keyOf(server, undefined));
      return one?.of === server ? one.offerings?.review : undefined;
    },
    refresh(server) {
      const status = JSON.stringify(catalog.settled(server.uid)?.status);
      if (tools.get(server.uid) !== status) {
        tools.set(server.uid, status);
        for (const listener of listeners) listener();
      }
      if (!isPersonal(server)) void list(keyOf(server, undefined), server, serviceOf(server.tenant), true);
    },
    async look(principal, access, signal) {
      const waits: Promise<void>[] = [];
      for (const server of catalog.servers()) {
        if (server.tenant !== principal.tenant || !isPersonal(server) || !access.allowsOfferings(server.name)) continue;
        const key = keyOf(server, principal);
        const one = held.get(key);
        const age = one?.of === server ? performance.now() - one.atMs : Number.POSITIVE_INFINITY;
        if (age < (one?.offerings === undefined ? AGAIN_MS : FRESH_MS)) continue;
        const work = list(key, server, principal, false);
        if (one?.of !== server) waits.push(work);
      }
      if (waits.length > 0) await Promise.race([Promise.all(waits), sleep(WAIT_MS, signal).catch(() => undefined)]);
    },
    onChange: (listener) => void listeners.add(listener),
    async stop() {
      stopping.abort();
      await Promise.allSettled(running.values());
    },
  };
}

async function pagesOf(
  upstream: Pick<Upstream, 'ask'>,
  server: Server,
  method: string,
  member: string,
  for_: ForWhom,
): Promise<unknown[]> {
  const found: unknown[] = [];
  let cursor: string | undefined;
  const bound = listBound();
  for (let pages = 0; pages < MAX_PAGES && found.length < MAX_LISTED; pages++) {
    const { answer } = await upstream.ask(server, method, cursor === undefined ? {} : { cursor }, for_);
    // A method that a server declares and does not have: nothing is there by it.
    if (!('result' in answer)) break;
    const page = answer.result[member];
    if (Array.isArray(page)) {
      bound(page as unknown[]);
      found.push(...(page as unknown[]).slice(0, MAX_LISTED));
    }
    const next = answer.result.nextCursor;
    if (typeof next !== 'string' || next === cursor) break;
    cursor = next;
  }
  return found;
}

/** Whether a server may have another thing for each person, since each calls it with a credential of their own. */
export function isPersonal({ spec }: Server): boolean {
  return spec.auth !== undefined || spec.credentials?.perPrincipal !== undefined;
}

function keyOf(server: Server, principal: Principal | undefined): string {
  if (principal === undefined || !isPersonal(server)) return `${server.uid}\n`;
  const { id, user, actors } = principal;
  return `${server.uid}\n${JSON.stringify([id, user, actors.map((actor) => actor.id)])}`;
}

function uidOf(key: string): string {
  return key.slice(0, key.indexOf('\n'));
}
