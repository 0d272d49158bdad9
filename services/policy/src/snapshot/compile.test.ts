import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { WatchResponseSchema } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { heldOf, MAIL, OPEN_ACCESS, type TestResource } from '../testing.ts';
import { type CompileFault, createCompiler } from './compile.ts';
import { loadHeld, storeHeld } from './disk.ts';
import { applyMessage, type Held, isComplete } from './held.ts';

const policy = (when: string, name = 'p'): TestResource => ({
  kind: 'ToolPolicy',
  name,
  spec: { tools: [{ server: 'mail', tool: '*' }], calls: [{ name: 'r', when, action: 'Deny', reason: 'r' }] },
});
const setUp = () => {
  const faults: CompileFault[] = [];
  const compiler = createCompiler((fault) => faults.push(fault));
  const compile = (resources: readonly TestResource[], revision = 'r1') =>
    compiler.compile(heldOf(resources, revision), true);
  return { faults, compile };
};

describe('snapshots', () => {
  it('[policy:reuse] what did not change is not compiled again', async () => {
    const { compile } = setUp();
    const first = await compile([OPEN_ACCESS, MAIL, policy('args.a == 1')]);
    const second = await compile([OPEN_ACCESS, MAIL, policy('args.a == 1'), { ...MAIL, tenant: 'other' }], 'r2');
    expect(second.tenants.get('acme')).toBe(first.tenants.get('acme'));
    expect(second.revision).not.toBe(first.revision);
    const third = await compile([OPEN_ACCESS, MAIL, policy('args.a == 2')], 'r3');
    const before = first.tenants.get('acme');
    const after = third.tenants.get('acme');
    expect(after).not.toBe(before);
    expect(after?.servers.get('mail')).toBe(before?.servers.get('mail'));
  });

  it('[policy:last-good] a bad revision leaves the last good one in force; with none, what it selects is denied', async () => {
    const { compile, faults } = setUp();
    const good = await compile([policy('args.a == 1')]);
    const bad = await compile([policy('args.a ==')], 'r2');
    expect(bad.tenants.get('acme')?.brokered.find('mail', 'send')).toEqual(
      good.tenants.get('acme')?.brokered.find('mail', 'send'),
    );
    expect(faults).toMatchObject([{ kind: 'ToolPolicy', tenant: 'acme', name: 'p' }]);
    await compile([policy('args.a ==')], 'r3');
    expect(faults).toHaveLength(1);
    const fresh = await setUp().compile([policy('args.a ==')]);
    expect(fresh.tenants.get('acme')?.brokered.find('mail', 'send')[0]?.calls[0]?.when).toBe('unusable');
  });

  it('[policy:slices] 2,000 policies are compiled without holding other work up for long', async () => {
    const { compile } = setUp();
    const many = Array.from({ length: 2000 }, (_, i) =>
      policy(`args.a == ${i} && args.b.all(x, x != "${i}")`, `p${i}`),
    );
    let longest = 0;
    // In time of this process: what others take of the machine is no slice of ours.
    let last = process.cpuUsage();
    const timer = setInterval(() => {
      longest = Math.max(longest, process.cpuUsage(last).user / 1_000);
      last = process.cpuUsage();
    }, 1);
    const held = heldOf(many);
    last = process.cpuUsage();
    await createCompiler(() => undefined).compile(held, true);
    clearInterval(timer);
    // Slices are 8 ms; the rest is room for the garbage collector.
    expect(longest).toBeLessThan(500);
    expect((await compile(many)).tenants.get('acme')?.brokered.find('mail', 'x')).toHaveLength(2000);
  });

  it('applies deltas to what was received whole, and ignores those to what was not', () => {
    const message = (fields: object) => create(WatchResponseSchema, fields);
    const item = (name: string) => ({ tenant: 'acme', name, uid: name, specJson: '{}', contentHash: name });
    let held: Held = new Map();
    held = applyMessage(held, message({ kind: 'Limit', revision: '1', upserts: [item('x')] }));
    expect(held.size).toBe(0);
    held = applyMessage(held, message({ kind: 'Limit', revision: '2', full: true, upserts: [item('a'), item('b')] }));
    held = applyMessage(
      held,
      message({ kind: 'Limit', revision: '3', upserts: [item('c')], removals: [{ uid: 'a' }] }),
    );
    expect([...(held.get('Limit')?.items.keys() ?? [])]).toEqual(['b', 'c']);
    held = applyMessage(held, message({ kind: 'Limit', revision: '4', full: true, upserts: [] }));
    expect(held.get('Limit')).toMatchObject({ revision: '4', items: new Map() });
    expect(applyMessage(held, message({ kind: 'Secret', full: true }))).toBe(held);
    expect(isComplete(held)).toBe(false);
  });

  it('comes back from disk as it was, and says when the file is damaged', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'sallyport-policy-'));
    const file = join(dir, 'deep', 'snapshot.json');
    try {
      expect(await loadHeld(file)).toBeUndefined();
      const held = heldOf([OPEN_ACCESS, MAIL]);
      await storeHeld(file, held);
      expect(await loadHeld(file)).toEqual(held);
      await writeFile(file, '{"version":1,"kinds":[{"kind":"Nope"}]}');
      await expect(loadHeld(file)).rejects.toThrow();
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
