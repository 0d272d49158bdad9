import { type Decision, deny, join, notRun, refusalOf, TRUSTED } from '@sallyport/turn';
import type { AssistantContent, ToolResultBlock } from '../chat/message.ts';
import type { Exchange } from '../responses/exchange.ts';
import { ask, asks } from './ask.ts';
import type { Decided } from './decide.ts';
import {
  addToCorpus,
  type DecidedOrFault,
  decidedOrFault,
  isRunHere,
  outcomeOf,
  recordLeftOut,
  runHere,
} from './execute.ts';
import type { Gate } from './gate.ts';
import { type BatchOutcome, recordRefusedCall } from './hand-over.ts';
import { callItem, itemId, labelOfServer, questionItem, returningName, showItem } from './mcp-items.ts';
import type { Release } from './release.ts';
import { rememberWords } from './remember.ts';
import { answerOwn, type OwnAnswer, ownResult } from './search.ts';
import type { Turn, TurnCall } from './turn.ts';

/** Calls of one model message, with the message. */
export interface ShownBatch {
  readonly calls: readonly TurnCall[];
  readonly content: readonly AssistantContent[];
  /** By call id the question that the client has said yes to; absent: it was not asked yet. */
  readonly consented?: ReadonlyMap<string, string>;
}

/** Calls that wait for an answer, those that a rule asks about as they were decided. */
type Held = Map<TurnCall, Decided | undefined>;

/**
 * Stage 13 where the client is shown each call (the Responses API): runs what may run, shows it with its result, and puts before the
 * client what it wants to be asked about, and what a rule asks people about. With a question open the turn ends: the client's answer
 * to it goes on. Its yes is consent, and never what a rule asks for: that is decided anew.
 */
export async function executeShown(
  gate: Gate,
  turn: Turn,
  exchange: Exchange,
  release: Release,
  batch: ShownBatch,
): Promise<BatchOutcome> {
  const { calls, content, consented } = batch;
  const held: Held = new Map();
  if (!consented) for (const call of calls) if (call.tool?.listed?.asks === true) held.set(call, undefined);
  const open = calls.filter((call) => isRunHere(call) && !held.has(call));
  const decided = await settled(gate, turn, release, { open, held, waits: consented !== undefined });
  const runnable = open.filter((call) => !held.has(call));
  const own = await answerOwn(gate, turn, calls);
  const results = await runHere(gate, turn, runnable, decided);
  turn.signal.throwIfAborted();

  const byId = new Map(results.results.map((result) => [result.callId, result]));
  const blocks: ToolResultBlock[] = [];
  for (const call of calls) {
    if (held.has(call)) continue;
    const answered = own.get(call);
    if (answered) {
      blocks.push(ownResult(call, answered));
      await showOwn(exchange, release, call, answered);
      continue;
    }
    const result = byId.get(call.id);
    if (!result) recordLeftOut(gate, turn, call);
    const text = result?.content?.text ?? (result?.refusal ?? notRun()).text;
    if (result?.content && result.status === 'done') addToCorpus(gate, turn, call, result.content, result.label);
    const isError = result === undefined || result.isError;
    blocks.push({
      type: 'toolResult',
      callId: call.id,
      content: [{ type: 'text', text }],
      ...(isError ? { isError } : {}),
    });
    // A name that no server can have says nothing to the client.
    if (!result || labelOfServer(call) === '') continue;
    const id = itemId('mcp');
    // What a model reads of it: behind handles it reads nothing untrusted.
    const label = result.content === undefined ? TRUSTED : result.contextLabel;
    exchange.shown.push({ id, name: returningName(call), arguments: call.written, result: { text, label } });
    await showItem(release, callItem(id, call, { text, isError, question: consented?.get(call.id) }));
  }
  turn.label = join(turn.label, results.contextLabel);
  if (held.size > 0) return await askClient(gate, turn, exchange, release, held);
  turn.appended.push({ role: 'assistant', content: [...content] }, { role: 'tool', content: blocks });
  return outcomeOf(results, own);
}

/** Shows a call that the gateway answered itself, a search most often: it comes back as other calls do. */
async function showOwn(exchange: Exchange, release: Release, call: TurnCall, answer: OwnAnswer): Promise<void> {
  const id = itemId('mcp');
  const { text, refusal } = answer;
  exchange.shown.push({ id, name: returningName(call), arguments: call.written, result: { text, label: TRUSTED } });
  await showItem(release, callItem(id, call, { text, isError: refusal !== undefined }));
}

/** Decides open calls; those that people have to be asked about, and have not answered, are added to the held. */
async function settled(
  gate: Gate,
  turn: Turn,
  release: Release,
  batch: { readonly open: readonly TurnCall[]; readonly held: Held; readonly waits: boolean },
): Promise<DecidedOrFault> {
  const { open, held, waits } = batch;
  const decided = await decidedOrFault(gate, turn, open);
  if ('fault' in decided || !asks(decided)) return decided;
  const asked = await ask(gate, turn, release, decided, waits ? gate.config.turn.approvalWait : 0);
  if (asked.outcome === 'decided') return asked.decided;
  turn.approvals = asked.approvals;
  const isAsked = ({ decision }: Decided) => decision.enforced === 'ask';
  for (const one of decided.filter(isAsked)) held.set(one.call, one);
  return decided.filter((one) => !isAsked(one));
}

/** Ends the turn with a question for each held call; nothing of them was run. */
async function askClient(gate: Gate, turn: Turn, exchange: Exchange, release: Release, held: Held): Promise<'over'> {
  for (const [call, decided] of held) {
    const id = itemId('mcpr');
    exchange.shown.push({ id, name: returningName(call), arguments: call.written });
    if (decided) recordRefusedCall(gate, turn, decided, refusalOf(decided.decision));
    else {
      const inputsJson = JSON.stringify({ arguments: call.written });
      recordRefusedCall(gate, turn, { call, label: turn.label, decision: asking(turn), inputsJson }, notRun());
    }
    await showItem(release, questionItem(id, call));
  }
  await rememberWords(gate, turn, release.filledLabel());
  await release.finish({ unified: 'stop', raw: 'stop' });
  return 'over';
}

function asking({ policyRevision }: Turn): Decision {
  const decision = deny('builtin/client-asked', 'The client is asked whether the call may be made.', policyRevision);
  return { ...decision, verdict: 'ask', enforced: 'ask' };
}
