import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { Soon } from '@sallyport/chassis/soon';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { CredentialService } from '@sallyport/proto/vault/v1/vault_pb';
import { watchStream } from './stream-watch.ts';

/** What needs a credential, and where it will be sent. */
export interface CredentialUse {
  readonly tenant: string;
  /** The Secret that the resource names; absent where it names none. */
  readonly ref?: { readonly name: string; readonly key: string } | undefined;
  /** Leases are of who asks: what one principal is given is not used for another. */
  readonly perPrincipal?: boolean;
  /** A lease says who acts for the person, so it is for no other chain of who acts. */
  readonly perChain?: boolean;
  /** How long vault may take where it may have to ask an authorization server; else as for all. */
  readonly timeoutMs?: number;
  readonly kind: 'ModelProvider' | 'ToolServer';
  readonly name: string;
  readonly uid: string;
  /** Scheme, host and port, as `new URL(…).origin`; of several, separated by a blank. */
  readonly origin: string;
}

/** A leased credential. `reference` names it in records and says nothing of the value. */
export interface Lease {
  readonly value: string;
  readonly reference: string;
  /** Scopes of a token; empty for what is none. */
  readonly scopes: readonly string[];
}

/** Leases of upstream credentials, in memory. */
export interface Credentials {
  readonly name: string;
  start(): void;
  stop(): Promise<void>;
  lease(use: CredentialUse, principal: Principal): Soon<Lease>;
  /**
   * Drops a lease, because the upstream refused the credential; vault is told so when it is asked again. With a reference,
   * only the lease of that one: another may be there by now.
   */
  drop(use: CredentialUse, principal: Principal, reference?: string): void;
}

const MAX_ENTRIES = 5_000;
/** After this much silence of the invalidation stream a lease is not used without asking vault. */
const SILENCE_MS = 1_000;
/** How much longer a lease may serve while vault is away. */
const AWAY_MS = 10_000;

/** Leases from vault, dropped at once when vault says so; while vault is away a lease lives at most ten more seconds. */
export function credentialLeases(options: {
  readonly client: Pick<Client<typeof CredentialService>, 'resolve' | 'watchInvalidations'>;
  readonly log: Logger;
  readonly timeoutMs?: number;
  /** Called when vault says that something changed for a whole resource, or for one person there (`user`, else empty). */
  readonly onResource?: (kind: string, uid: string, user: string) => void;
}): Credentials {
  const leases = new Map<string, { lease: Lease; use: CredentialUse; user: string; until: number }>();
  const asking = new Map<string, Promise<Lease>>();
  /** References that an upstream refused, until another is had. */
  const refused = new Map<string, string>();
  let epoch = 0;
  let sequence = -1;
  const watch = watchStream({
    name: 'credential invalidations',
    log: options.log,
    open: (signal) => options.client.watchInvalidations({}, { timeoutMs: Infinity, signal }),
    onMessage(message) {
      // A heartbeat names the last notice, a notice itself: what lies between was missed.
      const missed = sequence >= 0 && message.sequence > sequence + (message.ref || message.uid !== '' ? 1 : 0);
      sequence = Math.max(sequence, message.sequence);
      if (missed) distrust();
      const { ref, kind, uid, tenant, user } = message;
      if (!ref && uid === '') return;
      epoch++;
      // Who asks from now on must not get an answer that was asked for before.
      asking.clear();
      for (const [key, { use, user: of }] of leases) {
        const same = ref
          ? use.ref?.name === ref.name && (ref.key === '' || use.ref.key === ref.key)
          : use.kind === kind && use.uid === uid && (user === '' || of === '' || of === user);
        if (use.tenant === tenant && same) leases.delete(key);
      }
      if (uid !== '') options.onResource?.(kind, uid, user);
    },
    // What was invalidated while no stream was open is unknown: ask again for each.
    onOpen: () => restart(),
    onBreak: () => restart(),
  });
  const restart = () => {
    sequence = -1;
    distrust();
  };
  const distrust = () => {
    epoch++;
    asking.clear();
    const now = performance.now();
    for (const held of leases.values()) held.until = Math.min(held.until, now);
  };

  const ask = async (key: string, use: CredentialUse, principal: Principal): Promise<Lease> => {
    const asked = epoch;
    try {
      const { tenant, ref, kind, name, uid, origin } = use;
      const refusedReference = refused.get(key) ?? '';
      const answer = await options.client.resolve(
        { tenant, kind, name, uid, origin, principal, refusedReference, ...(ref ? { ref } : {}) },
        { timeoutMs: use.timeoutMs ?? options.timeoutMs ?? 2_000 },
      );
      const lease = { value: answer.value, reference: answer.reference, scopes: answer.scopes };
      refused.delete(key);
      if (asked === epoch) {
        if (leases.size >= MAX_ENTRIES) leases.delete(leases.keys().next().value as string);
        // What is given to nobody in particular may be that of the very person whom a notice is about.
        const user = use.perPrincipal === true ? principal.user : '';
        leases.set(key, { lease, use, user, until: performance.now() + answer.leaseTtlMs });
      }
      return lease;
    } catch (error) {
      const held = leases.get(key);
      const away =
        error instanceof GatewayError && (error.code === 'unavailable' || error.code === 'deadline_exceeded');
      const usable = watch.silenceMs() < SILENCE_MS + AWAY_MS;
      if (held && away && usable && performance.now() < held.until + AWAY_MS) return held.lease;
      if (away)
        throw new GatewayError('unavailable', 'Credentials cannot be had right now.', {
          cause: error,
          retryAfterMs: 1_000,
        });
      leases.delete(key);
      throw new GatewayError('upstream_credentials', 'The gateway holds no usable credential for this upstream.', {
        cause: error,
        ...detailsOf(error),
      });
    }
  };

  return {
    name: 'credentials',
    start: () => watch.start(),
    stop: () => watch.stop(),
    lease(use, principal) {
      // Vault checks it too, but a lease from memory has not been there for this principal.
      if (principal.tenant !== use.tenant) {
        return Promise.reject(new GatewayError('permission_denied', 'This credential is not for this principal.'));
      }
      const key = keyOf(use, principal);
      const held = leases.get(key);
      if (held && performance.now() < held.until && watch.silenceMs() < SILENCE_MS) return held.lease;
      let pending = asking.get(key);
      if (!pending) {
        const mine = ask(key, use, principal).finally(() => {
          if (asking.get(key) === mine) asking.delete(key);
        });
        pending = mine;
        asking.set(key, pending);
      }
      return pending;
    },
    drop(use, principal, reference) {
      const key = keyOf(use, principal);
      const held = leases.get(key);
      if (held === undefined || (reference !== undefined && held.lease.reference !== reference)) return;
      leases.delete(key);
      if (refused.size >= MAX_ENTRIES) refused.delete(refused.keys().next().value as string);
      refused.set(key, held.lease.reference);
    },
  };
}

const keys = new WeakMap<CredentialUse, string>();

// The uid and origin are in the key: a resource made anew, or pointed elsewhere, must ask vault again.
function keyOf(use: CredentialUse, { id, user, teams, client, sessionId, actors }: Principal): string {
  let key = keys.get(use);
  if (key === undefined) {
    const { tenant, kind, uid, origin, ref } = use;
    key = [tenant, kind, uid, origin, ref?.name ?? '', ref?.key ?? ''].join('\n');
    keys.set(use, key);
  }
  // Who has lost a team asks anew, and so does who has joined one. Of those behind whom no person stands, what one is
  // given is not for another: the broker itself has tokens for listing that are somebody's.
  if (use.perPrincipal !== true) return key;
  const chain = use.perChain === true ? [id, client, sessionId, actors.map((actor) => actor.id)] : [];
  return JSON.stringify([key, user, teams, user === '' ? id : '', chain]);
}

/** What vault says of a credential that is missing, so that callers can tell their users what to do. */
function detailsOf(error: unknown): { details?: Record<string, unknown> } {
  return error instanceof GatewayError && error.details !== undefined ? { details: error.details } : {};
}
