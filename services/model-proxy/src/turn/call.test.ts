import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Provider } from '../catalog.ts';
import type { FailureKind } from '../chat/failure.ts';
import { meaningOf } from '../routing/cause.ts';
import { call } from './call.ts';
import { route } from './route.ts';
import { gateOf, modelOf, providerOf, type TurnInit, turnOf } from './testing.ts';

const answerOf = (status: number, body: unknown) => ({
  status,
  headers: {},
  body: (async function* () {})(),
  text: async () => (typeof body === 'string' ? body : JSON.stringify(body)),
});
const good = {
  id: 'x',
  model: 'm',
  choices: [{ message: { role: 'assistant', content: 'Hi.' }, finish_reason: 'stop' }],
};
const providers = [providerOf('openai-compatible', 'first'), providerOf('openai-compatible', 'second')];

/** Calls a model whose providers answer one after the other as listed. */
async function called(
  answers: ((signal: AbortSignal) => unknown)[],
  spec: object = {},
  init: TurnInit = {},
  touched = [] as never[],
) {
  const asked: string[] = [];
  const kept = gateOf(
    {
      upstream: {
        request: async (provider: Provider, { signal }: { signal: AbortSignal }) => {
          asked.push(provider.name);
          return await answers[Math.min(asked.length, answers.length) - 1]?.(signal);
        },
      },
    },
    touched,
  );
  const turn = turnOf({ model: modelOf(providers, spec), ...init });
  const answer = await call(kept.gate, turn, route(turn), []).catch((error: GatewayError) => error);
  return { answer, asked, kept, turn };
}
const failing = (status: number) => () => answerOf(status, { error: { message: 'CANARY', type: 'x' } });

describe('going on to the next target', () => {
  it.each<[FailureKind, string | undefined]>([
    ['rate_limited', 'RateLimit'],
    ['context_length', 'ContextWindow'],
    ['overloaded', 'Error'],
    ['timeout', 'Error'],
    ['server_error', 'Error'],
    ['malformed', 'Error'],
    ['auth', 'Error'],
    ['not_found', 'Error'],
    ['invalid_request', undefined],
    ['content_policy', 'ContentPolicy'],
    ['too_large', undefined],
  ])('[model:fallback-cause] %s is a cause of %s', (kind, cause) => {
    expect(meaningOf(kind).cause).toBe(cause);
  });

  it('[model:fallback-cause] a model without a live target is unavailable', () => {
    expect(() => route(turnOf({ model: modelOf([]) }))).toThrow(GatewayError);
  });

  it('[model:fallback-record] leaves what was tried to the one record of the answer, and settles each try once', async () => {
    const { answer, asked, kept } = await called([failing(500), () => answerOf(200, good)]);
    expect(answer).toMatchObject({ attempts: [{ outcome: 'error', status: 500 }, { outcome: 'ok' }] });
    expect(asked).toEqual(['first', 'second']);
    expect(kept.records).toEqual([]);
    expect(kept.reserved.map(({ needed, settled, times }) => [needed.requests, settled?.requests, times])).toEqual([
      [1, 1, 1],
      [0, undefined, 0],
    ]);
  });

  it('[model:fallback-record] records a call that nobody answered once, without the words of a provider', async () => {
    const { answer, kept, turn } = await called([failing(500)]);
    expect(answer).toMatchObject({ code: 'upstream_error', message: expect.not.stringContaining('CANARY') });
    expect(kept.records).toMatchObject([{ outcome: 'error', errorCode: 'upstream_error', provider: 'second' }]);
    expect(kept.reserved.every(({ times }) => times === 1)).toBe(true);
    expect(turn.failureRecorded).toBe(true);
  });

  it('[model:fallback-on] does not go on for a cause that the Model leaves out', async () => {
    expect((await called([failing(500)], { fallbackOn: ['RateLimit'] })).asked).toEqual(['first']);
    expect((await called([failing(400)])).asked).toEqual(['first']);
  });

  it('[model:retry] retries as often as the Model says, and not once the client is gone', async () => {
    expect((await called([failing(500)], { retry: { attempts: 1 }, fallbackOn: [] })).asked).toEqual([
      'first',
      'first',
    ]);
    const gone = new AbortController();
    gone.abort(new GatewayError('cancelled', 'The client is gone.'));
    const { answer, asked, kept } = await called([failing(500)], { retry: { attempts: 5 } }, { signal: gone.signal });
    expect([answer, asked]).toMatchObject([{ code: 'cancelled' }, []]);
    expect(kept.records).toMatchObject([{ outcome: 'cancelled' }]);
  });

  it('[limits:unpriced] refuses a model of unknown price where money is limited', async () => {
    const limited = [{ limit: 'budget', dimension: 'nano_usd' }] as never[];
    const { answer, kept } = await called([() => answerOf(200, good)], { price: undefined }, {}, limited);
    expect(answer).toMatchObject({ code: 'budget_exceeded' });
    expect(kept.reserved).toMatchObject([{ settled: {}, times: 1 }]);
    expect((await called([() => answerOf(200, good)], { price: undefined })).answer).toHaveProperty('content');
  });
});

describe('a stream that begins', () => {
  const chunk = (delta: object, finish: string | null = null) =>
    Buffer.from(`data: ${JSON.stringify({ id: 'x', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`);
  const stream = { body: { stream: true } };

  it('[model:first-byte] is given up when it does not begin in time, and its connection with it', async () => {
    let ended: unknown;
    const silent = (signal: AbortSignal) => ({
      ...answerOf(200, ''),
      body: (async function* () {
        yield chunk({ role: 'assistant', content: '' });
        await new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            ended = signal.reason;
            reject(signal.reason as Error);
          });
        });
      })(),
    });
    const { answer, kept } = await called([silent], { fallbackOn: [] }, stream);
    expect(answer).toMatchObject({ code: 'upstream_timeout' });
    expect(ended).toMatchObject({ code: 'upstream_timeout' });
    expect(kept.reserved[0]?.times).toBe(1);
  });

  it('[model:reuse] is read to the end of its body, so that the connection lives on', async () => {
    let whole = false;
    let cut = false;
    const speaking = () => ({
      ...answerOf(200, ''),
      body: (async function* () {
        try {
          yield chunk({ role: 'assistant', content: '' });
          yield chunk({ content: 'Hi.' });
          yield chunk({}, 'stop');
          yield Buffer.from('data: [DONE]\n\n');
          await pause(5);
          whole = true;
        } finally {
          cut = !whole;
        }
      })(),
    });
    for (const body of [{ stream: true }, { stream: true, tools: [{ type: 'function', function: { name: 'f' } }] }]) {
      whole = false;
      const { answer } = await called([speaking], {}, { body });
      if (answer instanceof Error || !('segments' in answer.content)) throw new Error('no stream');
      const pieces: unknown[] = [];
      for await (const piece of answer.content.segments) pieces.push(piece);
      await pause(30);
      expect([pieces.length > 1, whole, cut]).toEqual([true, true, false]);
    }
  });
});
