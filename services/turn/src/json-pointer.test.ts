import { describe, expect, it } from '@jest/globals';
import { valueAt } from './json-pointer.ts';

describe('the value at a JSON pointer', () => {
  const value = { 'a/b': [{ 'm~n': 1 }, null], '': 2 };

  it.each([
    ['', value],
    ['/a~1b/0/m~0n', 1],
    ['/a~1b/1', null],
    ['/', 2],
  ])('[turn:value-at] is what stands at %s', (pointer, found) => expect(valueAt(value, pointer)).toEqual(found));

  it.each(['/a', '/a~1b/2', '/a~1b/', '/a~1b/-1', '/a~1b/00', '/a~1b/1e0', '/a~1b/length', '/a~1b/1/x', '/toString'])(
    '[turn:value-at] is none where nothing stands: %s',
    (pointer) => expect(valueAt(value, pointer)).toBeUndefined(),
  );
});
