import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { JsonValue } from './canonical-json.ts';
import {
  escapeHandles,
  escapeHandlesIn,
  findHandles,
  handle,
  handleIdOf,
  handleIdsIn,
  openHandleAt,
  unescapeHandles,
} from './handle.ts';

const ID = `h_${'A'.repeat(22)}`;
const OTHER = `h_${'b'.repeat(30)}`;
const written = JSON.stringify(handle(ID, 'mail__read', '/0/email'));

describe('handle syntax', () => {
  it('makes the wire shape and refuses ids that could be guessed', () => {
    expect(handle(ID, 'mail__read', '/0/email')).toEqual({
      $handle: ID,
      type: 'string',
      from: 'mail__read',
      path: '/0/email',
    });
    expect(() => handle('h_short', 't', '')).toThrow(RangeError);
  });

  it.each<[string, JsonValue, string | undefined]>([
    ['the object form', JSON.parse(written) as JsonValue, ID],
    ['the object form cut short', { $handle: ID }, ID],
    ['the bare name', ID, ID],
    ['an object with data of its own', { $handle: ID, note: 'x' }, undefined],
    ['a name that is too short', 'h_abc', undefined],
    ['a name with something behind it', `${ID} `, undefined],
    ['a number', 5, undefined],
    ['an inherited member', Object.create({ $handle: ID }) as JsonValue, undefined],
  ])('reads %s', (_name, value, id) => expect(handleIdOf(value)).toBe(id));

  it('finds all forms and tells where', () => {
    const args = { to: { $handle: ID }, cc: [ID], body: `Dear ${OTHER}, see ${written}.`, [ID]: 'key' };
    expect(findHandles(args)).toEqual([
      { pointer: '/to', id: ID, form: 'object' },
      { pointer: '/cc/0', id: ID, form: 'bare' },
      { pointer: '/body', id: OTHER, form: 'inside' },
      { pointer: '/body', id: ID, form: 'inside' },
    ]);
  });

  it('does not find a name inside a longer word', () => {
    expect(handleIdsIn(`x${ID} ${ID.slice(0, 10)} /${'h_'}x`)).toEqual([]);
  });
});

describe('escaping', () => {
  const pieces = fc.array(
    fc.constantFrom('h', '_', '~', '$', 'handle', ID, OTHER, written, ' ', '"', 'a', 'h~_', '$~handle'),
    {
      maxLength: 12,
    },
  );
  it('[turn:handle-escape] leaves no handle in untrusted text and can be undone', () => {
    fc.assert(
      fc.property(pieces, (parts) => {
        const text = parts.join('');
        const escaped = escapeHandles(text);
        expect(handleIdsIn(escaped)).toEqual([]);
        expect(handleIdOf(escaped)).toBeUndefined();
        expect(escaped).not.toContain('$handle');
        expect(unescapeHandles(escaped)).toBe(text);
      }),
    );
  });
  it('reaches keys and values of results', () => {
    expect(escapeHandlesIn({ $handle: ID, list: [ID, 1, null] })).toEqual({
      '$~handle': `h~${ID.slice(1)}`,
      list: [`h~${ID.slice(1)}`, 1, null],
    });
  });
});

describe('openHandleAt', () => {
  it.each([
    ['Hello world', 'Hello world'],
    ['Dear h', 'Dear '],
    ['Dear h_AAAA', 'Dear '],
    ['with', 'with'],
    ['Mail {"$han', 'Mail '],
    [`Mail ${written.slice(0, -1)}`, 'Mail '],
    [`Mail ${written}`, `Mail ${written}`],
    ['a {json: 1', 'a {json: 1'],
    ['a {', 'a '],
  ])('shows of %j what cannot be part of a handle', (text, shown) =>
    expect(text.slice(0, openHandleAt(text))).toBe(shown),
  );

  it('never shows a part of a handle, however the text is cut', () => {
    const text = `To ${written} and ${ID}, bye`;
    for (let cut = 0; cut < text.length; cut++) {
      const shown = openHandleAt(text.slice(0, cut));
      for (const [from, to] of [
        [3, 3 + written.length],
        [text.lastIndexOf(ID), text.lastIndexOf(ID) + ID.length],
      ] as const) {
        if (cut > from && cut < to) expect(shown).toBeLessThanOrEqual(from);
      }
    }
  });
});
