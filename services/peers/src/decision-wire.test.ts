import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { Action, DecisionSchema } from '@sallyport/proto/policy/v1/policy_pb';
import { label, UNLABELLED, untrusted } from '@sallyport/turn';
import { decisionOf, labelOf, resultForRules, wireLabel } from './decision-wire.ts';

describe('what policy says', () => {
  it.each([label('trusted', ['a']), untrusted('tool:x'), label('untrusted', ['a'], ['user:ann'])])(
    '[peers:decision-wire] reads a label back as it was written: %j',
    (one) => {
      expect(labelOf(wireLabel(one) as never)).toEqual(one);
    },
  );

  it('[peers:decision-wire] is untrusted and a denial where it was not said, or by no known word', () => {
    expect(labelOf(undefined)).toBe(UNLABELLED);
    expect(decisionOf(create(DecisionSchema, {}))).toMatchObject({
      verdict: 'deny',
      enforced: 'deny',
      mode: 'enforce',
    });
    expect(decisionOf(create(DecisionSchema, { verdict: Action.ALLOW, enforced: 99 as Action }))).toMatchObject({
      verdict: 'allow',
      enforced: 'deny',
    });
  });

  it('[peers:decision-wire] is asked about a result that is too long as one that cannot be read, not as none', () => {
    expect(resultForRules('')).toBe('');
    expect(resultForRules('{"a":1}')).toBe('{"a":1}');
    const padded = resultForRules(JSON.stringify({ secret: true, padding: 'x'.repeat(300_000) }));
    expect(padded).not.toBe('');
    expect(() => JSON.parse(padded)).toThrow();
  });
});
