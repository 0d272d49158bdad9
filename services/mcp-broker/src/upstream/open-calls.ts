import { GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { JsonObject } from '../catalog/definition.ts';
import { shares } from '../downstream/shares.ts';
import { SAMPLE } from '../sampling/read-request.ts';
import { ELICIT, readQuestion } from './asked-input.ts';
import { callScope } from './call-scope.ts';
import { type Caller, callerOfCall } from './caller.ts';
import type { ToolAnswer } from './connection.ts';

/** A call of a server of the older line, which may ask its user something in its course and waits for the answer. */
export interface OpenCall {
  /** Asks the user of who made the call, or has a model asked; undefined where nobody answers. */
  ask(params: JsonObject, method?: typeof ELICIT | typeof SAMPLE): Promise<JsonObject | undefined>;
  /** What comes of it on the way is for this caller. */
  readonly caller: Caller;
}

/** What a connection may be asked for in the course of calls: said when hands are shaken. */
export interface Askable {
  readonly calls: OpenCalls;
  readonly elicits: boolean;
  readonly samples: boolean;
}

/**
 * Calls of servers of the older line, which ask their user while a call is under way. To those who made it that is what it is
 * on 2026-07-28: the call ends with the question in place of a result, and is made again with the answer. Here it goes on
 * where it waited.
 */
export interface OpenCalls {
  /**
   * Begins a call; resolves with its result, or with what is asked first. `whose` says who may go on with it and with what,
   * `ownHost` where its server is, to which alone a link may lead that nobody else would be led to.
   */
  begin(whose: string, ownHost: string, run: (signal: AbortSignal) => Promise<ToolAnswer>): Promise<ToolAnswer>;
  /** Goes on with a call, once, with what came back to the caller; undefined where no such call of theirs waits here. */
  resume(whose: string): Promise<ToolAnswer> | undefined;
  /** What came back to the caller may not be sent: the call is told that nobody answers. */
  giveUp(state: string): void;
  stop(): void;
}

/** How long a call waits for its user: servers wait less. */
const WAIT_MS = 5 * 60_000;
const MOST = { all: 512, tenant: 128, principal: 16 } as const;
const KEY = 'question';

interface Waiting {
  readonly whose: string;
  /** Gives its place to another. */
  readonly leave: () => void;
  readonly method: string;
  readonly answer: (answer: JsonObject | undefined) => void;
  readonly next: (caller: Caller) => Promise<ToolAnswer>;
  readonly end: () => void;
}

const ofCaller = new WeakMap<Caller, OpenCall>();

/** The call in whose course something happens, where that can be told by its stream. */
export function currentOpenCall(): OpenCall | undefined {
  const caller = callerOfCall.getStore();
  return caller && ofCaller.get(caller);
}

/** Makes them, for one replica: a question is answered where it was asked. */
export function openCalls(): OpenCalls {
  const waiting = new Map<string, Waiting>();
  const places = shares(MOST);

  const leave = (token: string): Waiting | undefined => {
    const one = waiting.get(token);
    if (one === undefined) return undefined;
    waiting.delete(token);
    one.leave();
    return one;
  };

  return {
    begin(whose, ownHost, run) {
      const outer = callScope.getStore();
      const first = callerOfCall.getStore();
      if (outer === undefined || first === undefined) throw new GatewayError('internal', 'A call has no caller.');
      const ending = new AbortController();
      let caller = first;
      let over = false;
      let settle: (answer: ToolAnswer) => void = () => undefined;
      let fail: (error: unknown) => void = () => undefined;

      /** A round: as long as somebody waits for the call, their leaving ends it. */
      const round = (of: Caller): Promise<ToolAnswer> => {
        caller = of;
        const signal = callScope.getStore()?.signal;
        const left = () => ending.abort(signal?.reason);
        return new Promise<ToolAnswer>((resolve, reject) => {
          settle = resolve;
          fail = reject;
          if (signal?.aborted) left();
          else signal?.addEventListener('abort', left, { once: true });
        }).finally(() => signal?.removeEventListener('abort', left));
      };

      const end = () => ending.abort(new GatewayError('deadline_exceeded', 'Nobody answered the tool server.'));
      const ask: OpenCall['ask'] = async (params, method = ELICIT) => {
        const read = readQuestion(method, params, caller, ownHost);
        if (read === undefined || over || caller.asked !== undefined) return undefined;
        const place = places.take(outer.principal);
        if (typeof place === 'string') return undefined;
        const token = uuidv7();
        const requests: JsonObject = { [KEY]: read };
        caller.asked = { requests, state: token };
        const answered = new Promise<JsonObject | undefined>((answer) => {
          waiting.set(token, { whose, leave: place, method, answer, next: round, end });
        });
        settle({ content: [{ type: 'text', text: JSON.stringify(requests) }], isError: false, asks: true });
        const late = setTimeout(() => {
          // Nobody waits for what it may come to.
          if (leave(token)) end();
        }, WAIT_MS);
        late.unref();
        const ends = new Promise<undefined>((resolve) => {
          ending.signal.addEventListener('abort', () => resolve(undefined), { once: true });
        });
        return await Promise.race([answered, ends]).finally(() => {
          clearTimeout(late);
          leave(token);
        });
      };

      const { progress, log, logLevel } = first;
      const seen: Caller = {
        ...(progress ? { progress: (done, total) => caller.progress?.(done, total) } : {}),
        ...(log ? { log: (one) => caller.log?.(one) } : {}),
        ...(logLevel ? { logLevel } : {}),
      };
      ofCaller.set(seen, { ask, caller: seen });
      const answer = round(first);
      const scope = { ...outer, signal: ending.signal };
      callScope
        .run(scope, () => callerOfCall.run(seen, () => run(ending.signal)))
        .then(
          (result) => settle(result),
          (error: unknown) => fail(error),
        )
        .finally(() => {
          over = true;
          outer.credential = scope.credential;
          ending.abort();
        });
      return answer.finally(() => {
        outer.credential = scope.credential;
      });
    },
    resume(whose) {
      const caller = callerOfCall.getStore();
      const { state, responses } = caller?.sends ?? {};
      const one = state === undefined ? undefined : waiting.get(state);
      // One that is not theirs is none; with other arguments it is another call.
      if (caller === undefined || state === undefined || one === undefined || one.whose !== whose) return undefined;
      leave(state);
      const answer = one.next(caller);
      const given = responses?.[KEY];
      one.answer(one.method === SAMPLE ? readSampled(given) : readElicited(given));
      return answer;
    },
    giveUp(state) {
      leave(state)?.answer(undefined);
    },
    stop() {
      for (const token of [...waiting.keys()]) leave(token)?.end();
    },
  };
}

function readElicited(value: unknown): JsonObject | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { action, content } = value as { action?: unknown; content?: unknown };
  if (action === 'decline') return { action };
  if (action !== 'accept') return undefined;
  const given = typeof content === 'object' && content !== null && !Array.isArray(content);
  return { action, ...(given ? { content: content as JsonObject } : {}) };
}

function readSampled(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null ? (value as JsonObject) : undefined;
}
