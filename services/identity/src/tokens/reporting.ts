import { hostname } from 'node:os';
import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { Snapshot } from '@sallyport/peers/snapshot';
import type { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import type { KeyState } from './key-sets.ts';
import type { TrustedIssuer, TrustedIssuers } from './trusted-issuers.ts';

const EVERY_MS = 60_000;
// Changes of many resources at once are looked at together.
const GATHER_MS = 200;
const TIMEOUT_MS = 5_000;

/** Looks at the keys of every IdentityProvider at once when it changes and once a minute, and tells operator what it saw. */
export function reporting(options: {
  readonly issuers: Pick<TrustedIssuers, 'all'>;
  readonly snapshot: Pick<Snapshot, 'onChange'>;
  readonly client: Pick<Client<typeof SnapshotService>, 'report'>;
  readonly log: Logger;
}): Component {
  const { issuers, snapshot, client, log } = options;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let running = Promise.resolve();
  let stopListening: () => void = () => undefined;

  const look = async () => {
    try {
      const seen = await Promise.all(
        issuers.all().map(async (issuer) => observationOf(issuer, await issuer.keys.look())),
      );
      if (seen.length > 0) await client.report({ reporter: hostname(), observations: seen }, { timeoutMs: TIMEOUT_MS });
    } catch (error) {
      log.warn('what is known of identity providers could not be reported; it is said again', { error });
    }
    if (!stopped) timer = setTimeout(run, EVERY_MS).unref();
  };
  const run = () => {
    clearTimeout(timer);
    running = running.then(look);
  };
  return {
    name: 'identity providers',
    start() {
      stopListening = snapshot.onChange((kind) => {
        if (kind !== 'IdentityProvider' || stopped) return;
        clearTimeout(timer);
        timer = setTimeout(run, GATHER_MS).unref();
      });
      run();
    },
    async stop() {
      stopped = true;
      stopListening();
      clearTimeout(timer);
      await running;
    },
  };
}

function observationOf({ tenant, provider, uid, generation }: TrustedIssuer, { reachable, fault, keys }: KeyState) {
  return {
    kind: 'IdentityProvider',
    tenant,
    name: provider,
    uid,
    generation,
    conditions: [
      {
        type: 'Reachable',
        status: reachable ? 'True' : 'False',
        reason: reachable ? 'KeysKnown' : 'NoKeys',
        message: fault ?? '',
      },
    ],
    statusJson: JSON.stringify({ keys }),
  };
}
