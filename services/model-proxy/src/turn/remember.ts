import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import { wireLabel } from '@sallyport/peers/decision-wire';
import { batchLength, type Releases } from '@sallyport/peers/release-batch';
import type { TrajectoryService } from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { digestOf, join, type Label, sameLabel } from '@sallyport/turn';
import type { ToolCallBlock } from '../chat/message.ts';
import { fingerprintsOf } from './fingerprint.ts';
import type { Gate } from './gate.ts';
import { callDigest, digestScope, messageDigest } from './label.ts';
import type { Turn } from './turn.ts';

/** Tells policy what was released, so that it is known when it comes back. */
export interface Memory {
  readonly name: string;
  /** In the next batch; what is lost on the way is untrusted when it returns. */
  later(released: Releases[number]): void;
  /** Before something is released that must be known when it returns. */
  now(released: Releases[number], signal: AbortSignal): Promise<void>;
  /** Resolves when what this principal was told is sent: its next request may come before the batch is due. */
  caughtUp(principal: Pick<Principal, 'tenant' | 'id'>): Promise<void>;
  stop(): Promise<void>;
}

// A call and a commit cost the more a release, the fewer share them; who comes back sooner is waited for (`caughtUp`).
const EVERY_MS = 100;
const BATCH = 256;
const MAX_WAITING = 10_000;
const TIMEOUT_MS = 2_000;

/** Makes the memory over policy's TrajectoryService. */
export function trajectoryMemory(client: Pick<Client<typeof TrajectoryService>, 'remember'>, log: Logger): Memory {
  let waiting: Releases[number][] = [];
  /** How many releases of a principal are not acknowledged yet. */
  const unsent = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> = Promise.resolve();
  const count = ({ tenant, principalId }: Releases[number], by: number) => {
    const key = `${tenant}\n${principalId}`;
    const left = (unsent.get(key) ?? 0) + by;
    if (left > 0) unsent.set(key, left);
    else unsent.delete(key);
  };
  const send = async () => {
    // What comes meanwhile waits for its own time: sent at once, batches would be as small as the network is fast.
    for (let left = waiting.length; left > 0; ) {
      const released = waiting.slice(0, batchLength(waiting, BATCH));
      left -= released.length;
      waiting = waiting.slice(released.length);
      try {
        await client.remember({ released }, { timeoutMs: TIMEOUT_MS });
      } catch (error) {
        log.warn('What was released could not be remembered; it will count as unknown', {
          count: released.length,
          error,
        });
      } finally {
        for (const one of released) count(one, -1);
      }
    }
  };
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    sending = sending.then(send);
    return sending;
  };
  return {
    name: 'trajectory memory',
    later(released) {
      if (waiting.length >= MAX_WAITING) return;
      waiting.push(released);
      count(released, 1);
      timer ??= setTimeout(flush, EVERY_MS);
    },
    async now(released, signal) {
      await client.remember({ released: [released] }, { timeoutMs: TIMEOUT_MS, signal });
    },
    caughtUp: ({ tenant, id }) => (unsent.has(`${tenant}\n${id}`) ? flush() : Promise.resolve()),
    stop: () => flush(),
  };
}

/**
 * Makes the taint of a run durable before a model reads what tainted it: a later request that leaves the content out must
 * not find the run clean. Rejects where that cannot be done while tools are at stake.
 */
export async function latch(gate: Pick<Gate, 'memory'>, turn: Turn): Promise<void> {
  const told = turn.label.integrity === 'trusted' || sameLabel(turn.label, turn.latched);
  if (!turn.request || (told && turn.untrusted.size === turn.untrustedTold)) return;
  const release = { ...ownerOf(turn), digests: [], callIds: [], assistantDigest: '' };
  const untrusted = turn.untrusted.size;
  // Values behind handles taint nothing here: they have to be known only in later runs.
  if (told) {
    turn.untrustedTold = untrusted;
    return gate.memory.later(release);
  }
  try {
    await gate.memory.now(release, turn.signal);
    turn.latched = turn.label;
    turn.untrustedTold = untrusted;
  } catch (error) {
    if (turn.tools.size > 0 || turn.signal.aborted) throw error;
    // Without tools nothing can be done with the taint now; the run goes on while policy is away.
    gate.memory.later(release);
  }
}

/**
 * Remembers what a turn said to its end. With tools before the client can answer it, since words that are not known when
 * they come back are untrusted; without, in the next batch.
 */
export async function rememberWords(gate: Pick<Gate, 'memory' | 'digest' | 'log'>, turn: Turn, textLabel: Label) {
  const released = releasedBy(gate, turn, [], textLabel);
  if (turn.tools.size === 0) return gate.memory.later(released);
  try {
    await gate.memory.now(released, turn.signal);
  } catch (error) {
    if (turn.signal.aborted) throw error;
    gate.log.warn('What was said could not be remembered yet', { error });
    gate.memory.later(released);
  }
}

/** What a turn released in the end: the words and the calls of its assistant message, with the label of each. */
export function releasedBy(
  gate: Pick<Gate, 'digest'>,
  turn: Turn,
  calls: readonly { readonly block: ToolCallBlock; readonly label: Label }[],
  textLabel: Label,
): Releases[number] {
  const { spoken } = turn;
  const texts = spoken.texts();
  const blocks = calls.map(({ block }) => block);
  const words = wireLabel(join(turn.label, textLabel));
  const spokenDigests = [...texts, ...spoken.reasoning()].map((text) => ({
    digest: digestOf(gate.digest, digestScope(turn), text),
    label: words,
    kind: 'assistant',
    tool: '',
  }));
  const [only] = spokenDigests;
  return {
    ...ownerOf(turn),
    digests: [
      ...calls.map(({ block, label }) => ({
        digest: callDigest(gate, turn, block),
        label: wireLabel(join(turn.label, label)),
        kind: 'call',
        tool: block.name,
      })),
      ...spokenDigests,
    ],
    callIds: blocks.map((call) => call.id),
    // The same as `messageDigest` would give, without making it twice.
    assistantDigest:
      only !== undefined && texts.length === 1 && blocks.length === 0
        ? only.digest
        : messageDigest(gate, turn, { texts, toolCalls: blocks }),
  };
}

function ownerOf(turn: Turn) {
  const { principal, trajectory, step, label } = turn;
  const { tenant, user } = principal;
  const fingerprints = fingerprintsOf(turn);
  return { tenant, principalId: principal.id, user, trajectory, label: wireLabel(label), steps: step, fingerprints };
}
