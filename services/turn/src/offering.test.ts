import { describe, expect, it } from '@jest/globals';
import { isOfferingCall, isPromptName, offeringOf, uriFault } from './offering.ts';

describe('what a call reaches for', () => {
  it('[offering:named] is told by the arguments of the method, and by nothing else', () => {
    const uri = 'file:///public/a.txt';
    expect(offeringOf('resources/read', { uri })).toEqual({ dimension: 'resources', name: uri });
    expect(offeringOf('prompts/get', { name: 'brief', uri })).toEqual({ dimension: 'prompts', name: 'brief' });
    const ref = { type: 'ref/resource', uri: 'file:///{path}' };
    expect(offeringOf('completion/complete', { ref })).toEqual({ dimension: 'resources', name: 'file:///{path}' });
    expect(offeringOf('completion/complete', { ref: { type: 'ref/prompt', name: 'brief' } })?.dimension).toBe(
      'prompts',
    );
    for (const args of [{}, { uri: 7 }, { ref: 'x' }, { ref: { type: 'ref/tool', name: 'x' } }, [], null]) {
      expect(offeringOf('completion/complete', args)).toBeUndefined();
      expect(offeringOf('resources/read', args as { uri: number })).toBeUndefined();
    }
    expect(isOfferingCall('resources/read')).toBe(true);
    expect(isOfferingCall('resources/list')).toBe(false);
  });

  it('[offering:traversal] is no place that a server could read as another one', () => {
    const zeroWidth = String.fromCharCode(0x200b);
    const bad = [
      'file:///public/../secret',
      'file:///public/%2e%2e/secret',
      'file:///public/%2E./secret',
      'file:///public%2f..%2fsecret',
      'file:///public/..',
      'file:///public/./a',
      'file:///public/..?x',
      'file:..%5csecret',
      'file:///public/%252e%252e/secret',
      'file:///public%252f%25252e.%252fsecret',
      'https://host/public/..;x=1/secret',
      'file:///public\\secret',
      'file:///a b',
      'file:///a\nb',
      `file:///a${zeroWidth}b`,
      'no-scheme',
      '//host/path',
      '',
      `file:///${'a'.repeat(2_048)}`,
      'file:///\ud800',
    ];
    expect(bad.filter((uri) => uriFault(uri) === undefined)).toEqual([]);
    const good = [
      'file:///a..b/c',
      'file:///100%25/a;b/..c;d',
      'test://static-text',
      'ui://x/y.html',
      'mailto:a@b',
      'file:///{+path}',
      '{scheme}://x',
    ];
    expect(good.filter((uri) => uriFault(uri) !== undefined)).toEqual([]);
    expect(['a', 'list-all', 'Größe'].every(isPromptName)).toBe(true);
    expect(['', 'a b', 'a/b', 'a\u0000', `a${zeroWidth}`, 'x'.repeat(129)].some(isPromptName)).toBe(false);
  });
});
