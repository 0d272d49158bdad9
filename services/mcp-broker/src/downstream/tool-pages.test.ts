import { describe, expect, it } from '@jest/globals';
import type { OfferedList } from '../catalog/offered-list.ts';
import { legacyRevision, type Revision } from '../protocol.ts';
import { messageText, resultBody, WrittenResult } from './message.ts';
import { kept } from './page.ts';
import { toolPage } from './tool-pages.ts';

const older = legacyRevision('2025-03-26') as Revision;
const structured = legacyRevision('2025-11-25') as Revision;
let id = 1_000_000;
const listOf = (...names: string[]): OfferedList => ({
  id: ++id,
  tokens: 0,
  tools: names.map((name) => {
    const shown = { name, title: 'Ä title', inputSchema: { type: 'object' }, outputSchema: {}, digest: name };
    return { name, shown, tool: { definition: shown } } as unknown as OfferedList['tools'][number];
  }),
});
const read = (members: string) => JSON.parse(`{${members}}`) as { tools: { name: string }[]; nextCursor?: string };

describe('a page of a list of tools', () => {
  it('[mcp:list-pages-written] is written once for a list and a revision, and never taken for that of another', () => {
    const list = listOf('a', 'b', 'c');
    const page = toolPage(list, structured, undefined, 2);
    expect(toolPage(list, structured, undefined, 2)).toBe(page);
    expect(read(page.members).tools).toMatchObject([{ name: 'a', title: 'Ä title' }, { name: 'b' }]);
    expect(read(toolPage(list, older, undefined, 2).members).tools[0]).not.toHaveProperty('title');
    expect(read(toolPage(list, structured, undefined, 3).members).tools).toHaveLength(3);
    expect(read(toolPage(listOf('d'), structured, undefined, 2).members).tools).toMatchObject([{ name: 'd' }]);
  });

  it('[mcp:list-pages-written] follows the cursor in a list that has changed, and takes no other cursor', () => {
    const { nextCursor } = read(toolPage(listOf('a', 'b', 'c'), structured, undefined, 2).members);
    const rest = read(toolPage(listOf('a', 'bb', 'c', 'd'), structured, nextCursor, 9).members);
    expect(rest.tools.map(({ name }) => name)).toEqual(['bb', 'c', 'd']);
    expect(rest.nextCursor).toBeUndefined();
    const other = Buffer.from('prompts:a').toString('base64url');
    for (const cursor of [other, '', 7, null]) {
      expect(() => toolPage(listOf('a'), structured, cursor, 2)).toThrow('not issued here');
    }
    expect(read(toolPage(listOf(), structured, undefined, 2).members)).toEqual({ tools: [] });
  });

  it('[mcp:list-pages-written] is the same JSON as if it were written for the one who asks', () => {
    const { members } = toolPage(listOf('a'), structured, undefined, 2);
    const result = new WrittenResult(members).and({}).and({ ttlMs: 1, cacheScope: 'private' });
    const plain = { ...read(members), ttlMs: 1, cacheScope: 'private' };
    const body = resultBody('id "1"', result);
    expect(messageText(body)).toBe(JSON.stringify(resultBody('id "1"', plain)));
    expect(messageText([body, { jsonrpc: '2.0' }])).toBe(JSON.stringify([body, { jsonrpc: '2.0' }]));
    expect(kept(structured, 1)).toEqual({});
  });
});
