import { describe, expect, it } from '@jest/globals';
import { ANSWERS, hasAnswers, isOfAnswer, splitAnswers, withAnswers } from './answers.ts';

describe('answers beside arguments', () => {
  it('[mcp:answers-decided] stand in one place of what is decided, and come out of it as they went in', () => {
    const decided = withAnswers({ to: 'a' }, { count: { action: 'accept' } });
    expect(hasAnswers(decided)).toBe(true);
    expect(splitAnswers(decided)).toEqual({ args: { to: 'a' }, answers: { count: { action: 'accept' } } });
    expect(splitAnswers({ to: 'a' })).toEqual({ args: { to: 'a' }, answers: undefined });
    for (const other of [null, 'a', [ANSWERS], { answers: {} }]) expect(hasAnswers(other)).toBe(false);
  });

  it('[mcp:answers-decided] are told by their JSON pointer from arguments of like names', () => {
    expect(isOfAnswer('/sallyport.dev~1answers/count/content/n')).toBe(true);
    expect(isOfAnswer('/sallyport.dev~1answers')).toBe(true);
    expect(isOfAnswer('/sallyport.dev~1answersOf/x')).toBe(false);
    expect(isOfAnswer('/answers/sallyport.dev~1answers')).toBe(false);
  });
});
