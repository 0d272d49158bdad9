import { describe, expect, it } from '@jest/globals';
import { sha256 } from '../digests.ts';
import type { Server } from './catalog.ts';
import { readDefinitions } from './definition.ts';
import { observationOf } from './observation.ts';
import { pinsOf, settle } from './settle.ts';

const server = { tenant: 't', name: 's', uid: 'u', spec: { defaultClass: 'Read', tools: [] } } as unknown as Server;

describe('what is said of a tool server', () => {
  it('[schema:patterns-told] counts the patterns that it alone checks', () => {
    const tool = (name: string, pattern: string) => ({
      name,
      inputSchema: { type: 'object', properties: { a: { type: 'string', pattern } } },
    });
    const read = readDefinitions(sha256, [tool('plain', '^a+$'), tool('odd', '^(?!b)')]);
    const settled = settle(server, { ...read, pins: pinsOf(server.spec, read.definitions).seen });
    const { conditions, statusJson } = observationOf(server, { generation: 1 }, settled, new Map());
    expect(conditions[0]?.message).toBe(
      'The server lists 2 tools. It alone checks some patterns of arguments or results of odd.',
    );
    const { tools } = JSON.parse(statusJson) as { tools: { name: string; uncheckedPatterns?: number }[] };
    expect(tools.map(({ name, uncheckedPatterns }) => [name, uncheckedPatterns])).toEqual([
      ['odd', 1],
      ['plain', undefined],
    ]);
  });
});
