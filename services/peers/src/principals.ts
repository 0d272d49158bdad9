import { hash } from 'node:crypto';
import type { EndSignal } from '@sallyport/chassis/ending';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import { type Networks, networksOf } from '@sallyport/chassis/net/networks';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { Soon } from '@sallyport/chassis/soon';
import type { AuthenticationService, WatchRevocationsResponse } from '@sallyport/proto/identity/v1/identity_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { type Credential, type Question, questionOf } from './ingress.ts';
import { concerns, MISSED, type Revoked, revokedOf } from './revoked.ts';
import { watchStream } from './stream-watch.ts';

/** Turns credentials into principals, mostly from memory. */
export interface Principals {
  readonly name: string;
  start(): void;
  stop(): Promise<void>;
  /** The principal of a credential where it is presented; GatewayError unauthenticated or unavailable. */
  authenticate(credential: Credential, endpoint: string, signal?: EndSignal): Soon<Principal>;
  /** Called with what was revoked, so that open streams can be closed. */
  onRevoked(listener: (revoked: Revoked) => void): () => void;
}

/** What the cache is made of. */
export interface PrincipalsOptions {
  readonly client: Pick<Client<typeof AuthenticationService>, 'authenticate' | 'watchRevocations'>;
  readonly log: Logger;
  readonly timeoutMs?: number;
}

/** Whom a credential stands for, and from where. */
interface Answer {
  readonly principal: Principal;
  /** Where it may be used; undefined: anywhere. */
  readonly networks: Networks | undefined;
}

/** A question under way, from where it is asked. */
interface Asking {
  readonly address: string;
  readonly answer: Promise<Answer>;
}

interface Entry extends Answer {
  freshUntil: number;
  readonly usableUntil: number;
  /** While identity is away, until when it is not asked again for this credential. */
  heldUntil: number;
}

const MAX_ENTRIES = 20_000;
/** After this much silence of the revocation stream a cached answer is not trusted without asking. */
const SILENCE_MS = 1_000;
/** How much longer a cached answer may serve while identity is away. */
const AWAY_MS = 10_000;
/** How long identity is left alone for a credential after it could not be reached. */
const LEFT_ALONE_MS = 500;

/**
 * Caches principals by digest of their secret. Revocations arrive by stream within a second; when the stream is silent for
 * a second identity is asked again, and when it cannot be reached a cached principal lives out at most ten more seconds
 * (DESIGN sections 3 and 7), then 503, never 401.
 */
export function principalCache(options: PrincipalsOptions): Principals {
  const entries = new Map<string, Entry>();
  const asking = new Map<string, Asking>();
  const listeners = new Set<(revoked: Revoked) => void>();
  const timeoutMs = options.timeoutMs ?? 2_000;
  let sequence = -1;
  // Rises with each revocation: an answer that was asked for before one may be stale and is not kept.
  let epoch = 0;

  const tell = (revoked: Revoked) => {
    for (const listener of listeners) listener(revoked);
  };

  const onMessage = (message: WatchRevocationsResponse) => {
    const revoked = revokedOf(message);
    const known = sequence;
    sequence = Math.max(sequence, message.sequence);
    if (known >= 0 && message.sequence > known + (revoked === undefined ? 0 : 1)) {
      epoch++;
      entries.clear();
      asking.clear();
      tell(MISSED);
    }
    // A heartbeat; or told before: what came of it since then must not end too.
    if (revoked === undefined || (known >= 0 && message.sequence <= known)) return;
    epoch++;
    // Who asks from now on must not get an answer that was asked for before.
    asking.clear();
    for (const [digest, { principal }] of entries) if (concerns(revoked, principal)) entries.delete(digest);
    tell(revoked);
  };

  const watch = watchStream({
    name: 'revocations',
    log: options.log,
    // Opened in the moment that identity is back: until then what was revoked is not known.
    open: (signal) => options.client.watchRevocations({}, { timeoutMs: Infinity, signal, wait: true }),
    onMessage,
    // What was revoked while no stream was open is unknown, also of answers that came meanwhile: ask again for each.
    onOpen: () => {
      distrust();
      tell(MISSED);
    },
    onBreak: () => distrust(),
  });
  const distrust = () => {
    sequence = -1;
    epoch++;
    asking.clear();
    for (const entry of entries.values()) {
      entry.freshUntil = 0;
      entry.heldUntil = 0;
    }
  };

  const usable = (entry: Entry | undefined): entry is Entry =>
    entry !== undefined && performance.now() < entry.usableUntil && watch.silenceMs() < SILENCE_MS + AWAY_MS;

  const ask = async (digest: string, question: Question): Promise<Answer> => {
    let asked = epoch;
    try {
      const request = () => options.client.authenticate(question, { timeoutMs });
      let answer = await request();
      // Something was revoked, or may have been, since identity looked.
      if (asked !== epoch) {
        asked = epoch;
        answer = await request();
      }
      const { principal } = answer;
      if (!principal) throw new GatewayError('internal', 'Identity gave no principal.');
      const networks = answer.networks.length > 0 ? networksOf(answer.networks) : undefined;
      if (asked === epoch) {
        const now = performance.now();
        if (entries.size >= MAX_ENTRIES) entries.delete(entries.keys().next().value as string);
        entries.set(digest, {
          principal,
          networks,
          freshUntil: now + answer.cacheTtlMs,
          usableUntil: now + answer.cacheTtlMs + AWAY_MS,
          heldUntil: 0,
        });
      }
      return { principal, networks };
    } catch (error) {
      const held = entries.get(digest);
      if (isRefusal(error)) {
        // Refused from where it may not be used, it still may be used elsewhere.
        if (held?.networks === undefined || held.networks(question.address)) entries.delete(digest);
        throw error;
      }
      // What was revoked is not held any more, whatever happened while identity was asked.
      if (usable(held)) {
        held.heldUntil = performance.now() + LEFT_ALONE_MS;
        return held;
      }
      throw new GatewayError('unavailable', 'The credential cannot be checked right now.', {
        cause: error,
        retryAfterMs: 1_000,
      });
    }
  };

  /** Asks, or waits with those who do: shared by requests at the same time, so it must not die with the first one's client. */
  const askTogether = async (digest: string, credential: Credential, endpoint: string): Promise<Answer> => {
    const question = questionOf(credential, endpoint);
    const { address } = question;
    const pending = asking.get(digest);
    if (pending !== undefined) {
      try {
        return await pending.answer;
      } catch (error) {
        // Refused may be the address alone.
        if (!isRefusal(error) || pending.address === address) throw error;
      }
    }
    const answer = ask(digest, question).finally(() => {
      if (asking.get(digest) === mine) asking.delete(digest);
    });
    const mine = { address, answer };
    asking.set(digest, mine);
    return answer;
  };

  return {
    name: 'principals',
    start: () => watch.start(),
    stop: () => watch.stop(),
    authenticate(credential, endpoint, signal) {
      const digest = hash('sha256', nameOf(credential), 'base64');
      const held = entries.get(digest);
      const now = performance.now();
      const isFresh = held !== undefined && now < held.freshUntil && watch.silenceMs() < SILENCE_MS;
      if (isFresh || (held && now < held.heldUntil && usable(held))) {
        try {
          return admitted(held, credential);
        } catch (error) {
          return Promise.reject(error);
        }
      }
      return askTogether(digest, credential, endpoint).then((answer) => {
        signal?.throwIfAborted();
        return admitted(answer, credential);
      });
    },
    onRevoked(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The principal of an answer for a request, which may come from elsewhere than the one that identity was asked for. */
function admitted({ principal, networks }: Answer, credential: Credential): Principal {
  const ended = principal.expiresAtMs > 0 && Date.now() >= principal.expiresAtMs;
  if (ended || (networks !== undefined && !networks(credential.address()))) {
    throw new GatewayError('unauthenticated', 'The credential is not valid.');
  }
  return principal;
}

/** By what the cache knows a credential. What an edge says begins as no secret can, which has no control characters. */
function nameOf({ secret, edge }: Credential): string {
  return edge === undefined ? secret : `\n${JSON.stringify([edge.san, edge.user, edge.email, edge.groups])}`;
}

function isRefusal(error: unknown): boolean {
  return error instanceof GatewayError && error.code === 'unauthenticated';
}
