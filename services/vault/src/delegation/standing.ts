import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { Client } from '@sallyport/chassis/rpc/client';
import { revokedOf } from '@sallyport/peers/revoked';
import { watchStream } from '@sallyport/peers/stream-watch';
import type { AuthenticationService } from '@sallyport/proto/identity/v1/identity_pb';
import type { TokenCache } from './token-cache.ts';

/** Whether what is in memory still stands on people who are who they were. */
export interface Standing extends Component {
  /** False while nothing is heard of identity: then tokens are asked for anew, which asks identity. */
  known(): boolean;
  start(): void;
  stop(): Promise<void>;
}

/** After so much silence of the stream, what is in memory is not used. */
const SILENCE_MS = 1_000;

/** Follows revocations: what they are about leaves the cache at once, and all of it where any may have been missed. */
export function followStanding(options: {
  readonly client: Pick<Client<typeof AuthenticationService>, 'watchRevocations'>;
  readonly cache: Pick<TokenCache, 'revoked' | 'clear'>;
  readonly log: Logger;
}): Standing {
  const { client, cache } = options;
  let sequence = -1;
  const forget = () => {
    sequence = -1;
    cache.clear();
  };
  const watch = watchStream({
    name: 'revocations',
    log: options.log,
    open: (signal) => client.watchRevocations({}, { timeoutMs: Infinity, signal }),
    onMessage(message) {
      const notice = revokedOf(message);
      if (sequence >= 0 && message.sequence > sequence + (notice === undefined ? 0 : 1)) cache.clear();
      sequence = Math.max(sequence, message.sequence);
      if (notice === undefined) return;
      cache.revoked(notice);
    },
    onOpen: forget,
    onBreak: forget,
  });
  return { ...watch, known: () => watch.silenceMs() < SILENCE_MS };
}
