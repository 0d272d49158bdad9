import { toJson } from '@sallyport/turn/label';
import type { JsonObject } from '../chat/message.ts';
import type { Tool } from '../chat/tools.ts';
import type { Turn } from '../turn/turn.ts';

/** Fields that change neither what is asked nor what may be answered: whether it streams, and what the client notes. */
const NOT_ASKED = new Set([
  'model',
  'stream',
  'stream_options',
  'streamOptions',
  'metadata',
  'cache',
  'prompt_cache_key',
  'prompt_cache_retention',
  'safety_identifier',
]);

/** Headers by which a client says where a request may go. */
const ROUTED_BY = ['sallyport-region', 'sallyport-class'];

/**
 * What an answer is kept under, as text to be digested (DESIGN section 4.7): whose data it is, what the turn has read, what
 * policy says now, and the request with all that was put into it. No target is named: which of them answered does not
 * matter. Two requests that say the same in another order of fields have two keys.
 */
export function keyText(turn: Turn, tools: readonly Tool[], namespace: string): string {
  const { model, principal, label, appended } = turn;
  const whose = JSON.stringify([
    principal.tenant,
    scopeOf(turn),
    namespace,
    model.publicName,
    model.uid,
    turn.policyRevision,
    toJson(label),
    turn.dialect,
    turn.endpoint,
    headersOf(turn),
    // Where it may go: an answer out of one region is none for who asks for another.
    ROUTED_BY.map((name) => turn.headers[name] ?? null),
    turn.wish ?? null,
    // What was left out for one is none for who wants it said, or refused.
    turn.controls.drops,
    turn.attribution.tags,
  ]);
  const what = JSON.stringify([
    asked(turn.body),
    tools,
    [...turn.changedResults],
    [...turn.unwrapped],
    appended,
    turn.decoration?.parameters ?? null,
  ]);
  return `${whose}\n${withoutIds(what, callIdsOf(turn))}`;
}

/** Ids of tool calls are new with each run, also with each answer that is given again; the model reads nothing in them. */
function withoutIds(text: string, ids: ReadonlySet<string>): string {
  let result = text;
  let index = 0;
  for (const id of ids) if (id !== '') result = result.replaceAll(JSON.stringify(id), `"\0call ${index++}"`);
  return result;
}

function callIdsOf({ facts, appended }: Turn): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { toolCalls } of facts.assistant) for (const { id } of toolCalls) ids.add(id);
  for (const { callId } of facts.toolResults) ids.add(callId);
  for (const { role, content } of appended) {
    if (role === 'assistant') for (const block of content) if (block.type === 'toolCall') ids.add(block.id);
  }
  return ids;
}

function asked(body: JsonObject): JsonObject {
  const rest: JsonObject = {};
  for (const [name, value] of Object.entries(body)) if (!NOT_ASKED.has(name)) rest[name] = value;
  return rest;
}

/** Headers of the client that go along to a provider of its dialect, and may change the answer. */
function headersOf({ headers, dialect, model }: Turn): [string, unknown][] {
  const passed = new Set<string>();
  for (const { provider } of model.targets) {
    if (provider.declaration.wire !== dialect) continue;
    for (const name of provider.declaration.passHeaders) if (headers[name] !== undefined) passed.add(name);
  }
  return [...passed].sort().map((name) => [name, headers[name]]);
}

/** Whose data an answer is: the principal's, or that of a circle which the Model names, where nothing of it is private. */
function scopeOf(turn: Turn): unknown[] {
  const { principal, model } = turn;
  const wanted = model.spec.cache?.scope ?? 'Principal';
  if (wanted !== 'Principal' && !isPrivate(turn)) {
    if (wanted === 'Tenant') return ['tenant'];
    if (principal.teams.length > 0) return ['teams', ...[...principal.teams].sort()];
  }
  const actors = principal.actors.map(({ id }) => id);
  return ['principal', principal.id, principal.user, principal.userSinceMs, ...actors];
}

function isPrivate({ facts, label, tools, appended, handles, model, headers }: Turn): boolean {
  return (
    facts.toolResults.length > 0 ||
    facts.attachments.length > 0 ||
    appended.length > 0 ||
    handles.size > 0 ||
    label.integrity !== 'trusted' ||
    label.audience !== 'public' ||
    headers['sallyport-provider-key'] !== undefined ||
    model.targets.some(({ provider }) => provider.spec.credentials?.perPrincipal !== undefined) ||
    [...tools.values()].some(({ runBy }) => runBy === 'gateway')
  );
}
