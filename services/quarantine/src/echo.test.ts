import { describe, expect, it } from '@jest/globals';
import { createEcho, namedHandles } from './echo.ts';

describe('what the model wrote', () => {
  it('names its handles, in text and as objects', () => {
    const [a, b] = [`h_${'a'.repeat(22)}`, `h_${'b'.repeat(22)}`];
    expect(namedHandles(JSON.stringify({ x: { $handle: a }, y: [`to ${b}`, a] }))).toEqual([a, b]);
    expect(namedHandles('no json')).toEqual([]);
    expect(namedHandles('')).toEqual([]);
  });

  it.each([['no json'], ['{"a":"x","a":"y"}'], ['{"a":"\\ud800"}'], ['{"a":1e400}']])(
    '[quarantine:echo] arguments that are unsound repeat nothing: %s',
    (text) => {
      expect(createEcho(text, []).count).toBe(0);
    },
  );

  it('[quarantine:echo] a handle that is nobody’s stands for nothing', () => {
    const id = `h_${'a'.repeat(22)}`;
    const echo = createEcho(JSON.stringify({ to: id }), []);
    expect(echo.find('eve@x.example')).toBeUndefined();
  });

  it('is found in time also where a result is long', () => {
    const echo = createEcho(JSON.stringify({ a: 'x'.repeat(100) }), []);
    expect(echo.find('y'.repeat(1_000_000))).toBeUndefined();
    expect(echo.find('x'.repeat(100))).toBe('x'.repeat(100));
  });
});
