import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { readBody } from '@sallyport/chassis/http/body';
import { parseJson } from '@sallyport/chassis/http/json';
import { clientGone } from '@sallyport/chassis/http/server';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Express, Request, Response } from 'express';
import { asArray, isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { errorFrame } from '../fronts/openai-responses/errors.ts';
import type { Owner, Page, ResponseStore } from '../responses/kept.ts';
import { framesAfter } from '../responses/live-events.ts';
import { notFound, ownerOf, type Prepared, prepareResponse } from '../responses/prepare.ts';
import { authorise } from '../turn/admit.ts';
import type { Gate } from '../turn/gate.ts';
import { recordRefusedAdmission } from '../turn/record.ts';
import { asItStands, type BackgroundRuns, cancelKept } from './background.ts';
import { clientAnswer } from './client-answer.ts';
import { follow } from './follow.ts';

/** The endpoint's name in policies. */
export const RESPONSES = 'responses';

/** How often a reader on any replica is told what is new of a response. */
const READ_MS = 300;
/** Readers of one principal at a replica, at once: as many as it may have responses made. */
const MOST_READERS_OF_ONE = 50;

/** What of a request is put together before it is admitted. */
export type Prepare = (
  req: Parameters<Gate['ingress']['credentialOf']>[0],
  res: Parameters<typeof clientGone>[0],
  body: unknown,
  bytes: Buffer,
) => Promise<Prepared>;

/** Puts requests together with what they go on from; who names what is not theirs is refused, and recorded. */
export function prepareResponses(gate: Gate): Prepare {
  return async (req, res, body, bytes) => {
    const startedAtMs = Date.now();
    let principal: Principal | undefined;
    const authenticate = async () => {
      const signal = clientGone(res);
      ({ principal } = await authorise(gate, gate.ingress.credentialOf(req), RESPONSES, signal));
      return principal;
    };
    const { responses: store, config } = gate;
    try {
      return await prepareResponse(body, bytes, {
        store,
        authenticate,
        log: gate.log,
        maxBytes: config.request.maxBytes,
      });
    } catch (error) {
      if (principal && error instanceof GatewayError) {
        const model = isObject(body) ? String(body.model ?? '') : '';
        const request = { trajectory: uuidv7(), turn: uuidv7(), endpoint: RESPONSES, model, startedAtMs };
        recordRefusedAdmission(gate, principal, request, error);
      }
      throw error;
    }
  };
}

/** Mounts what there is to do with responses that are kept. */
export function mountResponses(app: Express, gate: Gate, runs: BackgroundRuns): void {
  const reading = new Map<string, number>();
  app.post('/v1/responses/compact', async (req, res) => {
    await known(gate, req, res);
    throw new GatewayError('unsupported', 'Responses are not compacted here.', { status: 400 });
  });
  app.get('/v1/responses/:id', async (req, res) => {
    const { owner, store } = await known(gate, req, res);
    const kept = await store.find(owner, req.params.id);
    if (kept === undefined) throw notFound('response_id', 'response');
    if (req.query.stream !== 'true') {
      res.json(asItStands(kept));
      return;
    }
    const after = req.query.starting_after === undefined ? -1 : Number(req.query.starting_after);
    if (!Number.isSafeInteger(after)) throw invalid('starting_after', 'must be the number of an event');
    const answer = clientAnswer(res);
    // Made by whichever replica: what it keeps is read again and again, and whether the reader still may.
    const read = async () => {
      const now = await store.find(owner, kept.id);
      const { events } = now ?? {};
      const told = events === undefined ? undefined : (from: number) => framesAfter(events, from);
      return now && { response: asItStands(now), events: told };
    };
    const leave = begin(reading, owner);
    try {
      await follow(answer, after, read, async () => {
        await new Promise((resolve) => setTimeout(resolve, READ_MS));
        if (!answer.gone()) await known(gate, req, res);
      });
    } catch (error) {
      if (!answer.started()) throw error;
      answer.end(errorFrame(asGatewayError(error)));
    } finally {
      leave();
    }
  });
  app.delete('/v1/responses/:id', async (req, res) => {
    const { owner, store } = await known(gate, req, res);
    const { id } = req.params;
    if (!(await store.remove(owner, id))) throw notFound('response_id', 'response');
    // What is still made of it would be kept anew.
    runs.cancel(id);
    res.json({ id, object: 'response.deleted', deleted: true });
  });
  app.post('/v1/responses/:id/cancel', async (req, res) => {
    const { owner, store } = await known(gate, req, res);
    const response = await cancelKept(store, owner, req.params.id, runs);
    if (response === undefined) throw notFound('response_id', 'response');
    if (response.background !== true) {
      throw new GatewayError('invalid_request', 'Only responses that are made in the background can be cancelled.');
    }
    res.json(response);
  });
  app.get('/v1/responses/:id/input_items', async (req, res) => {
    const { owner, store } = await known(gate, req, res);
    const page = pageOf(req);
    const chain = await store.chain(owner, req.params.id, gate.config.request.maxBytes);
    const last = chain?.at(-1);
    if (chain === undefined || last === undefined) throw notFound('response_id', 'response');
    const before = chain
      .slice(0, -1)
      .flatMap((one) => [...one.input, ...asArray(one.response.output).filter(isObject)]);
    const items = [...before, ...last.input];
    if (page.order === 'desc') items.reverse();
    const from = page.after === undefined ? 0 : items.findIndex(({ id }) => id === page.after) + 1;
    res.json(listOf(items.slice(from, from + page.limit), items.length > from + page.limit));
  });
}

/** Counts a reader of what is still made: each has the response read again and again. Gives how to leave. */
function begin(reading: Map<string, number>, { tenant, principalId }: Owner): () => void {
  const key = `${tenant}\n${principalId}`;
  const count = reading.get(key) ?? 0;
  if (count >= MOST_READERS_OF_ONE) {
    throw new GatewayError('rate_limited', 'Too many responses are read as they are made.', { retryAfterMs: 5_000 });
  }
  reading.set(key, count + 1);
  return () => {
    const left = (reading.get(key) ?? 1) - 1;
    if (left > 0) reading.set(key, left);
    else reading.delete(key);
  };
}

/** Who asks, and the store; without one nothing exists. */
export async function known(gate: Gate, req: Request, res: Response): Promise<{ owner: Owner; store: ResponseStore }> {
  const { principal } = await authorise(gate, gate.ingress.credentialOf(req), RESPONSES, clientGone(res));
  if (gate.responses === undefined) {
    throw new GatewayError('unsupported', 'This gateway keeps no responses and no conversations.', { status: 400 });
  }
  return { owner: ownerOf(principal), store: gate.responses };
}

/** The body of a request that is no turn. */
export async function objectBody(gate: Gate, req: Request): Promise<JsonObject> {
  const { maxBytes, maxDepth } = gate.config.request;
  const bytes = await readBody(req, { limitBytes: maxBytes });
  const body = bytes.length === 0 ? {} : parseJson(bytes, { maxDepth });
  if (!isObject(body)) throw new GatewayError('invalid_request', 'The body must be a JSON object.');
  return body;
}

/** The page that a query asks for; 20 items, the last first, where it says nothing. */
export function pageOf({ query }: Request): Page {
  const limit = query.limit === undefined ? 20 : Number(query.limit);
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > 100) throw invalid('limit', 'must be between 1 and 100');
  const order = query.order ?? 'desc';
  if (order !== 'asc' && order !== 'desc') throw invalid('order', 'must be asc or desc');
  const { after } = query;
  if (after !== undefined && typeof after !== 'string') throw invalid('after', 'must be an id');
  return { limit, order, after };
}

/** A list as OpenAI's API gives it. */
export function listOf(data: readonly JsonObject[], more: boolean): JsonObject {
  return { object: 'list', data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: more };
}

/** A fault of the client's in one parameter. */
export function invalid(param: string, what: string): GatewayError {
  return new GatewayError('invalid_request', `${param}: ${what}.`, { details: { param } });
}
