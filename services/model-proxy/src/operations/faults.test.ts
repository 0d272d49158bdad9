import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { until } from '@sallyport/peers/testing';
import fc from 'fast-check';
import { modelOf, providerOf } from '../turn/testing.ts';
import { type Desk, type DeskInit, openDesk } from './testing.ts';

let desk: Desk;
afterEach(() => desk.close());
const compatible = providerOf('openai-compatible', 'compat');
const open = async (init: Partial<DeskInit> = {}) => {
  desk = await openDesk({ models: [{ ...modelOf([compatible]), publicName: 'm' }], ...init });
  return desk;
};

/** What never ends, and says when it is left. */
function endless(first: string | Buffer) {
  let left = false;
  const pieces = (async function* () {
    try {
      for (;;) {
        yield first;
        await pause(5);
      }
    } finally {
      left = true;
    }
  })();
  return { pieces, left: () => left };
}

describe('an operation whose client leaves', () => {
  it.each([
    ['/v1/audio/speech', { voice: 'alloy', input: 'hello' }, 'audio/mpeg', Buffer.from([1])],
    ['/v1/completions', { prompt: 'x', stream: true }, 'text/event-stream', 'data: {"choices":[{"text":"h"}]}\n\n'],
  ])(
    '[operations:client-gone] at %s ends the call, and is settled and recorded once',
    async (path, body, type, first) => {
      const { post, kept, script, calls } = await open();
      const source = endless(first);
      script(() => ({ type, body: source.pieces }));
      const leaving = new AbortController();
      const answer = await post(path, { model: 'm', ...body }, {}, leaving.signal);
      const reader = answer.body?.getReader();
      expect((await reader?.read())?.value?.length).toBeGreaterThan(0);
      leaving.abort();
      await until('the provider is left', source.left);
      await until('it is recorded', () => kept.records.length > 0);
      expect(calls[0]?.signal.aborted).toBe(true);
      expect(kept.records).toMatchObject([{ outcome: 'cancelled', provider: 'compat' }]);
      expect(kept.reserved).toMatchObject([{ times: 1 }]);
    },
  );
});

describe('an operation that is limited in money', () => {
  it('[operations:price-unknown] is refused where its price is not known, before any call', async () => {
    const touched = [{ limit: 'month', dimension: 'nano_usd' as const }];
    const { post, calls } = await open({ touched });
    const picture = await post('/v1/images/generations', { model: 'm', prompt: 'x' });
    const spoken = await post('/v1/audio/speech', { model: 'm', voice: 'alloy', input: 'x' });
    const code = async (answer: Response) => ((await answer.json()) as { error: { code: string } }).error.code;
    expect([await code(spoken), calls.length]).toEqual(['budget_exceeded', 1]);
    // Pictures may be paid by tokens, which the Model prices.
    expect(picture.status).not.toBe(429);
  });
});

describe('a stream that comes in any pieces', () => {
  const whole = Buffer.from(
    [
      ': hello\r\n\r\ndata: {"choices":[{"text":"Grüße ","index":0}]}\r\n\r\n',
      'data: {"choices":[{"text":"🦊","index":0,"finish_reason":"stop"}],"usage":null}\n\n',
      'event: x\ndata: {"choices":[],"usage":{"prompt_tokens":4,\ndata: "completion_tokens":2}}\n\ndata: [DONE]\n\n',
    ].join(''),
  );

  it('[operations:fragments] loses no text and no usage', async () => {
    const { post, kept, script } = await open();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: whole.length - 1 }), { maxLength: 12 }), async (cuts) => {
        const at = [0, ...[...new Set(cuts)].sort((a, b) => a - b), whole.length];
        const pieces = at.slice(1).map((end, index) => whole.subarray(at[index], end));
        script(() => ({ type: 'text/event-stream', body: pieces }));
        const text = await (await post('/v1/completions', { model: 'm', prompt: 'x', stream: true })).text();
        expect(text).toContain('Grüße ');
        expect(text).toContain('🦊');
        expect(text).toContain('data: [DONE]\n\n');
        expect(kept.records.at(-1)).toMatchObject({ inputTokens: 4, outputTokens: 2, usageEstimated: false });
      }),
      { numRuns: 40 },
    );
  });
});

describe('a provider that does not answer', () => {
  it('[operations:late] is given up at its first byte, and the next one is asked', async () => {
    const models = [{ ...modelOf([compatible, providerOf('openai-compatible', 'second')]), publicName: 'm' }];
    const { post, script } = await open({ models });
    const silent = (async function* () {
      await pause(300);
      yield 'too late';
    })();
    script(({ provider }) =>
      provider === 'compat' ? { type: 'audio/mpeg', body: silent } : { type: 'audio/mpeg', body: 'spoken' },
    );
    const answer = await post('/v1/audio/speech', { model: 'm', voice: 'alloy', input: 'x' });
    expect([answer.headers.get('sallyport-provider'), await answer.text()]).toEqual(['second', 'spoken']);
  });
});
