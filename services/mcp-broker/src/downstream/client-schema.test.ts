import { describe, expect, it } from '@jest/globals';
import type { Definition, JsonObject } from '../catalog/definition.ts';
import { compileSchema } from '../execute/schema-check.ts';
import { clientInputSchema, clientOutputSchema } from './client-schema.ts';

const definition = (over: Partial<Definition>): Definition => ({
  name: 'x',
  inputSchema: { type: 'object' },
  digest: '',
  ...over,
});

describe('schemas for clients', () => {
  it("take the tool's own result or what the gate shows of it, and nothing that is no object", () => {
    const outputSchema: JsonObject = {
      type: 'object',
      properties: { a: { $ref: '#/$defs/n' } },
      required: ['a'],
      $defs: { n: { type: 'number' } },
    };
    const check = compileSchema(clientOutputSchema(definition({ outputSchema })) as JsonObject);
    expect(check({ a: 1 })).toBeUndefined();
    expect(check({ a: { $handle: 'h_x', type: 'string', from: 't', path: '/a' } })).toBeUndefined();
    expect(check(['x'])).toBeDefined();
  });

  it('are left out where they refer to themselves', () => {
    const outputSchema: JsonObject = { type: 'object', properties: { next: { $ref: '#' } } };
    expect(clientOutputSchema(definition({ outputSchema }))).toBeUndefined();
    expect(clientOutputSchema(definition({}))).toBeUndefined();
  });

  it('ask clients for no headers', () => {
    const inputSchema: JsonObject = { type: 'object', properties: { a: { type: 'string', 'x-mcp-header': 'Region' } } };
    expect(clientInputSchema(definition({ inputSchema }))).toEqual({
      type: 'object',
      properties: { a: { type: 'string' } },
    });
    expect(inputSchema.properties).toHaveProperty(['a', 'x-mcp-header']);
  });
});
