import { describe, expect, it } from '@jest/globals';
import { TRUSTED, untrusted } from './label.ts';
import { replyLabel } from './reply-label.ts';

const read = untrusted('tool:mail/read');
const result = untrusted('tool:clerk/send_message');

describe('the label of what an agent of the gateway answered', () => {
  it.each([
    ['nothing untrusted was read, no rule is about it', TRUSTED, result, 'builtin/result-untrusted', TRUSTED],
    ['something untrusted was read, a rule trusts the reply', read, TRUSTED, 'ours/replies', read],
    ['nothing untrusted was read, a rule says otherwise', TRUSTED, result, 'ours/replies', result],
    ['nobody decided', read, result, undefined, read],
  ])('[a2a:turn-loop-taint] where %s', (_, of, decided, rule, expected) => {
    expect(replyLabel(of, decided, rule)).toEqual(expected);
  });

  it('[a2a:turn-loop-taint] is seen by nobody who may not see the result', () => {
    expect(replyLabel(TRUSTED, { ...TRUSTED, audience: ['user:ann'] }, 'builtin/x').audience).toEqual(['user:ann']);
  });
});
