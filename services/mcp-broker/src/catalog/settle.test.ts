import { describe, expect, it } from '@jest/globals';
import type { ToolServerSpec } from '@sallyport/custom-resources/tool-server';
import { sha256 } from '../digests.ts';
import { readDefinitions } from './definition.ts';
import { pinsOf, settle } from './settle.ts';

const spec = (tools: object[] = []): ToolServerSpec =>
  ({
    remote: { url: 'https://x.example' },
    allowPrivateNetwork: false,
    timeoutSeconds: 30,
    defaultClass: 'Sensitive',
    tools,
  }) as never;
const read = (description: string) =>
  readDefinitions(sha256, [{ name: 'read', description, inputSchema: { type: 'object' } }]);
const digestOf = (description: string) => read(description).definitions.get('read')?.digest ?? '';
const settled = (description: string, tools: object[], pins: Record<string, string>) =>
  settle({ spec: spec(tools) }, { ...read(description), pins: new Map(Object.entries(pins)) });

describe('which definitions are in force', () => {
  it('is the pinned one, under the default class and timeout', () => {
    const { inForce, held, status } = settled('One.', [], { read: digestOf('One.') });
    expect(inForce).toMatchObject([{ toolClass: 'sensitive', timeoutMs: 30_000 }]);
    expect(held).toEqual([]);
    expect(status).toEqual([{ name: 'read', class: 'Sensitive', digest: `sha256:${digestOf('One.')}` }]);
  });

  it('[catalog:drift-held] holds a changed definition and names both digests', () => {
    const { inForce, held, status } = settled('Two.', [{ name: 'read', class: 'Read', enabled: true }], {
      read: digestOf('One.'),
    });
    expect(inForce).toEqual([]);
    expect(held).toEqual(['read']);
    expect(status).toEqual([
      { name: 'read', class: 'Read', digest: `sha256:${digestOf('One.')}`, heldDigest: `sha256:${digestOf('Two.')}` },
    ]);
  });

  it('takes the reviewed definition, and holds everything else', () => {
    const reviewed = { name: 'read', class: 'Read', enabled: true, digest: `sha256:${digestOf('Two.')}` };
    expect(settled('Two.', [reviewed], { read: digestOf('One.') }).inForce).toHaveLength(1);
    expect(settled('One.', [reviewed], { read: digestOf('One.') }).held).toEqual(['read']);
  });

  it('offers nothing that is not pinned yet or not enabled', () => {
    expect(settled('One.', [], {})).toMatchObject({ inForce: [], held: [] });
    const off = settled('One.', [{ name: 'read', class: 'Read', enabled: false, timeoutSeconds: 3 }], {
      read: digestOf('One.'),
    });
    expect(off.inForce).toEqual([]);
    expect(off.status).toHaveLength(1);
  });

  it('pins what is seen first and what was reviewed, but not what waits for review', () => {
    const { definitions } = read('One.');
    const digest = digestOf('One.');
    expect(pinsOf(spec(), definitions)).toEqual({ seen: new Map([['read', digest]]), reviewed: new Map() });
    expect(pinsOf(spec([{ name: 'read', digest: `sha256:${digest}` }]), definitions).reviewed).toEqual(
      new Map([['read', digest]]),
    );
    const other = pinsOf(spec([{ name: 'read', digest: `sha256:${'0'.repeat(64)}` }]), definitions);
    expect(other).toEqual({ seen: new Map(), reviewed: new Map() });
  });
});
