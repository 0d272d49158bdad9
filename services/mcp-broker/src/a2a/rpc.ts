import { GatewayError } from '@sallyport/chassis/errors';
import type { OutboundResponse } from '@sallyport/chassis/http/fetch';
import { readSse } from '@sallyport/chassis/http/sse';
import { hasBeyondDouble, parseStrict } from '@sallyport/turn';
import { isObject } from '../downstream/message.ts';
import { atMost } from '../upstream/guarded-fetch.ts';
import type { ServerSend } from '../upstream/server-send.ts';
import type { AgentCard } from './card.ts';
import { methodOf, type Operation } from './revisions.ts';

/** An agent's refusal of a request. Its words are content like any reply. */
export class AgentRefusal extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'AgentRefusal';
    this.code = code;
  }
}

/** Requests to one agent. Both throw AgentRefusal, and GatewayError where there is no answer of the agent. */
export interface AgentRpc {
  /** One request, one result. */
  ask(card: AgentCard, operation: Operation, params: object, signal: AbortSignal): Promise<unknown>;
  /** One request, results as they come; ends with the stream, which a refusal may end. */
  listen(card: AgentCard, operation: Operation, params: object, signal: AbortSignal): AsyncGenerator<unknown>;
}

const MAX_EVENTS = 20_000;
const MAX_DEPTH = 64;

/** Makes requests over a guarded way to the agent; no answer is longer than `maxResultBytes`, streams included. */
export function agentRpc({ send, maxResultBytes }: { send: ServerSend; maxResultBytes: number }): AgentRpc {
  let lastId = 0;
  const post = async (card: AgentCard, operation: Operation, params: object, accept: string, signal: AbortSignal) => {
    const id = ++lastId;
    const { revision, tenant, endpoint } = card;
    const method = methodOf(revision, operation);
    const body = { jsonrpc: '2.0', id, method, params: tenant === '' ? params : { tenant, ...params } };
    const headers = { 'content-type': 'application/json', accept, 'a2a-version': revision.version };
    const answer = await send(endpoint, { method: 'POST', headers, body: JSON.stringify(body), signals: [signal] });
    if ((answer.headers['content-encoding'] ?? 'identity') !== 'identity') {
      await answer.discard();
      throw notA2a();
    }
    return { id, answer };
  };
  const whole = async (answer: OutboundResponse, id: number): Promise<unknown> => {
    if (!isType(answer, 'application/json')) return await refuse(answer);
    return resultOf(await answer.text(maxResultBytes), id, answer.status);
  };
  return {
    async ask(card, operation, params, signal) {
      const { id, answer } = await post(card, operation, params, 'application/json', signal);
      return await whole(answer, id);
    },
    async *listen(card, operation, params, signal) {
      const { id, answer } = await post(card, operation, params, 'text/event-stream, application/json', signal);
      // What cannot be streamed, or was refused before it began, is one JSON body.
      if (!isType(answer, 'text/event-stream')) {
        yield await whole(answer, id);
        return;
      }
      let events = 0;
      const bounded = atMost(answer.body, maxResultBytes);
      for await (const { data } of readSse(bounded, { maxEventBytes: maxResultBytes, signal })) {
        if (++events > MAX_EVENTS)
          throw new GatewayError('upstream_invalid', `The agent sent more than ${MAX_EVENTS} events.`);
        yield resultOf(data, id, answer.status);
      }
    },
  };
}

function isType({ headers }: OutboundResponse, type: string): boolean {
  return String(headers['content-type'] ?? '').startsWith(type);
}

async function refuse(answer: OutboundResponse): Promise<never> {
  const { status } = answer;
  await answer.discard();
  if (status >= 200 && status < 300) throw notA2a();
  throw new GatewayError('upstream_error', `The agent answered with status ${status}.`, { details: { status } });
}

function resultOf(text: string, id: number, status: number): unknown {
  let message: unknown;
  try {
    message = parseStrict(text, { maxDepth: MAX_DEPTH });
  } catch {
    throw status >= 400 ? new GatewayError('upstream_error', `The agent answered with status ${status}.`) : notA2a();
  }
  if (!isObject(message) || message.jsonrpc !== '2.0') throw notA2a();
  // Told on, it would be another one.
  if (hasBeyondDouble(text)) {
    throw new GatewayError(
      'upstream_invalid',
      "A number in the agent's answer is too long to be kept as it is written.",
    );
  }
  const { error, result } = message;
  // An error about a request that it could not read has no id.
  if (message.id !== id && !(message.id === null && isObject(error))) {
    throw new GatewayError('upstream_invalid', 'The agent answered another request than it was sent.');
  }
  if (isObject(error)) {
    const { code, message: words } = error;
    throw new AgentRefusal(Number.isSafeInteger(code) ? (code as number) : 0, typeof words === 'string' ? words : '');
  }
  if (status !== 200 || result === undefined) throw notA2a();
  return result;
}

function notA2a(): GatewayError {
  return new GatewayError('upstream_invalid', 'The agent does not answer as A2A says.');
}
