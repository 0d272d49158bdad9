import { durationMs } from '@sallyport/custom-resources/fields';
import { join } from '@sallyport/turn';
import { fromJson, toJson } from '@sallyport/turn/label';
import { type CacheControls, cacheControls } from '../cache/controls.ts';
import type { Entry } from '../cache/entry.ts';
import { keyText } from '../cache/key.ts';
import type { Target } from '../catalog.ts';
import type { UnifiedFinish } from '../chat/finish.ts';
import type { AssistantContent } from '../chat/message.ts';
import type { Tool } from '../chat/tools.ts';
import { asksForOdds } from '../wire/odds.ts';
import type { ModelAnswer } from './call.ts';
import { withFreshCallIds } from './call-ids.ts';
import type { Gate } from './gate.ts';
import type { Said } from './receive.ts';
import { reserveKept } from './reserve.ts';
import type { Turn } from './turn.ts';

/** What the cache said of a request: `off` where its Model has none, `bypass` where it was not asked. */
export type CacheStatus = 'off' | 'hit' | 'miss' | 'bypass';

/** The cache in one turn. */
export interface TurnCache {
  readonly controls: CacheControls;
  /** Of the model call under way. */
  status: CacheStatus;
  /** Of the turn: a hit only where every model call of it was one. */
  overall: CacheStatus;
  /** Of the answer that was found, in whole seconds. */
  ageSeconds: number;
  /** What the answer of this call is to be kept under; '' where it is not to be kept. */
  key: string;
  /** Lets those go on who wait for this answer. */
  landed: (() => void) | undefined;
}

/** An answer that was found, of a target that the Model still has. */
export interface KeptAnswer {
  readonly entry: Entry;
  readonly target: Target;
}

/**
 * Stage 7. Looks for an answer to the same request. What was found is received like one that just came: it is released,
 * guarded and remembered anew, its label joins the turn's, and its tool calls are decided. A cache that is away, or that may
 * not be asked, is passed by. Waits for another request's answer to the same where one is under way. Called only where the
 * Model has a cache.
 */
export async function cacheLookup(gate: Gate, turn: Turn, tools: readonly Tool[]): Promise<KeptAnswer | undefined> {
  turn.cache ??= {
    controls: cacheControls(turn.headers['cache-control'], turn.bodyControls),
    status: 'off',
    overall: 'off',
    ageSeconds: 0,
    key: '',
    landed: undefined,
  };
  const cache = turn.cache;
  letGo(turn);
  cache.key = '';
  const answer = await look(gate, turn, cache, tools);
  cache.status = answer === undefined ? (cache.status === 'miss' ? 'miss' : 'bypass') : 'hit';
  if (cache.overall === 'off' || cache.status !== 'hit') cache.overall = cache.status;
  gate.metrics.cacheLookups.inc({ model: turn.model.publicName, outcome: cache.status });
  return answer;
}

async function look(gate: Gate, turn: Turn, cache: TurnCache, tools: readonly Tool[]): Promise<KeptAnswer | undefined> {
  const { controls } = cache;
  cache.status = 'bypass';
  if (!controls.write || !isRepeatable(turn, tools)) return undefined;
  const { tenant } = turn.principal;
  const key = `{${encodeURIComponent(tenant)}}:answer:${gate.digest('cache', keyText(turn, tools, controls.namespace))}`;
  cache.key = key;
  if (!controls.read) return undefined;
  let found = await gate.cache.find(key);
  if (found === 'none') {
    cache.landed = gate.cache.flights.begin(key);
    if (cache.landed === undefined) {
      await gate.cache.flights.wait(key, turn.signal);
      turn.signal.throwIfAborted();
      found = await gate.cache.find(key);
      if (found === 'none') cache.landed = gate.cache.flights.begin(key);
    }
  }
  if (found === 'away') return undefined;
  cache.status = 'miss';
  return found === 'none' ? undefined : taken(turn, cache, found);
}

/** Whether the same request may be answered by the same words: not where a provider acts, or its own bytes are wanted. */
function isRepeatable({ facts, body, operation, wish, tools: known }: Turn, tools: readonly Tool[]): boolean {
  // Who wants nothing kept by a provider wants nothing kept on the way.
  if (operation !== undefined || wish?.zeroRetention) return false;
  const { modalities, conversation, background } = body;
  if (conversation !== undefined || background === true) return false;
  const bytesOnly = facts.n > 1 || asksForOdds(body) || Array.isArray(modalities);
  if (facts.stream && bytesOnly) return false;
  return !tools.some((tool) => tool.type === 'provider' && known.get(tool.name ?? tool.kind)?.runBy !== 'client');
}

/** A kept answer as one that a target gave; undefined where it is too old, or from where the Model no longer goes. */
function taken(turn: Turn, cache: TurnCache, entry: Entry): KeptAnswer | undefined {
  const ageMs = Math.max(0, Date.now() - entry.atMs);
  const target = turn.model.targets.find(
    ({ provider, model }) => provider.name === entry.provider && model === entry.model,
  );
  if (target === undefined || ageMs > cache.controls.maxAgeMs) return undefined;
  cache.ageSeconds = Math.floor(ageMs / 1000);
  turn.label = join(turn.label, fromJson(entry.label));
  return { entry, target };
}

/** Gives a kept answer the form of one that a target just gave; it counts as a request and a step, and costs nothing. */
export async function give(gate: Gate, turn: Turn, { entry, target }: KeptAnswer): Promise<ModelAnswer> {
  const startedAt = performance.now();
  turn.modelCalls++;
  const { text } = entry;
  const response = { ...entry.response, content: withFreshCallIds(entry.response.content) };
  const verbatim = text !== undefined && !turn.facts.stream && turn.request === undefined;
  return {
    target,
    step: ++turn.step,
    startedAtMs: Date.now(),
    startedAt,
    firstTokenMs: 0,
    attempts: [],
    reservation: await reserveKept(gate, turn),
    requestBytes: 0,
    content: { kind: 'whole', text: verbatim ? text : '', response, verbatim },
    kept: true,
  };
}

/** Answers that end of themselves or at a limit that the request names; the others might end otherwise the next time. */
const WHOLE: ReadonlySet<UnifiedFinish> = new Set(['stop', 'stop_sequence', 'length', 'tool_calls']);

/**
 * What is to be done to keep an answer once it is known that nothing of it was refused or waits for people; undefined where
 * it is none to keep. Call it before results are read, which have labels of their own.
 */
export function toKeep(gate: Gate, turn: Turn, said: Said): (() => void) | undefined {
  const { cache } = turn;
  const { response } = said;
  if (cache === undefined || cache.key === '' || cache.status === 'hit' || response === undefined) return undefined;
  if (!WHOLE.has(response.finish.unified) || !hasContent(response.content)) return undefined;
  // A client may let another Model answer: such an answer is found by nobody.
  const isOurs = turn.model.targets.some(
    ({ provider, model }) => provider.name === turn.provider && model === turn.upstreamModel,
  );
  if (!isOurs) return undefined;
  const { key } = cache;
  const entry: Entry = {
    atMs: Date.now(),
    provider: turn.provider,
    model: turn.upstreamModel,
    response,
    ...(said.text === undefined ? {} : { text: said.text }),
    label: toJson(turn.label),
  };
  const ttlMs = Math.min(durationMs(turn.model.spec.cache?.ttl ?? '0s'), cache.controls.ttlMs);
  return () => void gate.cache.keep(key, entry, ttlMs).finally(() => letGo(turn));
}

function hasContent(content: readonly AssistantContent[]): boolean {
  return (
    content.some((block) => block.type === 'toolCall' || (block.type === 'text' && block.text.trim() !== '')) &&
    !content.some((block) => block.type === 'refusal')
  );
}

/** Lets those go on who wait for this turn's answer: there is one, or there will be none. */
export function letGo(turn: Turn): void {
  turn.cache?.landed?.();
}

/** The word for `sallyport-cache`. */
export function cacheWord(turn: Turn): CacheStatus {
  return turn.cache?.overall ?? 'off';
}
