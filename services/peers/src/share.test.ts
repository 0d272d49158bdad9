import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { ShareSchema } from '@sallyport/proto/policy/v1/limit_pb';
import { endBehind, holdShare, replaceShare, setAside } from './share.ts';

describe('a share of a Limit', () => {
  it('[limits:told-exact] tells no more than is left where counters were lost or given back', async () => {
    const share = (granted: number, remaining: number) =>
      holdShare(
        create(ShareSchema, { dimension: 'tokens', granted, remaining, expiresAtMs: Date.now() + 10_000 }),
        'default',
        Date.now(),
      );
    const after = (was: object) => {
      const before = Object.assign(share(100, 0), was);
      const next = share(10, 50);
      replaceShare(before, next, Date.now());
      return setAside([next], {}).allowance('tokens', Date.now())?.remaining;
    };
    expect(after({ spent: 30 })).toBe(130);
    // A lease that is over here and was renewed there, by what was reported of it, is not counted as left.
    expect(after({ spent: 30, expiresAtMs: 0 })).toBe(130);
    expect(after({ heldUntilMs: Date.now() })).toBe(60);
    expect(after({ spent: 30, reported: 25, heldUntilMs: Date.now() })).toBe(55);
    expect(after({ spent: 30, heldUntilMs: 0 })).toBe(60);
    expect(after({ spent: 30, resetsAtMs: Date.now() + 1_000 })).toBe(60);
    const [before, next] = [share(100, 0), share(10, 50)];
    replaceShare(before, next, Date.now());
    endBehind(next, before, true);
    expect(setAside([next], {}).allowance('tokens', Date.now())?.remaining).toBe(60);
  });

  it('[limits:told-exact] tells nothing of a limit that is not counted', () => {
    const open = holdShare(
      create(ShareSchema, { limit: 'l/tokens', dimension: 'tokens', limitValue: 9, remaining: -1, granted: 1 }),
      'default',
      Date.now(),
    );
    expect(setAside([open], { tokens: 1 }).allowance('tokens', Date.now())).toBeUndefined();
  });
});
