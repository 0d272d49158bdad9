import { create } from '@bufbuild/protobuf';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Soon } from '@sallyport/chassis/soon';
import { labelOf, wireLabel } from '@sallyport/peers/decision-wire';
import { JoinResponseSchema } from '@sallyport/proto/policy/v1/policy_pb';
import {
  addSpan,
  createCorpus,
  type DigestScope,
  digestOf,
  JsonFault,
  type JsonValue,
  join,
  joinAll,
  type Label,
  parseExact,
  TRUSTED,
  UNMATCHED_HISTORY,
  untrusted,
} from '@sallyport/turn';
import type { AssistantFact, TextFact, ToolCallFact } from '../chat/facts.ts';
import { newTrajectory } from './admit.ts';
import type { Gate } from './gate.ts';
import type { Turn } from './turn.ts';
import { unwrap } from './unwrap.ts';

const JOIN_TIMEOUT_MS = 2_000;

/** Source of files, pictures and other content that a client attached. */
export const ATTACHED = 'user:attached';

/** Source of what others than the requester wrote in a conversation of several people. */
export const OTHERS = 'user:others';

/** Source of all that a principal says of whom something untrusted was forgotten. */
const LOST = 'memory:lost';

const NONE: ReadonlyMap<string, Label> = new Map();

/** Tool results that mcp-broker is known to have produced, by call id, with what reading them adds. */
export type Attested = ReadonlyMap<string, Label>;

/**
 * Stage 2. Finds the trajectory and the label of what the request carries (DESIGN section 5). Roles are a client's claim:
 * text counts as typed or authored only where the key says so. What the assistant is said to have said counts as ours only
 * where its digest is known. Joining only adds taint. Returns the tool results that are known to come from mcp-broker.
 */
export function label(gate: Gate, turn: Turn): Soon<Attested> {
  const { facts } = turn;
  const carriesHistory =
    facts.assistant.length > 0 || facts.toolResults.length > 0 || (turn.exchange?.answered.length ?? 0) > 0;
  labelRoles(turn);
  if (gate.memory.forgets(turn.principal)) turn.label = join(turn.label, untrusted(LOST));
  if (!carriesHistory && turn.claimed === '') {
    newTrajectory(turn);
    return NONE;
  }
  return gate.memory.caughtUp(turn.principal).then(() => joinHistory(gate, turn));
}

const NOBODYS: ReadonlySet<TextFact> = new Set();

function labelRoles(turn: Turn): void {
  const { facts, principal } = turn;
  if (facts.attachments.length > 0) turn.label = join(turn.label, untrusted(ATTACHED));
  const byOther = facts.texts.some(({ author }) => author !== undefined) ? textsOfOthers(turn) : NOBODYS;
  if (byOther.size > 0) turn.label = join(turn.label, untrusted(OTHERS));
  if (!turn.request) return;
  // Only tool calls are asked for the origin of their values.
  const corpus = createCorpus();
  const { systemAuthored = false, userTyped = false } = principal.instructionAuthority ?? {};
  // Nobody typed what a webhook, form, mail or schedule brought; an undeclared origin is not human.
  const typed = userTyped && principal.origin === 'human';
  for (const fact of facts.texts) {
    const { role, text } = fact;
    if (role === 'assistant') continue;
    if (byOther.has(fact)) {
      addSpan(corpus, { text, origin: { kind: 'attached' }, label: untrusted(OTHERS) });
      continue;
    }
    const kind = role === 'user' ? (typed ? 'typed' : 'unknown') : systemAuthored ? 'system' : 'unknown';
    addSpan(corpus, { text, origin: { kind }, label: TRUSTED });
  }
  for (const { text } of facts.attachments) {
    if (text !== undefined) addSpan(corpus, { text, origin: { kind: 'attached' }, label: untrusted(ATTACHED) });
  }
  turn.corpus = corpus;
}

/**
 * Where several people write in one conversation, what the others said is no instruction for the requester's credentials
 * (DESIGN section 5). The requester is who bears the principal's name, else who wrote last. Names are the client's claim,
 * and one name alone tells nobody apart: they lower a label, never raise it.
 */
function textsOfOthers({ facts, principal }: Turn): ReadonlySet<TextFact> {
  const said = facts.texts.filter(({ role }) => role === 'user');
  const authors = new Set(said.map(({ author = '' }) => author));
  if (authors.size < 2) return new Set();
  const own = principal.user !== '' && authors.has(principal.user) ? principal.user : (said.at(-1)?.author ?? '');
  return new Set(said.filter(({ author = '' }) => author !== own));
}

async function joinHistory(gate: Gate, turn: Turn): Promise<Attested> {
  const { facts } = turn;
  const history = historyOf(gate, turn);
  const results = facts.toolResults.map((result) => broughtResult(gate, turn, result));
  const answer = await ask(gate, turn, [...history, ...results.flatMap(({ forms }) => forms.flat())]);
  // A run that mcp-broker has issued may be one of which policy has not heard yet.
  const isIssued = turn.loop !== undefined && turn.claimed !== '' && answer.trajectory === '';
  if (answer.foreign && !isIssued) turn.foreignTrajectory = turn.claimed;
  if (isIssued) turn.trajectory = turn.claimed;
  else if (answer.trajectory === '') newTrajectory(turn);
  else turn.trajectory = answer.trajectory;

  const known = new Map(answer.known.map((one) => [one.digest, one]));
  const labels: Label[] = answer.label ? [labelOf(answer.label)] : [];
  for (const one of history) {
    const found = known.get(one.digest);
    labels.push(found ? labelOf(found.label) : untrusted(UNMATCHED_HISTORY));
  }
  for (const message of facts.assistant) {
    if (message.opaque.length > 0) labels.push(untrusted(UNMATCHED_HISTORY));
  }
  const attested = new Map<string, Label>();
  const strangers = new Set<string>();
  for (const { callId, forms, unwrapped } of results) {
    const form = forms.findIndex((parts) => parts.every(({ digest }) => known.get(digest)?.kind === 'result'));
    if (form === -1) strangers.add(callId);
    else {
      if (form > 0 && unwrapped !== undefined) turn.unwrapped.set(callId, unwrapped);
      const found = (forms[form] ?? []).map(({ digest }) => labelOf(known.get(digest)?.label));
      attested.set(callId, joinAll([attested.get(callId) ?? TRUSTED, ...found]));
    }
  }
  // Two results under one call id stand or fall together: which of them a provider reads is not ours to say.
  for (const callId of strangers) attested.delete(callId);
  for (const one of [...labels, ...attested.values()]) turn.label = join(turn.label, one);
  return attested;
}

/** What must be known of a result, so that it is the broker's: the whole of it, or each part of what a framework wrapped. */
function broughtResult(gate: Gate, turn: Turn, { callId, texts, attachments }: Turn['facts']['toolResults'][number]) {
  // A picture is not in the digest: a result with one is not the one that the broker gave.
  if (attachments.length > 0) return { callId, forms: [] };
  const text = texts.join('\n');
  const digest = (part: JsonValue) => ({ digest: digestOf(gate.digest, digestScope(turn), part) });
  const inner = unwrap(text);
  if (inner === undefined) return { callId, forms: [[digest(text)]] };
  return { callId, forms: [[digest(text)], inner.parts.map(digest)], unwrapped: inner.text };
}

/** Digests of all that the assistant is said to have said, done and thought. */
function historyOf(gate: Gate, turn: Turn): { digest: string }[] {
  const scope = digestScope(turn);
  const said = turn.facts.assistant.flatMap((message) => [
    ...[...message.texts, ...message.reasoning]
      .filter((text) => text.trim() !== '')
      .map((text) => ({ digest: digestOf(gate.digest, scope, text) })),
    ...message.toolCalls.map((call) => ({ digest: callDigest(gate, turn, call) })),
  ]);
  if (turn.exchange === undefined) return said;
  // Calls that were asked about, as the client says.
  return [...said, ...turn.exchange.answered.map((call) => ({ digest: callDigest(gate, turn, call) }))];
}

/** Asks policy which run this is. While policy is away a request without tools goes on as a run of its own, untrusted. */
async function ask(gate: Gate, turn: Turn, content: readonly { digest: string }[]) {
  const { facts, principal } = turn;
  const last = facts.assistant.at(-1);
  const callIds = new Set([
    ...facts.toolResults.map((result) => result.callId),
    ...facts.assistant.flatMap((message) => message.toolCalls.map((call) => call.id)),
    ...(turn.exchange?.answered ?? []).map((call) => call.id),
  ]);
  try {
    const answer = await gate.clients.trajectories.join(
      {
        principal,
        claimed: turn.claimed,
        callIds: [...callIds],
        lastAssistantDigest: last ? messageDigest(gate, turn, last) : '',
        digests: content.map((one) => one.digest).filter((digest) => digest !== ''),
      },
      { timeoutMs: JOIN_TIMEOUT_MS, signal: turn.signal },
    );
    // Policy cannot see whose an id of another tenant is: what it does not know for this principal is somebody else's.
    return { ...answer, foreign: turn.claimed !== '' && answer.trajectory !== turn.claimed };
  } catch (error) {
    const away = error instanceof GatewayError && (error.code === 'unavailable' || error.code === 'deadline_exceeded');
    if (!away || facts.tools.length > 0 || turn.signal.aborted) throw error;
    gate.log.warn('A run could not be found; it goes on as a new one that trusts nothing', { error });
    return create(JoinResponseSchema, { label: wireLabel(untrusted(UNMATCHED_HISTORY)) });
  }
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
  try {
    return digestOf(gate.digest, { ...digestScope(turn), callId: call.id }, [call.name, parsed(text)]);
  } catch (error) {
    // What has no canonical form (half a surrogate pair) we never released: a digest that nothing has.
    if (error instanceof JsonFault) return '';
    throw error;
  }
}

/** Digest of a whole assistant message, by which the next request is joined to this run. */
export function messageDigest(
  gate: Pick<Gate, 'digest'>,
  turn: Turn,
  message: Pick<AssistantFact, 'texts'> & { toolCalls: readonly Pick<ToolCallFact, 'id' | 'name'>[] },
): string {
  const [only] = message.texts;
  // A message that is one text is known by the digest of that text: most are, and it is made anyway.
  if (only !== undefined && message.texts.length === 1 && message.toolCalls.length === 0) {
    return digestOf(gate.digest, digestScope(turn), only);
  }
  const text = message.texts.join('\n').replace(/\s+/g, ' ').trim();
  const calls = message.toolCalls.map((call) => [call.id, call.name]);
  return digestOf(gate.digest, digestScope(turn), ['message', text, calls]);
}

function parsed(value: JsonValue): JsonValue {
  if (typeof value !== 'string') return value;
  try {
    return parseExact(value) as JsonValue;
  } catch {
    return value;
  }
}
