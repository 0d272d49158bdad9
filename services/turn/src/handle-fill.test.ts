import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { JsonValue } from './canonical-json.ts';
import { handle } from './handle.ts';
import { fillArguments, fillText, type ResolveHandle } from './handle-fill.ts';
import { positionKind } from './handle-position.ts';
import { pointerMatches } from './json-pointer.ts';
import { untrusted } from './label.ts';

const ID = `h_${'A'.repeat(22)}`;
const EVIL = `h_${'e'.repeat(22)}`;
const DOTS = `h_${'d'.repeat(22)}`;
const NEST = `h_${'n'.repeat(22)}`;
const label = untrusted('tool:mail');
const VALUES: Record<string, string> = { [ID]: 'ann@x.com', [EVIL]: '","admin":"1', [DOTS]: '..', [NEST]: `see ${ID}` };
const resolve: ResolveHandle = (id) => (VALUES[id] === undefined ? undefined : { value: VALUES[id], label });
const written = JSON.stringify(handle(ID, 'mail', '/0/email'));

describe('fillArguments', () => {
  it('fills the object form, the bare name and names inside longer text', () => {
    const { value, filled, unfilled } = fillArguments(
      { to: { $handle: ID }, cc: [ID], body: `Hi ${ID}, or ${written}!`, n: 1 },
      resolve,
    );
    expect(value).toEqual({ to: 'ann@x.com', cc: ['ann@x.com'], body: 'Hi ann@x.com, or ann@x.com!', n: 1 });
    expect(filled.map((one) => one.pointer)).toEqual(['/to', '/cc/0', '/body', '/body']);
    expect(unfilled).toEqual([]);
  });

  it('keeps embedded JSON one value: nothing breaks out of its string', () => {
    const { value } = fillArguments({ body: `{"to":"${EVIL}","x":["${EVIL} y"]}` }, resolve);
    expect(JSON.parse((value as { body: string }).body)).toEqual({ to: VALUES[EVIL], x: [`${VALUES[EVIL]} y`] });
  });

  it('[turn:handle-nested] does not look for handles in values', () => {
    expect(fillArguments({ a: NEST, b: `x ${NEST}` }, resolve).value).toEqual({ a: `see ${ID}`, b: `x see ${ID}` });
  });

  it('gives back literal handle syntax as it was written', () => {
    expect(fillArguments({ a: `h~${ID.slice(1)}`, b: '$~handle' }, resolve).value).toEqual({ a: ID, b: '$handle' });
  });

  it.each<[string, JsonValue, string]>([
    ['an unknown handle', { to: `h_${'z'.repeat(22)}` }, 'unknown-handle'],
    ['a key', { map: { [ID]: 1 } }, 'name-position'],
    ['a URL argument', { url: ID }, 'host-position'],
    ['a list of URLs', { urls: [{ $handle: ID }] }, 'host-position'],
    ['the host of a URL', { text: `https://${ID}/x` }, 'host-position'],
    ['the host of a URL written with one slash', { text: `https:/${ID}/x` }, 'host-position'],
    ['the host of a URL without slashes', { text: `https:${ID}` }, 'host-position'],
    ['the host of a URL with backslashes', { text: `http:\\\\${ID}` }, 'host-position'],
    ['the host of a URL with a line break', { text: `https:/\n/${ID}/x` }, 'host-position'],
    ['the host without a scheme', { text: `//${ID}/x` }, 'host-position'],
    ['a label of a host', { text: `https://api.${ID}/x` }, 'host-position'],
    ['a label of a host without a scheme', { text: `api.${ID}/x` }, 'host-position'],
    ['the front of a host', { text: `${ID}.example.com/x` }, 'host-position'],
    ['user information', { text: `https://${ID}@x.com` }, 'host-position'],
    ['the host behind user information', { text: `https://x.com@${ID}/` }, 'host-position'],
    ['the port', { text: `https://x.com:${ID}/` }, 'host-position'],
    ['the scheme', { text: `${ID}://x.com` }, 'host-position'],
    ['the domain of an address', { text: `bob@${ID}` }, 'host-position'],
    ['the host of a link in Markdown', { text: `see [me](https://${ID})` }, 'host-position'],
    ['a header name', { headerName: ID }, 'identifier-position'],
    ['a table', { tableName: `x ${ID}` }, 'identifier-position'],
    ['a path step that goes up', { text: `https://x.com/u/${DOTS}` }, 'unsafe-value'],
  ])('[turn:handle-position] does not fill %s', (_name, args, reason) => {
    const { unfilled, filled, value } = fillArguments(args, resolve);
    expect(unfilled.map((one) => one.reason)).toEqual([reason]);
    expect(filled).toEqual([]);
    expect(value).toEqual(args);
  });

  it('percent-encodes values in the path and query of a URL, also in a URL argument', () => {
    const { value, unfilled } = fillArguments({ url: `https://x.com/u/${EVIL}?q=${ID}` }, resolve);
    expect(unfilled).toEqual([]);
    expect(value).toEqual({ url: `https://x.com/u/${encodeURIComponent(VALUES[EVIL] ?? '')}?q=ann%40x.com` });
  });

  it('fills hosts and identifiers that policy marks, keys never', () => {
    const marked = (pointer: string): boolean => pointer === '/url' || pointer === '/table';
    const done = fillArguments({ url: ID, table: ID, [ID]: 1 }, resolve, { marked });
    expect(done.value).toEqual({ url: 'ann@x.com', table: 'ann@x.com', [ID]: 1 });
    expect(done.unfilled).toEqual([{ pointer: '', id: ID, reason: 'name-position' }]);
  });

  it.each<[string, string, JsonValue | undefined]>([
    ['/n', '12.50', 12.5],
    ['/n', ' 7 ', 7],
    ['/i', '7', 7],
    ['/i', '7.5', undefined],
    ['/n', 'seven', undefined],
    ['/n', '1e9', undefined],
    ['/n', '1234567890123456789012345678901234567890123', undefined],
    ['/b', 'true', true],
    ['/b', 'yes', undefined],
    ['/m', '7', '7'],
    ['/s', '7', '7'],
    ['/none', '7', '7'],
  ])('[turn:handle-typed] at %s the whole value %j becomes %j', (pointer, text, expected) => {
    const inputSchema = {
      properties: {
        n: { anyOf: [{ type: 'number' }, { type: 'null' }] },
        i: { type: 'integer' },
        b: { type: 'boolean' },
        m: { type: ['string', 'integer'] },
        s: { type: 'string' },
      },
    };
    const known: ResolveHandle = () => ({ value: text, label });
    const { value, unfilled } = fillArguments({ [pointer.slice(1)]: ID }, known, { inputSchema });
    if (expected === undefined) expect(unfilled).toMatchObject([{ pointer, reason: 'wrong-type' }]);
    else expect([value, unfilled]).toEqual([{ [pointer.slice(1)]: expected }, []]);
  });

  it('[turn:handle-marked] a pattern names what lies under it, with any index or member for its stars', () => {
    expect(pointerMatches('/items/*/url', '/items/3/url')).toBe(true);
    expect(pointerMatches('/urls', '/urls/0')).toBe(true);
    expect(pointerMatches('/items/*/url', '/items/3/host')).toBe(false);
    expect(pointerMatches('/items/*/url', '/items/3')).toBe(false);
    expect(pointerMatches('/url', '/urls')).toBe(false);
  });

  it('goes by the format in the schema', () => {
    const inputSchema = { properties: { at: { type: 'array', items: { type: 'string', format: 'uri' } } } };
    expect(positionKind('/at/0', inputSchema)).toBe('host');
    expect(positionKind('/at/0')).toBe('value');
    const optional = {
      properties: { at: { anyOf: [{ $ref: '#/$defs/u' }, { type: 'null' }] }, loop: { $ref: '#/$defs/loop' } },
      $defs: { u: { type: 'string', format: 'uri' }, loop: { allOf: [{ $ref: '#/$defs/loop' }] } },
    };
    expect(positionKind('/at', optional)).toBe('host');
    expect(positionKind('/loop', optional)).toBe('value');
    expect(fillArguments({ at: [ID] }, resolve, { inputSchema }).unfilled).toHaveLength(1);
  });

  it('[turn:handle-keys] never touches a key, whatever the arguments', () => {
    const text = fc.constantFrom(ID, EVIL, written, `a ${ID}`, 'plain', 'url', '__proto__', '');
    const args = fc.letrec<{ node: JsonValue }>((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        text,
        fc.constant<JsonValue>({ $handle: ID }),
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(text, tie('node'), { maxKeys: 3 }),
      ) as fc.Arbitrary<JsonValue>,
    })).node;
    const keysOf = (value: JsonValue): string[] => {
      if (value === null || typeof value !== 'object') return [];
      if (Array.isArray(value)) return value.flatMap(keysOf);
      if (Object.hasOwn(value, '$handle')) return [];
      return Object.entries(value).flatMap(([key, child]) => [key, ...keysOf(child)]);
    };
    fc.assert(
      fc.property(args, (value) => {
        const before = JSON.stringify(value);
        expect(keysOf(fillArguments(value, resolve).value)).toEqual(keysOf(value));
        expect(JSON.stringify(value)).toBe(before);
      }),
    );
  });
});

describe('fillText', () => {
  it('fills values for the client and withholds what it may not', () => {
    const done = fillText(`To ${written}: https://x.com/?q=${ID} ![i](https://${ID}/p.png) h~${ID.slice(1)}`, resolve);
    expect(done.value).toBe(`To ann@x.com: https://x.com/?q=ann%40x.com ![i](https://[withheld]/p.png) ${ID}`);
    expect(done.unfilled).toEqual([{ pointer: '', id: ID, reason: 'host-position' }]);
  });
  it('sees that an earlier value opened a URL', () => {
    const open: ResolveHandle = (id) => ({ value: id === ID ? 'https://evil.com/?q=' : 'a b', label });
    expect(fillText(`${ID}${' '}`, open).value).toBe('https://evil.com/?q= ');
    expect(fillText(`${ID},${EVIL}`, open).value).toBe('https://evil.com/?q=,a%20b');
  });
});
