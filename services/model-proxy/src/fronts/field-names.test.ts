import { describe, expect, it } from '@jest/globals';
import { inWordsOf } from './field-names.ts';

describe('fields that a target cannot take', () => {
  it.each([
    ['openai-chat', ['temperature', 'response_format', 'tool_choice', 'reasoning_effort', 'bogus']],
    ['openai-responses', ['temperature', 'text.format', 'tool_choice', 'reasoning.effort', 'bogus']],
    ['anthropic-messages', ['temperature', 'output_config.format', 'tool_choice', 'output_config.effort', 'bogus']],
    [
      'gemini',
      [
        'generationConfig.temperature',
        'generationConfig.responseMimeType',
        'toolConfig.functionCallingConfig',
        'generationConfig.thinkingConfig.thinkingLevel',
        'bogus',
      ],
    ],
  ] as const)('[model:fields-of-the-client] are named to a client of %s as its request has them', (dialect, names) => {
    const fields = ['sampling.temperature', 'responseFormat', 'toolChoice', 'reasoning.effort', 'bogus'];
    const said = inWordsOf(
      dialect,
      fields.map((field) => ({ field, reason: 'no' })),
    );
    expect(said.map(({ field }) => field)).toEqual(names);
  });

  it('[model:fields-of-the-client] keep the names that are the client’s already', () => {
    const own = [{ field: 'reasoning', reason: 'exists in openai-chat only' }];
    expect(inWordsOf('openai-chat', own)).toEqual(own);
  });

  it('[model:fields-of-the-client] takes the name of a field that every object has for what it is', () => {
    for (const field of ['constructor', 'toString', '__proto__']) {
      expect(inWordsOf('openai-chat', [{ field, reason: 'unknown' }])).toEqual([{ field, reason: 'unknown' }]);
    }
  });
});
