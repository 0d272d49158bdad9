import { create } from '@bufbuild/protobuf';
import { GatewayError } from '@sallyport/chassis/errors';
import { type JoinResponse, JoinResponseSchema } from '@sallyport/proto/policy/v1/policy_pb';
import {
  addSpan,
  createCorpus,
  type DigestScope,
  digestOf,
  type JsonValue,
  join,
  type Label,
  TRUSTED,
  UNMATCHED_HISTORY,
  untrusted,
} from '@sallyport/turn';
import type { AssistantFact, ToolCallFact } from '../chat/facts.ts';
import { newTrajectory } from './admit.ts';
import type { Gate } from './gate.ts';
import { labelOf } from './labels-wire.ts';
import type { Turn } from './turn.ts';

const JOIN_TIMEOUT_MS = 2_000;

/** Source of files, pictures and other content that a client attached. */
export const ATTACHED = 'user:attached';

/**
 * Stage 2. Finds the trajectory and the label of what the request carries (DESIGN section 5). Roles are a client's claim:
 * text counts as typed or authored only where the key says so. Assistant messages count as ours only where their digest is
 * known. Joining only adds taint. Returns the ids of tool results that are known to come from mcp-broker.
 */
export async function label(gate: Gate, turn: Turn): Promise<ReadonlySet<string>> {
  const { facts } = turn;
  const carriesHistory = facts.assistant.length > 0 || facts.toolResults.length > 0;
  labelRoles(turn);
  if (!carriesHistory && turn.trajectory === '') {
    newTrajectory(turn);
    return new Set();
  }
  return await joinHistory(gate, turn);
}

function labelRoles(turn: Turn): void {
  const { facts, principal } = turn;
  if (facts.attachments.length > 0) turn.label = join(turn.label, untrusted(ATTACHED));
  if (!turn.request) return;
  // Only tool calls are asked for the origin of their values.
  const corpus = createCorpus();
  const authority = principal.instructionAuthority;
  for (const { role, text } of facts.texts) {
    if (role === 'assistant') continue;
    const system = role !== 'user';
    const kind = system
      ? authority?.systemAuthored
        ? 'system'
        : 'unknown'
      : authority?.userTyped
        ? 'typed'
        : 'unknown';
    addSpan(corpus, { text, origin: { kind }, label: TRUSTED });
  }
  turn.corpus = corpus;
}

async function joinHistory(gate: Gate, turn: Turn): Promise<ReadonlySet<string>> {
  const { facts, principal } = turn;
  const scope = digestScope(turn);
  const history: { digest: string; callId?: string }[] = [];
  for (const message of facts.assistant) {
    for (const text of message.texts)
      if (text.trim() !== '') history.push({ digest: digestOf(gate.digest, scope, text) });
    for (const call of message.toolCalls) history.push({ digest: callDigest(gate, turn, call), callId: call.id });
  }
  const results = facts.toolResults.map((result) => ({
    callId: result.callId,
    digest: digestOf(gate.digest, scope, result.texts.join('\n')),
  }));
  const last = facts.assistant.at(-1);
  const answer = await gate.clients.trajectories
    .join(
      {
        principal,
        claimed: turn.trajectory,
        callIds: facts.toolResults.map((result) => result.callId),
        lastAssistantDigest: last ? messageDigest(gate, turn, last) : '',
        digests: [...history, ...results].map((one) => one.digest),
      },
      { timeoutMs: JOIN_TIMEOUT_MS, signal: turn.signal },
    )
    .catch((error: unknown) => unknownHistory(error, turn));
  if (answer.foreign) turn.foreignTrajectory = turn.trajectory;
  if (answer.trajectory === '') newTrajectory(turn);
  else turn.trajectory = answer.trajectory;

  const known = new Map(answer.known.map((one) => [one.digest, one]));
  const labels: Label[] = answer.trajectory === '' ? [] : [labelOf(answer.label)];
  for (const one of history) {
    const found = known.get(one.digest);
    labels.push(found ? labelOf(found.label) : untrusted(UNMATCHED_HISTORY));
  }
  for (const message of facts.assistant) {
    if (message.opaque.length > 0) labels.push(untrusted(UNMATCHED_HISTORY));
  }
  const attested = new Set<string>();
  for (const one of results) {
    const found = known.get(one.digest);
    if (found?.kind !== 'result') continue;
    attested.add(one.callId);
    labels.push(labelOf(found.label));
  }
  for (const one of labels) turn.label = join(turn.label, one);
  return attested;
}

// Without policy nothing of a history can be vouched for. Model calls without tools go on (DESIGN section 7), as a run of
// their own with untrusted content in play; with tools the turn ends where they are decided.
function unknownHistory(error: unknown, turn: Turn): JoinResponse {
  const away = error instanceof GatewayError && (error.code === 'unavailable' || error.code === 'deadline_exceeded');
  if (!away || turn.signal.aborted) throw error;
  return create(JoinResponseSchema);
}

/** Whom digests of this turn's content are for. The trajectory is bound in the store, so that a request can be joined. */
export function digestScope(turn: Pick<Turn, 'principal'>): DigestScope {
  const { tenant, user, id } = turn.principal;
  return { tenant, user: user || id, trajectory: '' };
}

/** Digest of a tool call, bound to its id. */
export function callDigest(
  gate: Pick<Gate, 'digest'>,
  turn: Turn,
  call: Pick<ToolCallFact, 'id' | 'name' | 'arguments'>,
): string {
  const args: JsonValue = typeof call.arguments === 'string' ? call.arguments : (call.arguments as JsonValue);
  const text = typeof args === 'string' && args.trim() === '' ? '{}' : args;
  return digestOf(gate.digest, { ...digestScope(turn), callId: call.id }, [call.name, parsed(text)]);
}

/** Digest of a whole assistant message, by which the next request is joined to this run. */
export function messageDigest(
  gate: Pick<Gate, 'digest'>,
  turn: Turn,
  message: Pick<AssistantFact, 'texts'> & { toolCalls: readonly Pick<ToolCallFact, 'id' | 'name'>[] },
): string {
  const text = message.texts.join('\n').replace(/\s+/g, ' ').trim();
  const calls = message.toolCalls.map((call) => [call.id, call.name]);
  return digestOf(gate.digest, digestScope(turn), ['message', text, calls]);
}

function parsed(value: JsonValue): JsonValue {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as JsonValue;
  } catch {
    return value;
  }
}
