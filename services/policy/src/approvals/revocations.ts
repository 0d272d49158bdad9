import { asGatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { Client } from '@sallyport/chassis/rpc/client';
import { goneName, idsOf, revokedOf } from '@sallyport/peers/revoked';
import { watchStream } from '@sallyport/peers/stream-watch';
import type { AuthenticationService, WatchRevocationsResponse } from '@sallyport/proto/identity/v1/identity_pb';
import type { Ended, VoidStore } from './void.ts';

/**
 * A gateway may put a call before people for a credential that it has not yet heard of as ended: what is asked within this
 * time after a revocation is voided too. Longer than what gateways promise.
 */
const TRAILING_MS = 1_200;

/**
 * Voids what was asked for or granted to credentials, people, clients and sessions that ended, and remembers how far it has
 * heard, so that what ended while no replica listened ends as well: after a cut, a restart, of either side.
 */
export function voidingApprovals(options: {
  readonly client: Pick<Client<typeof AuthenticationService>, 'watchRevocations'>;
  readonly store: VoidStore;
  /** Told that approvals were voided, so that calls that wait for them end. */
  readonly onVoid: () => void;
  readonly log: Logger;
}): Component {
  const { client, store, onVoid, log } = options;
  const trailing = new Set<NodeJS.Timeout>();

  const end = async (ended: Ended, beforeMs: number) => {
    const count = await store.voidOf(ended, beforeMs);
    if (count === 0) return;
    log.info('approvals are void', { tenant: ended.tenant, count, by: ended.by, reason: ended.reason });
    onVoid();
  };
  const endAgain = (ended: Ended) => {
    const untilMs = Date.now() + TRAILING_MS;
    const timer = setTimeout(() => {
      trailing.delete(timer);
      end(ended, untilMs).catch((error: unknown) => log.warn('approvals could not be voided', { error }));
    }, TRAILING_MS);
    timer.unref();
    trailing.add(timer);
  };
  const hear = async (message: WatchRevocationsResponse) => {
    const revoked = revokedOf(message);
    if (revoked?.ends !== true) return;
    const { tenant, by, reason } = revoked;
    const ended = { tenant, subjects: idsOf(revoked), by, reason, goneName: goneName(revoked) };
    await end(ended, Date.now());
    endAgain(ended);
  };
  async function* follow(signal: AbortSignal) {
    let heard = await store.heard();
    try {
      const from = heard === undefined ? {} : { after: heard };
      for await (const message of client.watchRevocations(from, { timeoutMs: Infinity, signal, wait: true })) {
        await hear(message);
        if (heard === undefined || message.sequence > heard) await store.hear(message.sequence);
        heard = Math.max(heard ?? 0, message.sequence);
        yield message;
      }
    } catch (error) {
      // Identity no longer keeps what was told since then. To end too much is the lesser fault.
      if (asGatewayError(error).code === 'not_found') {
        const count = await store.voidAll('Nobody can tell any more whose credentials ended meanwhile.');
        if (count > 0) onVoid();
        await store.hear(Number(asGatewayError(error).details?.head ?? 0), true);
      }
      throw error;
    }
  }
  const watch = watchStream({ name: 'revocations', log, open: follow, onMessage: () => undefined });
  return {
    name: 'voiding-approvals',
    start: () => watch.start(),
    async stop() {
      for (const timer of trailing) clearTimeout(timer);
      await watch.stop();
    },
  };
}
