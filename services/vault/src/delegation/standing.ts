import { within } from '@sallyport/chassis/deadline';
import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { Client } from '@sallyport/chassis/rpc/client';
import { revokedOf } from '@sallyport/peers/revoked';
import { type RunningWatch, watchStream } from '@sallyport/peers/stream-watch';
import type { AuthenticationService } from '@sallyport/proto/identity/v1/identity_pb';
import type { TokenCache } from './token-cache.ts';

/** Whether what is in memory still stands on people who are who they were. */
export interface Standing extends Component {
  /** False while nothing is heard of identity: then tokens are asked for anew, which asks identity. */
  known(): boolean;
  /** Say it before a token is asked for that will be kept: resolves once identity is heard, or after a moment without it. */
  listen(): Promise<void>;
  stop(): Promise<void>;
}

/** After so much silence of the stream, what is in memory is not used. */
const SILENCE_MS = 1_000;
/** How long is waited for the first word of the stream. What is asked for before that is not kept, and all the same right. */
const FIRST_WORD_MS = 250;
/** How long is listened at least where nothing is in memory. */
const LINGER_MS = 60_000;

/**
 * Follows revocations while a token is in memory: what they are about leaves the cache at once, and all of it where any may
 * have been missed. With none there is nothing to end, and four heartbeats a second would wake both sides up for nothing.
 */
export function followStanding(options: {
  readonly client: Pick<Client<typeof AuthenticationService>, 'watchRevocations'>;
  readonly cache: Pick<TokenCache, 'revoked' | 'clear' | 'isEmpty'>;
  readonly log: Logger;
  /** Default a minute. */
  readonly lingerMs?: number;
}): Standing {
  const { client, cache, log, lingerMs = LINGER_MS } = options;
  let following: { readonly watch: RunningWatch; readonly begun: Promise<void> } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let wanted = false;
  let stopped = false;

  const follow = () => {
    const heard = Promise.withResolvers<void>();
    let sequence = -1;
    const forget = () => {
      sequence = -1;
      cache.clear();
    };
    const watch = watchStream({
      name: 'revocations',
      log,
      open: (signal) => client.watchRevocations({}, { timeoutMs: Infinity, signal }),
      onMessage(message) {
        const notice = revokedOf(message);
        if (sequence >= 0 && message.sequence > sequence + (notice === undefined ? 0 : 1)) cache.clear();
        sequence = Math.max(sequence, message.sequence);
        if (notice === undefined) return;
        cache.revoked(notice);
      },
      onOpen() {
        forget();
        heard.resolve();
      },
      onBreak: forget,
    });
    watch.start();
    timer = setInterval(leaveIfIdle, lingerMs).unref();
    // One wait for all who ask: each of its own would leave its reaction on a word that may never come.
    const begun = within(heard.promise, FIRST_WORD_MS, 'the first word of identity').catch(() => undefined);
    return { watch, begun };
  };
  const leave = async () => {
    const ended = following;
    following = undefined;
    clearInterval(timer);
    // Also what is being asked for now is not kept: nobody would hear that it is revoked.
    cache.clear();
    await ended?.watch.stop();
  };
  const leaveIfIdle = () => {
    if (!wanted && cache.isEmpty()) void leave();
    wanted = false;
  };
  return {
    name: 'revocations',
    known: () => following !== undefined && following.watch.silenceMs() < SILENCE_MS,
    async listen() {
      if (stopped) return;
      wanted = true;
      following ??= follow();
      await following.begun;
    },
    async stop() {
      stopped = true;
      await leave();
    },
  };
}
