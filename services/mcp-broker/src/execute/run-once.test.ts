import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { createLogger } from '@sallyport/chassis/log';
import type { BrokerTool } from '../catalog/catalog.ts';
import { memoryOnceCalls } from '../testing/once-calls.ts';
import { runOnce } from './run-once.ts';
import type { RanTool } from './run-tool.ts';

const log = createLogger({ service: 'test', level: 'error' });
const { signal } = new AbortController();
const alice = { tenant: 'acme', id: 'key:alice', user: 'alice', actors: [] };
const toolOf = (toolClass: string, more: object = {}) =>
  ({
    server: { spec: { tools: [{ name: 't', ...more }] } },
    definition: { name: 't' },
    toolClass,
    timeoutMs: 1_000,
  }) as unknown as BrokerTool;
const ran = (text: string, more: Partial<RanTool> = {}): RanTool => ({
  answer: { content: [{ type: 'text', text }], isError: false },
  resultJson: '{}',
  latencyMs: 1,
  credential: '',
  sizeBytes: 2,
  own: false,
  ...more,
});

function house(tool = toolOf('write')) {
  const once = { calls: memoryOnceCalls(), log };
  let made = 0;
  const call = (key: string, over: { call?: string; who?: typeof alice; run?: () => Promise<RanTool> } = {}) => {
    const { call: of = 'a', who = alice, run = async () => ran(`made ${made}`) } = over;
    return runOnce(once, { principal: who, key, call: of }, tool, signal, async () => {
      made++;
      return await run();
    }).then(
      ({ answer, notCalled }) => notCalled ?? String(answer.content[0]?.text),
      (error: GatewayError) => error.code,
    );
  };
  return { call, made: () => made };
}
const fails = (details: object = {}) => ({
  run: () => Promise.reject(new GatewayError('upstream_error', 'away', { details: { ...details } })),
});

describe('a call with a key', () => {
  it('[tool:once] is made once, and sent again answered as the first time', async () => {
    const { call, made } = house();
    expect([await call('k'), await call('k'), made()]).toEqual(['made 1', 'made 1', 1]);
    expect([await call('k', { who: { ...alice, id: 'key:bob' } }), made()]).toEqual(['made 2', 2]);
  });

  it('[tool:once] is made once where it is sent several times at once', async () => {
    const { call, made } = house();
    const run = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return ran('slow');
    };
    expect(await Promise.all([call('k', { run }), call('k', { run }), call('k', { run })])).toEqual([
      'slow',
      'slow',
      'slow',
    ]);
    expect(made()).toBe(1);
  });

  it('[tool:once] is no other call', async () => {
    const { call, made } = house();
    await call('k');
    expect([await call('k', { call: 'b' }), made()]).toEqual(['key_used', 1]);
  });

  it('[tool:once] is made again only where it certainly was not made, or may be made twice', async () => {
    const unsure = house();
    expect(await unsure.call('k', fails())).toBe('upstream_error');
    const soon = await Promise.race([
      unsure.call('k'),
      new Promise((resolve) => setTimeout(() => resolve('waits'), 50)),
    ]);
    expect([soon, unsure.made()]).toEqual(['waits', 1]);
    const cannot = house();
    const answered = async () => ran('come back', { whileDown: { notMade: false } });
    expect(await cannot.call('k', { run: answered })).toBe('come back');
    const again = await Promise.race([
      cannot.call('k'),
      new Promise((resolve) => setTimeout(() => resolve('waits'), 50)),
    ]);
    expect([again, cannot.made()]).toEqual(['waits', 1]);

    const notMade = house();
    expect([await notMade.call('k', fails({ notMade: true })), await notMade.call('k')]).toEqual([
      'upstream_error',
      'made 2',
    ]);
    const refused = house();
    const run = async () => ran('bad arguments', { notCalled: 'invalid_arguments' });
    expect([await refused.call('k', { run }), await refused.call('k')]).toEqual(['invalid_arguments', 'made 2']);
    const asking = house();
    const asks = async () => ran('', { answer: { content: [], isError: false, asks: true } });
    await asking.call('k', { run: asks });
    expect(await asking.call('k')).toBe('made 2');
    const down = house();
    const canned = async () => ran('come back', { whileDown: { notMade: true } });
    expect([await down.call('k', { run: canned }), await down.call('k')]).toEqual(['come back', 'made 2']);
    for (const tool of [toolOf('read'), toolOf('write', { idempotent: true })]) {
      const twice = house(tool);
      expect([await twice.call('k', fails()), await twice.call('k')]).toEqual(['upstream_error', 'made 2']);
    }
  });
});
