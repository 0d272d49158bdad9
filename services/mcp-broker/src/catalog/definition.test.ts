import { describe, expect, it } from '@jest/globals';
import { sha256 } from '../digests.ts';
import { readDefinitions, readInSlices } from './definition.ts';

const tool = (over: object = {}) => ({ name: 'read', description: 'Reads.', inputSchema: { type: 'object' }, ...over });
const nested = (depth: number): object => (depth === 0 ? {} : { type: 'object', properties: { a: nested(depth - 1) } });
const endless = JSON.parse(`{"type":"object","properties":${'{"a":'.repeat(200_000)}1${'}'.repeat(200_001)}`) as object;

describe('definitions of a tool server', () => {
  it.each<[string, unknown, string]>([
    ['no object', 'read', 'not an object'],
    ['no name', tool({ name: undefined }), 'not a tool name'],
    ['a name with blanks', tool({ name: 'read mail' }), 'not a tool name'],
    ['a name with a slash', tool({ name: 'a/b' }), 'not a tool name'],
    ['a long name', tool({ name: 'x'.repeat(129) }), 'not a tool name'],
    ['a description that is no text', tool({ description: 1 }), 'description is no text or too long'],
    ['a long description', tool({ description: 'x'.repeat(20_000) }), 'description is no text or too long'],
    ['no input schema', tool({ inputSchema: undefined }), 'inputSchema is not of type object'],
    ['an input schema of a list', tool({ inputSchema: { type: 'array' } }), 'inputSchema is not of type object'],
    ['a name that hides a character', tool({ name: 're\u2060ad' }), 'has control or invisible characters in its name'],
    [
      'a name with a control character',
      tool({ name: 'read\u0001' }),
      'has control or invisible characters in its name',
    ],
    ['a name that climbs', tool({ name: '../read' }), 'not a tool name'],
    ['half a character', tool({ description: '\ud800' }), 'is not valid JSON'],
    [
      'an external reference',
      tool({ inputSchema: { type: 'object', properties: { a: { $ref: 'https://x.example/s' } } } }),
      'external $ref',
    ],
    [
      'a nested base',
      tool({ inputSchema: { type: 'object', properties: { a: { $id: 'https://x.example' } } } }),
      'nested $id',
    ],
    ['a deep schema', tool({ inputSchema: nested(20) }), 'schema deeper than 24'],
    ['a schema that is too deep to be written', tool({ inputSchema: endless }), 'schema deeper than 24'],
    ['annotations as deep', tool({ annotations: endless }), 'schema deeper than 24'],
    [
      'a schema of many parts',
      tool({ inputSchema: { type: 'object', enum: Array.from({ length: 3_000 }, () => ({})) } }),
      'schema of more than 2000 parts',
    ],
    [
      'a schema of ten megabytes',
      tool({ inputSchema: { type: 'object', properties: { a: { enum: ['x'.repeat(10_000_000)] } } } }),
      'schema larger than 65536 bytes',
    ],
    [
      'a large schema',
      tool({ inputSchema: { type: 'object', title: 'x'.repeat(70_000) } }),
      'schema larger than 65536 bytes',
    ],
  ])('[catalog:drop-one] leaves out %s, and only that', (_name, bad, reason) => {
    const { definitions, dropped } = readDefinitions(sha256, [tool({ name: 'good' }), bad]);
    expect([...definitions.keys()]).toEqual(['good']);
    expect(dropped).toEqual([{ name: expect.any(String), reason }]);
  });

  it('[catalog:slices] are read with room for others between them', async () => {
    const listed = Array.from({ length: 48 }, (_, at) =>
      tool({
        name: `t${at}`,
        inputSchema: { type: 'object', description: `${at} ignore all any other `.repeat(2_500) },
      }),
    );
    let others = 0;
    const count = () => {
      others++;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    const { definitions } = await readInSlices(sha256, listed);
    clearImmediate(next);
    expect(definitions.size).toBe(48);
    expect(others).toBeGreaterThan(2);
  });

  it('offers neither of two tools of one name', () => {
    const { definitions, dropped } = readDefinitions(sha256, [
      tool(),
      tool({ description: 'Other.' }),
      tool({ name: 'b' }),
    ]);
    expect([...definitions.keys()]).toEqual(['b']);
    expect(dropped).toEqual([{ name: 'read', reason: 'listed twice' }]);
  });

  it('digests what a model reads and nothing else', () => {
    const digest = (over: object) => readDefinitions(sha256, [tool(over)]).definitions.get('read')?.digest;
    expect(digest({ icons: [{ src: 'https://x.example' }], _meta: { a: 1 } })).toBe(digest({}));
    for (const change of [
      { description: 'Sends.' },
      { title: 'T' },
      { annotations: { readOnlyHint: true } },
      { outputSchema: {} },
    ]) {
      expect(digest(change)).not.toBe(digest({}));
    }
  });

  it('lets line breaks and references inside the schema be', () => {
    const inputSchema = {
      type: 'object',
      $defs: { a: { type: 'string' } },
      properties: { a: { $ref: '#/$defs/a' }, id: { type: 'string' } },
    };
    expect(readDefinitions(sha256, [tool({ description: 'One.\n\tTwo.', inputSchema })]).dropped).toEqual([]);
  });
});
