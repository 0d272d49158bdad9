import { describe, expect, it } from '@jest/globals';
import type { Server } from './catalog.ts';
import { foundRecords } from './found-record.ts';

const server = { tenant: 'acme', name: 'mail', uid: 'u' } as Server;
const definitions = ['read', 'send', 'odd'].map((name) => ({ name, digest: `${name}-digest`, inputSchema: {} }));
const settled = { definitions, held: new Map([['send', 'drift' as const]]) };
const suspicions = new Map([['odd', [{ code: 'Concealment', at: '/description' }]]]);

describe('records of what was found in definitions', () => {
  it('[catalog:found-recorded] tell once a day of each that is held or flagged, under one id for all replicas', () => {
    let time = Date.UTC(2026, 10, 21, 12);
    const replicas = [foundRecords(() => time), foundRecords(() => time + 5_000)];
    const [first = [], second = []] = replicas.map((due) => due(server, settled, suspicions));
    expect(first.map(({ toolName, outcome }) => [toolName, outcome])).toEqual(
      [
        ['mail/odd', 'ok'],
        ['mail/send', 'refused'],
      ].reverse(),
    );
    expect(second.map(({ id }) => id)).toEqual(first.map(({ id }) => id));
    for (const { id } of first) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(JSON.parse(first[1]?.detailJson ?? '{}')).toEqual({
      action: 'definitions.flag',
      target: { server: 'mail', uid: 'u', tool: 'odd', digest: 'sha256:odd-digest' },
      found: [{ code: 'Concealment', at: '/description' }],
    });
    expect(replicas[0]?.(server, settled, suspicions)).toEqual([]);
    time += 86_400_000;
    expect(replicas[0]?.(server, settled, suspicions)).toHaveLength(2);
  });
});
