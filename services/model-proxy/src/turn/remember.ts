import type { Soon } from '@sallyport/chassis/soon';
import { wireLabel } from '@sallyport/peers/decision-wire';
import type { Releases } from '@sallyport/peers/release-batch';
import { digestOf, join, type Label, sameLabel } from '@sallyport/turn';
import type { ToolCallBlock } from '../chat/message.ts';
import type { ShownCall } from '../responses/exchange.ts';
import { fingerprintsOf } from './fingerprint.ts';
import type { Gate } from './gate.ts';
import { callDigest, digestScope, messageDigest } from './label.ts';
import type { Turn } from './turn.ts';

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
export function rememberWords(gate: Remembering, turn: Turn, textLabel: Label): Soon<void> {
  const released = releasedBy(gate, turn, [], textLabel);
  return turn.tools.size === 0 ? gate.memory.later(released) : rememberNow(gate, turn, released);
}

type Remembering = Pick<Gate, 'memory' | 'digest' | 'log'>;

async function rememberNow(gate: Remembering, turn: Turn, released: Releases[number]): Promise<void> {
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
  const digests = calls.map(({ block, label }) => ({
    digest: callDigest(gate, turn, block),
    label: wireLabel(join(turn.label, label)),
    kind: 'call',
    tool: block.name,
  }));
  for (const text of [...texts, ...spoken.reasoning()]) {
    digests.push({ digest: digestOf(gate.digest, digestScope(turn), text), label: words, kind: 'assistant', tool: '' });
  }
  const shown = turn.exchange?.shown ?? [];
  for (const one of shown) digests.push(...shownDigests(gate, turn, one));
  return {
    ...ownerOf(turn),
    digests,
    callIds: [...blocks, ...shown].map((call) => call.id),
    // The same as `messageDigest` would give, without making it twice.
    assistantDigest:
      texts.length === 1 && blocks.length === 0
        ? (digests[0]?.digest ?? '')
        : messageDigest(gate, turn, { texts: spoken.last(), toolCalls: blocks }),
  };
}

/** What comes back of a call that the gateway ran or asked about: the call, and its result. */
function shownDigests(gate: Pick<Gate, 'digest'>, turn: Turn, { id, name, arguments: written, result }: ShownCall) {
  const call = { digest: callDigest(gate, turn, { id, name, arguments: written }), kind: 'call', tool: name };
  const made = { ...call, label: wireLabel(turn.label) };
  if (result === undefined) return [made];
  const digest = digestOf(gate.digest, digestScope(turn), result.text);
  return [made, { digest, label: wireLabel(result.label), kind: 'result', tool: name }];
}

function ownerOf(turn: Turn) {
  const { principal, trajectory, step, label } = turn;
  const { tenant, user } = principal;
  const fingerprints = fingerprintsOf(turn);
  return { tenant, principalId: principal.id, user, trajectory, label: wireLabel(label), steps: step, fingerprints };
}
