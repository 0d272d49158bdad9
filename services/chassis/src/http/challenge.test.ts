import { describe, expect, it } from '@jest/globals';
import { readChallenges, readScopes } from './challenge.ts';

const read = (header: string | string[] | undefined) =>
  readChallenges(header).map(({ scheme, params }) => [scheme, Object.fromEntries(params)]);

describe('challenges of WWW-Authenticate', () => {
  it.each<[string, string | string[] | undefined, unknown]>([
    ['none', undefined, []],
    ['a bare scheme', 'Negotiate', [['negotiate', {}]]],
    [
      'parameters quoted and not',
      'Bearer realm="a, b", error=invalid_token , resource_metadata="https://x.example/m?a=b"',
      [['bearer', { realm: 'a, b', error: 'invalid_token', resource_metadata: 'https://x.example/m?a=b' }]],
    ],
    ['escapes', 'Bearer scope="a \\"b\\""', [['bearer', { scope: 'a "b"' }]]],
    [
      'several in one header',
      'Basic realm="x", Bearer scope="y"',
      [
        ['basic', { realm: 'x' }],
        ['bearer', { scope: 'y' }],
      ],
    ],
    [
      'several headers',
      ['Basic realm="x"', 'Bearer scope=y'],
      [
        ['basic', { realm: 'x' }],
        ['bearer', { scope: 'y' }],
      ],
    ],
    ['a parameter twice', 'Bearer scope="a", scope="b"', [['bearer', { scope: 'a' }]]],
    ['what breaks off', 'Bearer scope="a', [['bearer', {}]]],
    ['what is none', '"x"', []],
  ])('are read: %s', (_name, header, expected) => {
    expect(read(header)).toEqual(expected);
  });

  it('hold scopes, each once and none with quotes', () => {
    expect(readScopes('a b a "c" d')).toEqual(['a', 'b', 'd']);
    expect(readScopes(undefined)).toEqual([]);
  });
});
