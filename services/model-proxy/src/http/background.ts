import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { Credential } from '@sallyport/peers/ingress';
import type { OpenWork, OpenWorks } from '@sallyport/peers/open-work';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { RequestFacts } from '../chat/facts.ts';
import type { JsonObject } from '../chat/message.ts';
import { errorBody } from '../fronts/openai/errors.ts';
import type { KeptResponse, Owner, ResponseStore } from '../responses/kept.ts';
import { LiveEvents } from '../responses/live-events.ts';
import { isRunning, ownerOf, type Prepared } from '../responses/prepare.ts';
import { admit, newTrajectory } from '../turn/admit.ts';
import type { Gate } from '../turn/gate.ts';
import { recordEndedTurn, recordRefusedAdmission } from '../turn/record.ts';
import { runTurn } from '../turn/run.ts';
import type { Turn } from '../turn/turn.ts';
import { overheard, unheard } from '../turn/unheard.ts';
import { responseObject } from '../wire/openai-responses/response.ts';
import type { ClientAnswer } from './client-answer.ts';
import { follow } from './follow.ts';
import { keepEvents } from './keep-events.ts';

const BEAT_MS = 3_000;
/** How often it is asked whether runs of this process were cancelled or deleted by another one: one question for all of them. */
const LOOK_MS = 250;
/** A run of which nothing was heard for so long is none any more: its process is gone. */
const DEAD_MS = 20_000;
/** Runs of one process at once, and those of one principal among them. */
const MOST = 200;
const MOST_OF_ONE = 50;
/** What comes within so long is told its client at once. */
const SHOWN_MS = 50;

/** A request whose answer is made in the background. */
export interface BackgroundRequest {
  readonly credential: Credential;
  readonly prepared: Prepared;
  readonly facts: RequestFacts;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly startedAtMs: number;
  readonly answer: ClientAnswer;
}

/** Responses that are made while no client waits. */
export interface BackgroundRuns {
  /** Begins a run and tells the client of it: the response as it stands, or its events. Throws before the run has begun. */
  serve(request: BackgroundRequest): Promise<void>;
  /** Ends a run here; one of another process is ended there a quarter of a second later, by what is kept of it. */
  cancel(id: string): void;
}

interface Run {
  readonly entry: OpenWork;
  readonly owner: Owner;
  /** From then on it counts as ended where nothing is kept of it. */
  isKept: boolean;
}

/** Makes the runs of this process. A response is kept from its beginning, with a beat by which others see that it lives. */
export function backgroundRuns(gate: Gate, open: OpenWorks): BackgroundRuns {
  const running = new Map<string, Run>();
  let isLooking = false;
  const take = (id: string, entry: OpenWork, owner: Owner): void => {
    const isTheirs = ({ owner: { tenant, principalId } }: { readonly owner: Owner }) =>
      tenant === owner.tenant && principalId === owner.principalId;
    if (running.size >= MOST || [...running.values()].filter(isTheirs).length >= MOST_OF_ONE) {
      throw new GatewayError('unavailable', 'Too many responses are made in the background.', { retryAfterMs: 5_000 });
    }
    running.set(id, { entry, owner, isKept: false });
    if (isLooking) return;
    isLooking = true;
    setTimeout(look, LOOK_MS);
  };
  const look = async (): Promise<void> => {
    const begun = [...running].flatMap(([id, { isKept, owner }]) => (isKept ? [{ tenant: owner.tenant, id }] : []));
    try {
      const over = begun.length === 0 ? [] : ((await gate.responses?.ended(begun)) ?? []);
      for (const id of over) running.get(id)?.entry.leave();
    } catch (error) {
      gate.log.debug('It could not be asked which responses were cancelled', { error });
    }
    isLooking = running.size > 0;
    if (isLooking) setTimeout(look, LOOK_MS);
  };

  const begin = async (
    request: BackgroundRequest,
  ): Promise<{ owner: Owner; begun: JsonObject; live: LiveEvents | undefined; over: Promise<void> }> => {
    const { credential, prepared, facts, headers, startedAtMs } = request;
    const { exchange, background, body, bytes, goesOn } = prepared;
    const entry = open.begin();
    const id = uuidv7();
    let principal: Principal | undefined;
    const created = Math.floor(startedAtMs / 1000);
    const begun = responseObject(
      { id: exchange.id, model: facts.model, created, status: 'queued', output: [] },
      { fields: exchange.fields },
    );
    const live = background?.streams ? new LiveEvents(begun) : undefined;
    exchange.live = live;
    try {
      const turn = await admit(gate, {
        id,
        startedAtMs,
        dialect: 'openai-responses',
        endpoint: 'responses',
        credential,
        body,
        bytes,
        facts,
        exchange,
        goesOn,
        headers,
        answer: live ? overheard((frames) => live.add(frames)) : unheard(),
        signal: entry.ended,
        onPrincipal: (known) => {
          principal = known;
          entry.own(known, () => gate.principals.authenticate(credential, 'responses'));
        },
      });
      const owner = ownerOf(turn.principal);
      take(exchange.id, entry, owner);
      await background?.begin(begun, turn.principal);
      const run = running.get(exchange.id);
      if (run) run.isKept = true;
      return { owner, begun, live, over: make(turn, owner, exchange.id, entry, live, bytes.length) };
    } catch (caught) {
      running.delete(exchange.id);
      entry.end();
      live?.close();
      const error = asGatewayError(caught);
      if (principal) {
        const refused = { trajectory: uuidv7(), turn: id, endpoint: 'responses', model: facts.model, startedAtMs };
        recordRefusedAdmission(gate, principal, refused, error);
      }
      throw error;
    }
  };

  const make = async (
    turn: Turn,
    owner: Owner,
    id: string,
    entry: OpenWork,
    live: LiveEvents | undefined,
    bytes: number,
  ): Promise<void> => {
    const store = gate.responses as ResponseStore;
    const beat = setInterval(() => void tick(store, owner, id, gate), BEAT_MS);
    const keeping = live === undefined ? undefined : keepEvents(store, owner, id, live, bytes, gate);
    try {
      await taken(store, owner, id, entry, gate);
      await runTurn(gate, turn);
      gate.metrics.turns.inc({ endpoint: 'responses', outcome: 'ok' });
    } catch (caught) {
      const error = asGatewayError(entry.ended.aborted ? (entry.ended.reason ?? caught) : caught);
      gate.metrics.turns.inc({ endpoint: 'responses', outcome: error.code });
      if (turn.trajectory === '') newTrajectory(turn);
      if (!turn.failureRecorded) recordEndedTurn(gate, turn, error);
      await store
        .alter(owner, id, (kept) => withEvents(failed(kept, error), live))
        .catch((fault: unknown) => {
          gate.log.warn('The end of a response in the background could not be kept', { response: id, error: fault });
        });
    } finally {
      clearInterval(beat);
      live?.close();
      await keeping;
      running.delete(id);
      entry.end();
    }
  };

  return {
    async serve(request) {
      const { answer, prepared } = request;
      const { owner, begun, live, over } = await begin(request);
      if (live === undefined) {
        answer.json(200, JSON.stringify(begun));
        return;
      }
      const { id } = prepared.exchange;
      const read = async () => {
        const events = (after: number) => live.after(after);
        if (!live.isOver()) return { response: begun, events };
        await over;
        const kept = await gate.responses?.find(owner, id);
        return kept && { response: asItStands(kept), events };
      };
      await follow(answer, -1, read, () => Promise.all([live.changed(), pause(SHOWN_MS)]));
    },
    cancel: (id) => running.get(id)?.entry.leave(),
  };
}

function withEvents(kept: KeptResponse | undefined, live: LiveEvents | undefined): KeptResponse | undefined {
  return kept && live ? { ...kept, events: live.text() } : kept;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Says that the run is at work, and ends it where it was cancelled before. */
async function taken(
  store: ResponseStore,
  owner: Owner,
  id: string,
  entry: OpenWork,
  { log }: Pick<Gate, 'log'>,
): Promise<void> {
  try {
    const kept = await store.alter(owner, id, (one) =>
      isRunning(one.response) ? { ...one, response: { ...one.response, status: 'in_progress' } } : undefined,
    );
    if (kept === undefined || kept.response.status === 'cancelled') entry.leave();
  } catch (error) {
    log.debug('A response in the background could not be marked as begun', { response: id, error });
  }
}

/** Says that the run lives. Whether it was cancelled elsewhere is asked more often, of all runs at once. */
async function tick(store: ResponseStore, owner: Owner, id: string, { log }: Pick<Gate, 'log'>): Promise<void> {
  try {
    await store.beat(owner, id);
  } catch (error) {
    log.debug('A response in the background could not be marked as alive', { response: id, error });
  }
}

function failed(kept: KeptResponse, error: GatewayError): KeptResponse | undefined {
  if (!isRunning(kept.response)) return undefined;
  const { code, message } = (errorBody(error).error ?? {}) as JsonObject;
  return withStatus(kept, 'failed', { code, message });
}

function withStatus(kept: KeptResponse, status: string, error: JsonObject | null): KeptResponse {
  const { beatMs: _beat, ...rest } = kept;
  return { ...rest, response: { ...kept.response, status, error } };
}

/** A response as it stands now: one whose process is gone has failed. */
export function asItStands(kept: KeptResponse): JsonObject {
  const isDead = isRunning(kept.response) && Date.now() - (kept.beatMs ?? 0) > DEAD_MS;
  if (!isDead) return kept.response;
  return withStatus(kept, 'failed', { code: 'server_error', message: 'The process that made it is gone.' }).response;
}

/** Cancels a response that is made in the background; one that is over stays as it is. */
export async function cancelKept(
  store: ResponseStore,
  owner: Owner,
  id: string,
  runs: BackgroundRuns,
): Promise<JsonObject | undefined> {
  const kept = await store.alter(owner, id, (one) =>
    isRunning(one.response) ? withStatus(one, 'cancelled', null) : undefined,
  );
  if (kept?.response.status === 'cancelled') runs.cancel(id);
  return kept?.response;
}
