import { describe, expect, it } from '@jest/globals';
import { label } from '@sallyport/turn/label';
import type { OriginFields } from '../rules/provenance.ts';
import { brokered, principalOfTest } from '../testing.ts';
import { endorsementDigests } from './digests.ts';
import { asks, batchOf, digests, GOOD, memory, settingOf } from './testing-deciding.ts';

describe('calls that a rule asks about', () => {
  const CLASSES = ['read', 'write', 'egress', 'sensitive'] as const;
  const APPROVALS = ['none', 'valid', 'expired', 'other arguments', 'other label', 'used', 'used for this'] as const;
  const LABELS = ['trusted', 'untrusted'] as const;
  const table = CLASSES.flatMap((tool) =>
    LABELS.flatMap((context) => APPROVALS.map((approval) => [tool, context, approval] as const)),
  );
  it.each(table)('[approval:exact] %s while the context is %s, approval: %s', async (name, context, approval) => {
    const { rows, deciding } = memory();
    const setting = await settingOf(asks('p', {}));
    const tool = brokered(name);
    const inPlay = label(context);
    const call = batchOf({ tool }, inPlay);
    const other = label(context, ['tool:other/read']);
    const asked = {
      none: call,
      'other arguments': batchOf({ tool, argumentsJson: '{"to":"y"}' }, inPlay),
      'other label': batchOf({ tool }, other),
    };
    const about = asked[approval as keyof typeof asked] ?? call;
    if (approval !== 'none') {
      await deciding.request({ ...about, turn: 't' }, setting);
      for (const row of rows.values()) {
        row.state = 'approved';
        if (approval === 'expired') Object.assign(row, { expiresAtMs: Date.now() - 1 });
      }
    }
    if (approval === 'used') await deciding.decide(batchOf({ tool, useId: 'another' }, inPlay), setting);
    if (approval === 'used for this') await deciding.decide(call, setting);
    const [settled] = await deciding.decide(call, setting);
    const passes = approval === 'valid' || approval === 'used for this';
    expect(settled?.decision.enforced).toBe(passes ? 'allow' : 'ask');
    expect(settled?.decision.grantedBy).toEqual(passes ? [...rows.keys()] : undefined);
  });

  it('[approval:exact] one approval lets one of two same calls pass that come under one use', async () => {
    const { rows, deciding } = memory();
    const setting = await settingOf(asks('p', {}));
    const { calls, ...batch } = batchOf();
    const twice = { ...batch, calls: [...calls, ...calls] };
    await deciding.request({ ...batch, calls, turn: 't' }, setting);
    for (const row of rows.values()) row.state = 'approved';
    const settled = await deciding.decide(twice, setting);
    expect(settled.map(({ decision }) => decision.enforced)).toEqual(['allow', 'ask']);
    // The same batch again is the same use.
    const again = await deciding.decide(twice, setting);
    expect(again.map(({ decision }) => decision.enforced)).toEqual(['allow', 'ask']);
  });

  it('[approval:exact] what was approved passes once although its values were endorsed with it and a stricter rule observes', async () => {
    const { rows, endorsed, deciding } = memory();
    const setting = await settingOf(asks('p', {}), asks('q', { action: 'Deny', mode: 'Observe' }));
    await deciding.request({ ...batchOf(), turn: 't' }, setting);
    for (const row of rows.values()) row.state = 'approved';
    for (const form of endorsementDigests(digests, principalOfTest(), brokered('egress'), '/to', 'x').flat()) {
      endorsed.set(form, 'e1');
    }
    const [settled] = await deciding.decide(batchOf(), setting);
    expect(settled?.decision).toMatchObject({ enforced: 'allow', verdict: 'deny', grantedBy: [...rows.keys()] });
  });

  it.each([
    ['1234567890123456788', 'ask'],
    ['1234567890123456800', 'ask'],
    ['1234567890123456788.0', 'ask'],
    ['1234567890123456789.0', 'allow'],
  ])('[approval:exact] what was approved for 1234567890123456789 is for %s: %s', async (other, enforced) => {
    const { rows, deciding } = memory();
    const setting = await settingOf(asks('p', {}));
    const origins = [{ pointer: '/to', origin: 'composed', label: GOOD }];
    const asked = batchOf({ argumentsJson: '{"to":1234567890123456789}', origins });
    await deciding.request({ ...asked, turn: 't' }, setting);
    for (const row of rows.values()) row.state = 'approved';
    const [row] = rows.values();
    expect(row?.content.values).toMatchObject([{ pointer: '/to', valueJson: '1234567890123456789' }]);
    const call = batchOf({ argumentsJson: `{"to":${other}}`, origins });
    const [settled] = await deciding.decide(call, setting);
    expect(settled?.decision.enforced).toBe(enforced);
  });

  it('[approval:exact] a denial is not lifted by what a person approved before', async () => {
    const { rows, deciding } = memory();
    await deciding.request({ ...batchOf(), turn: 't' }, await settingOf(asks('p', {})));
    for (const row of rows.values()) row.state = 'approved';
    const deny = asks('q', { action: 'Deny' });
    const [settled] = await deciding.decide(batchOf(), await settingOf(asks('p', {}), deny));
    expect(settled?.decision).toMatchObject({ enforced: 'deny', rule: 'q/ask' });
  });

  it('takes only what a rule asks about, with values, approvers and the shortest time of all that ask', async () => {
    const { rows, deciding } = memory();
    const setting = await settingOf(
      asks('p', { when: '!known(args.to)' }, { approvers: { users: ['bea'], needed: 2, expiresAfter: '2h' } }),
      asks(
        'q',
        { priority: 5, reason: 'Twice.' },
        { approvers: { teams: ['finance'], expiresAfter: '10m', remindAfter: '1m' } },
      ),
      asks('r', { mode: 'Observe' }, { approvers: { users: ['nobody'] } }),
    );
    const calls = [...batchOf().calls, { tool: brokered('gone'), argumentsJson: '{}', origins: [] }];
    const opened = await deciding.request({ ...batchOf(), calls: [calls[1], calls[0]] as never, turn: 't' }, setting);
    expect(opened.map((one) => one === undefined)).toEqual([false, false]);
    const row = [...rows.values()][1];
    expect(row?.content).toMatchObject({
      rule: 'q/ask',
      reason: 'Twice. A person is asked, as nobody vouched for args.to.',
      needed: 2,
      validMs: 600_000,
      remindMs: 60_000,
      approvers: [{ users: ['bea'] }, { teams: ['finance'] }],
      values: [{ pointer: '/to', valueJson: '"x"', origin: 'composed', asked: true }],
    });
  });

  it('[policy:untrusted-values] a value that came with untrusted content is not known by being composed, and a read looks nothing up', async () => {
    const { tainted, lookups, deciding } = memory();
    const setting = await settingOf();
    tainted.set('f1', 'tool:mail/read');
    const origins: OriginFields[] = [{ pointer: '/to', origin: 'composed', label: GOOD, fingerprints: ['f0', 'f1'] }];
    const [write] = await deciding.decide(batchOf({ origins }), setting);
    expect(write?.decision).toMatchObject({ enforced: 'deny', rule: 'builtin/untrusted-arguments' });
    lookups.length = 0;
    const [read] = await deciding.decide(batchOf({ tool: brokered('read'), origins }), setting);
    expect([read?.decision.enforced, lookups]).toEqual(['allow', []]);
  });
});

describe('what the run has read meanwhile', () => {
  const READ = label('untrusted', ['tool:mail/read']);
  const run = { id: 't1', principalId: 'key:k1', user: 'ann', label: READ, steps: 1, expiresAtMs: Date.now() + 60_000 };
  const clean = settingOf(asks('p', { when: '!context.trusted', action: 'Deny' }));

  it('[security:race] counts although the caller does not know of it yet', async () => {
    const { runs, deciding } = memory();
    const [before] = await deciding.decide(batchOf({ tool: brokered('read') }), await clean);
    expect(before?.decision.enforced).toBe('allow');
    runs.set('t1', run);
    const [settled] = await deciding.decide(batchOf({ tool: brokered('read') }), await clean);
    expect(settled?.decision).toMatchObject({ enforced: 'deny', rule: 'p/ask' });
    expect(settled?.context).toEqual(READ);
  });

  it('[security:race] is in what was composed, and in what an approval is bound to', async () => {
    const { runs, rows, deciding } = memory();
    const setting = await settingOf(asks('p', { when: 'true' }));
    await deciding.request({ ...batchOf({ tool: brokered('read') }), turn: 't' }, setting);
    for (const row of rows.values()) row.state = 'approved';
    runs.set('t1', run);
    expect((await deciding.decide(batchOf({ tool: brokered('read') }), setting))[0]?.decision.enforced).toBe('ask');
    const derived = await settingOf(asks('q', { when: 'derived(args.to)', action: 'Deny' }));
    expect((await deciding.decide(batchOf({ tool: brokered('read') }), derived))[0]?.decision.rule).toBe('q/ask');
  });

  it.each([
    ['principal', { principalId: 'key:k2' }],
    ['user', { user: 'bob' }],
  ])('[tenancy:key-in-tenant] of another %s it is nothing to these calls', async (_, other) => {
    const { runs, deciding } = memory();
    runs.set('t1', { ...run, ...other });
    expect((await deciding.decide(batchOf({ tool: brokered('read') }), await clean))[0]?.decision.enforced).toBe(
      'allow',
    );
  });
});

describe('bad input', () => {
  const setting = settingOf(asks('p', { when: '!known(args.to)' }));
  it.each([
    ['1 MB of arguments', JSON.stringify({ to: 'x'.repeat(1_000_000) }), 'builtin/beyond-judging'],
    ['a key twice', '{"to":"a","to":"b"}', 'builtin/invalid-arguments'],
    ['a lone surrogate', '{"to":"\\ud800"}', 'builtin/invalid-arguments'],
    ['1e400', '{"to":1e400}', 'builtin/invalid-arguments'],
    ['a number too far from 1 to be told from others', '{"to":1e-9999999}', 'builtin/invalid-arguments'],
    ['65 levels', `{"to":${'['.repeat(65)}${']'.repeat(65)}}`, 'builtin/invalid-arguments'],
    ['5 MB of arguments', `{"to":"${'x'.repeat(5_000_000)}"}`, 'builtin/invalid-arguments'],
  ])('[policy:bad-input] %s is refused, not asked about', async (_, argumentsJson, rule) => {
    const { deciding, rows } = memory();
    const origins = [{ pointer: '/to', origin: 'composed', label: GOOD }];
    const batch = batchOf({ argumentsJson, origins });
    const [settled] = await deciding.decide(batch, await setting);
    expect(settled?.decision).toMatchObject({ enforced: 'deny', rule });
    expect(await deciding.request({ ...batch, turn: 't' }, await setting)).toEqual([undefined]);
    expect(rows.size).toBe(0);
  });

  it.each([
    ['divides by zero', '1 / 0 == 1'],
    ['divides by what is zero', '10 / args.n > 1'],
    ['is no condition', 'args.to'],
    ['nests deep', `args${'.a'.repeat(2000)}`],
    ['nests deeper than can be read', `${'('.repeat(2000)}true${')'.repeat(2000)}`],
    ['would explode', 'args.l.all(a, args.l.all(b, args.l.all(c, a == b && b == c)))'],
    ['walks through too long a list', 'args.l.all(one, one == 1)'],
  ])('[policy:bad-input] a policy that %s denies, also where it would allow', async (_, when) => {
    const { deciding } = memory();
    const argumentsJson = JSON.stringify({ n: 0, to: 'x', l: Array(200).fill(1) });
    const batch = batchOf({ argumentsJson });
    const [settled] = await deciding.decide(batch, await settingOf(asks('p', { when, action: 'Allow' })));
    expect(settled?.decision.enforced).toBe('deny');
  });

  it('arguments as deep as may be are bound like others', async () => {
    const { deciding, rows } = memory();
    const argumentsJson = `{"to":${'['.repeat(62)}"x"${']'.repeat(62)}}`;
    await deciding.request({ ...batchOf({ argumentsJson, origins: [] }), turn: 't' }, await setting);
    expect(rows.size).toBe(1);
  });
});
