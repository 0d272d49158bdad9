import { describe, expect, it } from '@jest/globals';
import { Ending } from '@sallyport/chassis/ending';
import { GatewayError } from '@sallyport/chassis/errors';
import { createAccessTokens } from './access-tokens.ts';

function scene() {
  let now = 0;
  let asked = 0;
  const tokens = createAccessTokens(() => now);
  const get = (parts = ['credential'], signal = new Ending(), livesMs = 3_600_000) =>
    tokens.get(parts, signal, async () => {
      await null;
      return { value: `token-${++asked}`, livesMs };
    });
  return { tokens, get, asked: () => asked, pass: (ms: number) => (now += ms) };
}

describe('tokens had for credentials', () => {
  it('[clouds:tokens] are asked for once, however many wait, and are used until shortly before they end', async () => {
    const { get, asked, pass } = scene();
    const all = await Promise.all(Array.from({ length: 20 }, () => get()));
    expect(new Set(all.map(({ value }) => value))).toEqual(new Set(['token-1']));
    expect(await get()).toEqual({ value: 'token-1', fresh: false });
    pass(3_600_000 - 60_001);
    expect(await get()).toMatchObject({ value: 'token-1' });
    pass(2);
    expect(await get()).toEqual({ value: 'token-2', fresh: true });
    expect(asked()).toBe(2);
  });

  it('[clouds:tokens] are of one credential, and forgotten when they are refused', async () => {
    const { tokens, get } = scene();
    expect(await get(['a'])).toMatchObject({ value: 'token-1' });
    expect(await get(['b'])).toMatchObject({ value: 'token-2' });
    tokens.drop(['a'], 'another');
    expect(await get(['a'])).toMatchObject({ value: 'token-1' });
    tokens.drop(['a'], 'token-1');
    expect(await get(['a'])).toMatchObject({ value: 'token-3', fresh: true });
  });

  it('[clouds:tokens] are waited for no longer than the call lives, and the others still get theirs', async () => {
    const { get } = scene();
    const gone = new Ending();
    const left = get(['a'], gone);
    const stays = get(['a']);
    gone.abort(new GatewayError('cancelled', 'Gone.'));
    await expect(left).rejects.toMatchObject({ code: 'cancelled' });
    await expect(stays).resolves.toMatchObject({ value: 'token-1' });
  });

  it('[clouds:tokens] that are refused are not asked for again at once', async () => {
    let now = 0;
    let asked = 0;
    const tokens = createAccessTokens(() => now);
    const get = () =>
      tokens.get(['a'], new Ending(), async () => {
        asked++;
        throw new GatewayError('upstream_credentials', 'No.');
      });
    await expect(get()).rejects.toThrow('No.');
    await expect(get()).rejects.toThrow('No.');
    expect(asked).toBe(1);
    now += 1_001;
    await expect(get()).rejects.toThrow('No.');
    expect(asked).toBe(2);
  });
});
