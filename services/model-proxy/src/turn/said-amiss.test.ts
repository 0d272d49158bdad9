import { describe, expect, it } from '@jest/globals';
import { openDesk } from '../operations/testing.ts';
import { modelOf, providerOf } from './testing.ts';

const BREAKER = { failurePercent: 50, minimumCalls: 2, windowSeconds: 60, openSeconds: 30, probes: 1 };
const call = (id: string) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } });
const answer = (message: object) => ({
  body: JSON.stringify({
    id: 'c',
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: null, ...message }, finish_reason: 'tool_calls' }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  }),
});

describe('an answer that says what it may not', () => {
  it.each([
    ['calls what was not offered', 'closed', answer({ tool_calls: [call('a')] })],
    ['cannot be read', 'open', { body: '{"choices": 7}' }],
  ])('[routing:shared-breakers] that %s leaves the breaker of its target %s', async (_what, phase, scripted) => {
    const providers = [providerOf('openai-compatible', 'one'), providerOf('openai-compatible', 'two')];
    const model = { ...modelOf(providers, { breaker: BREAKER }), publicName: 'm' };
    const desk = await openDesk({ models: [model] });
    try {
      desk.script(() => scripted);
      const ask = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };
      for (let n = 0; n < 6; n++) expect((await desk.post('/v1/chat/completions', ask)).status).not.toBe(200);
      const { routing } = desk.kept.gate;
      const phases = model.targets.map((target) => routing.of(target).breaker.phase(routing.now()));
      expect(phases).toContain(phase);
      expect(new Set(phases).size).toBe(1);
    } finally {
      await desk.close();
    }
  });
});
