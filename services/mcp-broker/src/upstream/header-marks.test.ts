import { describe, expect, it } from '@jest/globals';
import { UnusableTool } from '../catalog/unusable-tool.ts';
import { usableByMarks } from './header-marks.ts';

const tool = (properties: object) => ({ name: 'one', inputSchema: { type: 'object', properties } });
const marked = (mark: unknown, type: unknown = 'string') => ({ type, 'x-mcp-header': mark });

describe('arguments that are marked to be repeated in headers', () => {
  it('[tool:header-marks] leaves out a tool whose marks cannot be followed, and no other', () => {
    const bad = [
      { a: marked('') },
      { a: marked(1) },
      { a: marked('My Region') },
      { a: marked('Region:Primary') },
      { a: marked('Région') },
      { a: marked('Region\t1') },
      { a: marked('Region\r\nhost: x') },
      { a: marked('Data', 'object') },
      { a: marked('Items', 'array') },
      { a: marked('Score', 'number') },
      { a: marked('Nil', 'null') },
      { a: marked('Region'), b: marked('Region') },
      { a: marked('MyField'), b: { type: 'object', properties: { c: marked('myfield') } } },
    ];
    for (const properties of bad) expect(usableByMarks(tool(properties))).toBeInstanceOf(UnusableTool);
    const good = [
      {},
      { a: { type: 'number' } },
      { a: marked('Region'), b: marked('Priority', 'integer'), c: marked('X', 'boolean') },
    ];
    for (const properties of good) expect(usableByMarks(tool(properties))).toEqual(tool(properties));
    for (const strange of [null, 'tool', { name: 1 }, { name: 'no-schema' }])
      expect(usableByMarks(strange)).toBe(strange);
  });
});
