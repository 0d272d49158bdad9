import { type Soon, soon } from '@sallyport/chassis/soon';
import { finalText, join, type Label, type Refusal, type ResolvedHandle, TRUSTED, untrusted } from '@sallyport/turn';
import { capabilitiesOf } from '../catalogue/capabilities.ts';
import type { RequestFacts } from '../chat/facts.ts';
import type { AssistantContent, JsonObject } from '../chat/message.ts';
import type { Tool } from '../chat/tools.ts';
import { frontOf } from '../fronts/index.ts';
import { cacheLookup, give, letGo, toKeep } from './cache-lookup.ts';
import { boundModelCalls, call } from './call.ts';
import { citedFor } from './cite.ts';
import { takeControls } from './controls.ts';
import { callsOf, handleValues } from './decide.ts';
import { decorate } from './decorate.ts';
import { execute } from './execute.ts';
import { executeShown } from './execute-shown.ts';
import { boundFetches } from './fetched.ts';
import type { Gate } from './gate.ts';
import { guardIn } from './guard-in.ts';
import { handOver } from './hand-over.ts';
import { knownHosts } from './known-hosts.ts';
import { label } from './label.ts';
import { offerTools } from './offer.ts';
import { quarantine } from './quarantine.ts';
import { receive } from './receive.ts';
import { closeStream, createRelease, type Release } from './release.ts';
import { latch, rememberWords } from './remember.ts';
import { resume } from './resume.ts';
import { route } from './route.ts';
import { modelSource, sourceOf } from './source.ts';
import { hideTools } from './tools.ts';
import type { Turn } from './turn.ts';

/**
 * One turn after Admit, in the order of DESIGN section 4. Read it top to bottom: each line is a stage, in the file of its
 * name. The loop is one model call with what follows from it; it ends when the model calls no tool that the gateway runs.
 * Throws GatewayError; what was streamed before stands.
 */
export function runTurn(gate: Gate, turn: Turn): Promise<void> {
  const run = runStages(gate, turn);
  return turn.model.spec.cache === undefined ? run : run.finally(() => letGo(turn));
}

async function runStages(gate: Gate, turn: Turn): Promise<void> {
  takeControls(turn);
  if (needsLook(turn)) turn.request = frontOf(turn.dialect).neutralRequest(turn);
  if (turn.request) await offerTools(gate, turn);
  const labelled = label(gate, turn);
  const attested = labelled instanceof Promise ? await labelled : labelled;
  boundFetches(gate, turn);
  if (turn.facts.toolResults.length > 0) await quarantine(gate, turn, attested);
  if (turn.model.spec.decoration !== undefined) decorate(gate, turn);
  guardIn(turn);
  const release = createRelease(turn);
  if (turn.exchange && turn.exchange.answered.length > 0) {
    if ((await resume(gate, turn, turn.exchange, release)) === 'over') return;
  }
  for (;;) {
    if (turn.request) await latch(gate, turn);
    const tools = turn.request ? await hideTools(gate, turn) : NO_TOOLS;
    const kept = turn.model.spec.cache === undefined ? undefined : await cacheLookup(gate, turn, tools);
    const values = turn.handles.size > 0 ? await handleValues(gate, turn, turn.handles) : NO_VALUES;
    release.know(values, knownHosts(gate, turn));
    boundModelCalls(gate, turn);
    // Nothing may come between these two: what was reserved is given back by the second.
    const answer = kept === undefined ? await call(gate, turn, route(turn), tools) : await give(gate, turn, kept);
    const { retrieves } = capabilitiesOf(answer.target);
    if (retrieves) turn.label = join(turn.label, untrusted(modelSource(answer.target)));
    const received = receive(gate, turn, answer, release);
    const said = received instanceof Promise ? await received : received;
    turn.label = join(turn.label, labelOfProviderRuns(turn, tools, said.content));
    const keep = turn.cache === undefined ? undefined : toKeep(gate, turn, said);
    if (said.delivered) {
      keep?.();
      return delivered(gate, turn, said.last);
    }
    const calls = callsOf(turn, said.content);
    if (calls.length === 0) {
      keep?.();
      await release.settled();
      await rememberWords(gate, turn, release.filledLabel());
      return await release.finish(said.finish, citedFor(turn, answer.target, said.response));
    }
    const clientOwned = calls.every((one) => one.tool?.runBy === 'client');
    const outcome = clientOwned
      ? await handOver(gate, turn, release, said, calls)
      : turn.exchange
        ? await executeShown(gate, turn, turn.exchange, release, { calls, content: said.content })
        : await execute(gate, turn, release, calls, said.content);
    if (outcome === 'ran' || (outcome === 'over' && turn.approvals.length === 0)) keep?.();
    if (outcome === 'over') return;
    // Messages of which nothing was run are answered with refusals, within bounds: a model may insist for ever.
    if (outcome !== 'ran' && ++turn.reasks > gate.config.turn.maxReasks) {
      return await giveUp(gate, turn, release, outcome.refusals);
    }
    release.nextMessage();
  }
}

const NO_TOOLS: readonly Tool[] = [];
const NO_VALUES: ReadonlyMap<string, ResolvedHandle> = new Map();

/**
 * Whether the gate has to look inside: tools, results or an assistant's calls are in the request, or something attached,
 * whose links the answer may repeat.
 */
function needsLook({ facts, body }: Turn): boolean {
  return (
    facts.tools.length > 0 ||
    facts.toolResults.length > 0 ||
    facts.assistant.some((one) => one.toolCalls.length > 0) ||
    (facts.attachments.length > 0 && !asWritten(facts, body))
  );
}

/** Whether a client asks for what only the provider's own bytes can tell: several answers, speech. */
function asWritten({ n }: RequestFacts, { modalities }: JsonObject): boolean {
  return n > 1 || (Array.isArray(modalities) && modalities.includes('audio'));
}

/**
 * What a provider-run tool brought in: the whole answer of a call that might have used one is untrusted (DESIGN section 5).
 * Blocks that only the dialect knows are such tools at work.
 */
function labelOfProviderRuns(turn: Turn, tools: readonly Tool[], content: readonly AssistantContent[]): Label {
  let of = TRUSTED;
  for (const tool of tools) {
    const known = tool.type === 'provider' ? turn.tools.get(tool.name ?? tool.kind) : undefined;
    if (known?.runBy === 'provider') of = join(of, untrusted(sourceOf(known)));
  }
  for (const block of content) if (block.type === 'opaque') of = join(of, untrusted('provider:block'));
  return of;
}

/** The provider's own bytes were the answer. */
function delivered(gate: Gate, turn: Turn, last: string | undefined): Soon<void> {
  if (!turn.facts.stream) return rememberWords(gate, turn, TRUSTED);
  return soon(turn.exchange ? turn.exchange.end(last ?? '', turn) : last, (end) => {
    closeStream(turn, end);
    return rememberWords(gate, turn, TRUSTED);
  });
}

async function giveUp(gate: Gate, turn: Turn, release: Release, refusals: readonly Refusal[]): Promise<void> {
  await release.say(finalText(refusals));
  await rememberWords(gate, turn, release.filledLabel());
  await release.finish({ unified: 'stop', raw: 'stop' });
}
