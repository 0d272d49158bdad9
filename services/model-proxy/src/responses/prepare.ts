import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { asArray, isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { asClientFault } from '../fronts/body.ts';
import { itemsOf, typeOfItem } from '../wire/openai-responses/inspect.ts';
import { repeatedFields } from '../wire/openai-responses/response.ts';
import { isProviderItem, storedName } from '../wire/openai-responses/stored-names.ts';
import { Exchange, type TurnOfExchange } from './exchange.ts';
import { hasItemId, keptItem, saidAgain } from './items.ts';
import type { Owner, ResponseStore } from './kept.ts';
import { settleItems } from './settle-items.ts';

/** A request of the Responses API, put together with all that it goes on from. */
export interface Prepared {
  /** The request with its whole context as its input. */
  readonly body: JsonObject;
  readonly bytes: Buffer;
  readonly exchange: Exchange;
  /** The run that it goes on from. */
  readonly goesOn: string | undefined;
  /** Where the answer is to be made while the client does not wait: what is kept from the beginning. */
  readonly background?: Background;
}

/** A response that is made in the background. */
export interface Background {
  /** The client wants to hear the events of it. */
  readonly streams: boolean;
  /** Keeps the response as it stands before it is over. Rejects where that cannot be done. */
  begin(response: JsonObject, principal: Principal): Promise<void>;
}

/** What a request is prepared with. */
export interface PrepareOptions {
  /** Undefined where nothing is kept here. */
  readonly store: ResponseStore | undefined;
  /** Who asks; called only where something kept is named. */
  readonly authenticate: () => Promise<Principal>;
  readonly log: Pick<Logger, 'warn'>;
  /** Largest context, in bytes. */
  readonly maxBytes: number;
}

/**
 * Puts a request together with the responses or the conversation that it goes on from, and the items that it refers to. What is
 * not of its principal, or is gone, does not exist. Throws GatewayError `not_found`, `invalid_request`, `unsupported`.
 */
export async function prepareResponse(parsed: unknown, bytes: Buffer, options: PrepareOptions): Promise<Prepared> {
  if (!isObject(parsed)) throw new GatewayError('invalid_request', 'The body must be a JSON object.');
  const state = stateOf(parsed);
  const brought = broughtItems(parsed, state);
  refuseStored(brought);
  const past = await pastOf(state, brought, options);
  const { items: all, changed: hasPast } = past;
  const settled = settleItems(all);
  const isSame = !hasPast && !settled.changed;
  const inBackground = parsed.background === true;
  const body = isSame ? parsed : { ...parsed, input: [...settled.items] };
  const id = `resp_${uuidv7().replaceAll('-', '')}`;
  const { store } = options;
  const keeps = parsed.store !== false && store !== undefined;
  if (inBackground && !keeps) throw unsupported('background', 'What is made in the background has to be stored.');
  const written = body === parsed ? bytes : Buffer.from(JSON.stringify(body));
  const fields: JsonObject = {
    ...repeatedFields(parsed),
    tools: asArray(parsed.tools).map(withoutSecrets),
    previous_response_id: state.previous === '' ? null : state.previous,
    conversation: state.conversation === '' ? null : { id: state.conversation },
    store: keeps,
  };
  const keep = (response: JsonObject, of: TurnOfExchange): Promise<boolean> =>
    keepResponse(
      options,
      {
        id,
        state,
        brought: past.brought,
        contextBytes: written.length,
        response,
        events: exchange.live?.text(),
      },
      of,
    );
  const { answered, listed } = settled;
  const exchange = new Exchange({ id, fields, answered, listed, ...(keeps ? { keep } : {}) });
  const goesOn = past.trajectory || undefined;
  if (!inBackground || store === undefined) return { body, bytes: written, exchange, goesOn };
  const begin = (response: JsonObject, principal: Principal) => {
    const { previous: previousId, conversation: conversationId } = state;
    const input = past.brought.map(keptItem);
    const kept = { id, trajectory: goesOn ?? '', previousId, conversationId, response, input, beatMs: Date.now() };
    return store.keep(ownerOf(principal), kept, written.length);
  };
  return { body, bytes: written, exchange, goesOn, background: { streams: parsed.stream === true, begin } };
}

/** After a failure so long nothing is kept: otherwise each answer would wait at its end for a database that is away. */
const SPARED_MS = 5_000;
const spared = new WeakMap<ResponseStore, number>();

/** What is kept of an exchange. */
interface Keeping {
  readonly id: string;
  readonly state: State;
  readonly brought: readonly unknown[];
  readonly contextBytes: number;
  readonly response: JsonObject;
  readonly events: string | undefined;
}

/** Keeps a response, and what was said in its conversation. False where that failed: the answer goes out all the same. */
async function keepResponse(
  { store, log }: PrepareOptions,
  { id, state, brought, contextBytes, response, events }: Keeping,
  { principal, trajectory }: TurnOfExchange,
): Promise<boolean> {
  if (store === undefined) return false;
  const owner = ownerOf(principal);
  const input = brought.map(keptItem);
  if (performance.now() < (spared.get(store) ?? 0)) return false;
  const { previous: previousId, conversation: conversationId } = state;
  const told = events === undefined ? {} : { events };
  const kept = { id, trajectory, previousId, conversationId, response, input, ...told };
  const output = asArray(response.output).filter(isObject);
  try {
    await store.keep(owner, kept, contextBytes + Buffer.byteLength(JSON.stringify(output)));
    if (conversationId !== '') {
      const said = output.map((item) => (hasItemId(item) ? item : keptItem(item)));
      await store.add(owner, conversationId, [...input, ...said], trajectory);
    }
    return true;
  } catch (error) {
    // What the database refuses of one request is no reason to keep nothing of the others.
    if (isAway(error)) spared.set(store, performance.now() + SPARED_MS);
    log.warn('A response could not be kept', { response: id, trajectory, error });
    return false;
  }
}

function isAway(error: unknown): boolean {
  return error instanceof GatewayError && (error.code === 'unavailable' || error.code === 'deadline_exceeded');
}

/** Whose a principal's responses are. */
export function ownerOf({ tenant, id, user }: Principal): Owner {
  return { tenant, principalId: id, user };
}

interface State {
  readonly previous: string;
  readonly conversation: string;
}

function stateOf(body: JsonObject): State {
  const previous = body.previous_response_id ?? '';
  const named = isObject(body.conversation) ? body.conversation.id : body.conversation;
  const conversation = named ?? '';
  if (typeof previous !== 'string') throw fault('previous_response_id', 'must be a string');
  if (typeof conversation !== 'string') throw fault('conversation', 'must be an id, or an object with one');
  if (previous !== '' && conversation !== '') {
    throw fault('previous_response_id', 'cannot be given together with conversation');
  }
  if (body.store !== undefined && body.store !== null && typeof body.store !== 'boolean') {
    throw fault('store', 'must be a boolean');
  }
  const hasServer = asArray(body.tools).some((tool) => isObject(tool) && tool.type === 'mcp');
  if (hasServer && typeof body.max_tool_calls === 'number') {
    throw unsupported('max_tool_calls', 'Calls of tools of type mcp are bounded by limits, not by the request.');
  }
  return { previous, conversation };
}

/** The items that the request itself brings; none only where it goes on from something. */
function broughtItems(body: JsonObject, { previous, conversation }: State): readonly unknown[] {
  const isNothing = body.input === undefined || body.input === null || asArray(body.input).length === 0;
  if (isNothing && body.input !== '' && typeof body.input !== 'string' && (previous !== '' || conversation !== ''))
    return [];
  return asClientFault(() => itemsOf(body.input));
}

/**
 * What the tools of a provider stored stands in the account, for all tenants: that a client names it is no proof that it was given
 * it. In what is kept here it may stand, since that was.
 */
function refuseStored(brought: readonly unknown[]): void {
  for (const [index, item] of brought.entries()) {
    const stored = isProviderItem(item) ? storedName(item, `input[${index}]`) : undefined;
    if (stored) throw notFound(stored.field, 'item');
  }
}

interface Past {
  readonly items: readonly unknown[];
  /** The brought items, with what they refer to in its place. */
  readonly brought: readonly unknown[];
  readonly changed: boolean;
  readonly trajectory: string;
}

async function pastOf(state: State, brought: readonly unknown[], options: PrepareOptions): Promise<Past> {
  const references = brought.flatMap((item, index) => (isReference(item) ? [{ id: item.id, index }] : []));
  if (state.previous === '' && state.conversation === '' && references.length === 0) {
    return { items: brought, brought, changed: false, trajectory: '' };
  }
  const owner = ownerOf(await options.authenticate());
  const { items: history, trajectory } = await historyOf(owner, state, options);
  const known = new Map(history.map((item) => [item.id, item]));
  const missing = references.filter(({ id }) => !known.has(id));
  const found =
    missing.length === 0
      ? undefined
      : await options.store?.items(
          owner,
          missing.map(({ id }) => id),
        );
  const resolved = brought.flatMap((item, index): unknown[] => {
    if (!isReference(item)) return [item];
    if (known.has(item.id)) return [];
    const one = found?.get(item.id);
    if (one === undefined) throw notFound(`input[${index}].id`, 'item');
    return [saidAgain(one)];
  });
  return { items: [...history.map(saidAgain), ...resolved], brought: resolved, changed: true, trajectory };
}

function isReference(item: unknown): item is JsonObject & { id: string } {
  return isObject(item) && typeOfItem(item) === 'item_reference' && typeof item.id === 'string';
}

async function historyOf(
  owner: Owner,
  { previous, conversation }: State,
  { store, maxBytes }: PrepareOptions,
): Promise<{ items: readonly JsonObject[]; trajectory: string }> {
  if (previous !== '') {
    const chain = await store?.chain(owner, previous, maxBytes);
    if (chain === undefined) throw notFound('previous_response_id', 'response');
    if (isRunning(chain.at(-1)?.response)) throw fault('previous_response_id', 'names a response that is not over yet');
    const items = chain.flatMap(({ input, response }) => [...input, ...asArray(response.output).filter(isObject)]);
    return { items, trajectory: chain.at(-1)?.trajectory ?? '' };
  }
  if (conversation === '') return { items: [], trajectory: '' };
  const kept = await store?.conversation(owner, conversation);
  const items = kept && (await store?.all(owner, conversation, maxBytes));
  if (kept === undefined || items === undefined) throw notFound('conversation', 'conversation');
  return { items, trajectory: kept.trajectory };
}

/** True for a response that is not over. */
export function isRunning(response: JsonObject | undefined): boolean {
  return response?.status === 'queued' || response?.status === 'in_progress';
}

/** A tool as the response repeats it: what a client gave for its server is not told again. */
function withoutSecrets(tool: unknown): unknown {
  if (!isObject(tool) || tool.type !== 'mcp') return tool;
  const { authorization: _authorization, headers: _headers, ...rest } = tool;
  return rest;
}

/** What does not exist, or is somebody else's. */
export function notFound(param: string, what: 'response' | 'conversation' | 'item'): GatewayError {
  return new GatewayError('not_found', `There is no such ${what}, or it is gone.`, { details: { param } });
}

function fault(param: string, what: string): GatewayError {
  return new GatewayError('invalid_request', `${param}: ${what}.`, { details: { param } });
}

function unsupported(param: string, message: string): GatewayError {
  return new GatewayError('unsupported', message, { status: 400, details: { param } });
}
