import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { TrajectoryService } from '@sallyport/proto/policy/v1/policy_pb';
import { digestOf, join, type Label } from '@sallyport/turn';
import type { ToolCallBlock } from '../chat/message.ts';
import type { Gate } from './gate.ts';
import { callDigest, digestScope, messageDigest } from './label.ts';
import { wireLabel } from './labels-wire.ts';
import type { Turn } from './turn.ts';

type Released = Parameters<Client<typeof TrajectoryService>['remember']>[0]['released'] extends infer R
  ? NonNullable<R>
  : never;

/** Tells policy what was released, so that it is known when it comes back. */
export interface Memory {
  readonly name: string;
  /** In the next batch; what is lost on the way is untrusted when it returns. */
  later(released: Released[number]): void;
  /** Before something is released that must be known when it returns. */
  now(released: Released[number], signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

const EVERY_MS = 50;
const BATCH = 256;
const MAX_WAITING = 10_000;
const TIMEOUT_MS = 2_000;

/** Makes the memory over policy's TrajectoryService. */
export function trajectoryMemory(client: Pick<Client<typeof TrajectoryService>, 'remember'>, log: Logger): Memory {
  let waiting: Released[number][] = [];
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> = Promise.resolve();
  const send = async () => {
    while (waiting.length > 0) {
      const released = waiting.slice(0, BATCH);
      waiting = waiting.slice(BATCH);
      try {
        await client.remember({ released }, { timeoutMs: TIMEOUT_MS });
      } catch (error) {
        log.warn('What was released could not be remembered; it will count as unknown', {
          count: released.length,
          error,
        });
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
      timer ??= setTimeout(flush, EVERY_MS);
    },
    async now(released, signal) {
      await client.remember({ released: [released] }, { timeoutMs: TIMEOUT_MS, signal });
    },
    stop: () => flush(),
  };
}

/** What a turn released in the end: the text and the calls of its assistant message. */
export function releasedBy(
  gate: Pick<Gate, 'digest'>,
  turn: Turn,
  calls: readonly ToolCallBlock[],
  textLabel: Label,
): Released[number] {
  const text = turn.releasedText;
  const label = wireLabel(turn.label);
  const digests = calls.map((call) => ({ digest: callDigest(gate, turn, call), label, kind: 'call', tool: call.name }));
  if (text.trim() !== '') {
    digests.push({
      digest: digestOf(gate.digest, digestScope(turn), text),
      label: wireLabel(join(turn.label, textLabel)),
      kind: 'assistant',
      tool: '',
    });
  }
  return {
    tenant: turn.principal.tenant,
    principalId: turn.principal.id,
    user: turn.principal.user,
    trajectory: turn.trajectory,
    label,
    digests,
    callIds: calls.map((call) => call.id),
    assistantDigest: messageDigest(gate, turn, { texts: [text], toolCalls: calls }),
    steps: turn.step,
  };
}
