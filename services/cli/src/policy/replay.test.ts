import { describe, expect, it } from '@jest/globals';
import type { RecordView } from '../run-view.ts';
import { compileRules } from './compiled-rules.ts';
import { explain } from './explain.ts';
import { readResources } from './files.ts';
import { recordedCall } from './recorded-call.ts';
import { recordedRuns, spanMs } from './recorded-runs.ts';
import { fails, type Replayed, replay } from './replay.ts';
import { replayText } from './replay-command.ts';
import { suiteResources, tried } from './suite-resources.ts';

const BASE = `
apiVersion: sallyport.dev/v1alpha1
kind: ToolServer
metadata: { name: mail }
spec: { remote: { url: "https://example.com/mcp" }, tools: [{ name: send, class: Egress }] }
---
apiVersion: sallyport.dev/v1alpha1
kind: AccessPolicy
metadata: { name: all }
spec: { subjects: { teams: [sales] }, tools: ["*/*"] }
---
apiVersion: sallyport.dev/v1alpha1
kind: ToolPolicy
metadata: { name: p }
spec:
  mode: Enforce
  tools: [{ server: mail, tool: send }]
  calls: [{ name: known, when: known(args.to), action: Allow, reason: Known. }, { name: unknown, action: ACTION, reason: Unknown. }]
`;
const rulesWith = (action: string) =>
  compileRules(readResources([{ path: 'r', text: BASE.replace('ACTION', action) }]));

const record = (over: object = {}, decided: object = {}, inputs: object = {}): RecordView =>
  ({
    id: 'r1',
    kind: 'tool_intent',
    step: 2,
    verdict: 'allow',
    enforced: 'allow',
    rule: 'p/known',
    decisionInputs: {
      arguments: { to: 'a' },
      context: { trusted: true, sources: [] },
      decided: {
        principal: { kind: 3, id: 'key:1', user: 'u', teams: ['sales'] },
        tool: { kind: 1, server: 'mail', serverUid: 'gone', name: 'send', class: 'egress' },
        origins: [{ pointer: '/to', origin: 'typed', label: 0 }],
        labels: [{ trusted: true, sources: [] }],
        ...decided,
      },
      ...inputs,
    },
    ...over,
  }) as never;
const HANDLE = {
  origins: [{ pointer: '/to', origin: 'handle', from: 'mail/read', path: '/0/from', label: 1 }],
  labels: [
    { trusted: true, sources: [] },
    { trusted: false, sources: ['tool:mail/read'] },
  ],
};
async function* all(...records: RecordView[]): AsyncGenerator<Replayed> {
  for (const one of records) yield { run: 'run1', call: recordedCall(one, 'default', 'enforce') };
}

describe('a replay', () => {
  it('[cli:policy-replay] fails where no call could be decided again, whatever is feared', async () => {
    const none = await replay(all(record({}, {}, { decided: undefined })), await rulesWith('Ask'));
    expect(none).toMatchObject({ calls: 0, incomplete: 1 });
    expect((['stricter', 'looser', 'any', 'none'] as const).map((on) => fails(none, on))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it('[cli:policy-replay] refuses files that hold nothing for the namespace of the suite', () => {
    const files = readResources([
      { path: 'r', text: BASE.replace('ACTION', 'Ask').replaceAll('metadata: { ', 'metadata: { namespace: prod, ') },
    ]);
    expect(tried(files, [], 'prod')).toHaveLength(3);
    expect(() => tried(files, [], 'staging')).toThrow('nothing that decides in the namespaces staging or default');
  });

  it('[cli:policy-replay] refuses what a policy selects that the suite holds and cannot read, as the suite does', async () => {
    const answers: Readonly<Record<string, unknown>> = {
      resources: {
        items: readResources([{ path: 'r', text: BASE.replace('ACTION', 'Ask') }]).map(({ kind, metadata, spec }) => ({
          kind,
          namespace: 'default',
          name: metadata.name,
          spec: kind === 'ToolPolicy' ? { tools: [{ server: 'mail', tool: 'send' }], calls: [{ when: 3 }] } : spec,
          status: null,
        })),
      },
    };
    const rules = await compileRules(await suiteResources(async (path) => answers[path]));
    const { changes } = await replay(all(record()), rules);
    expect(changes).toMatchObject([{ to: { decision: 'deny', rule: 'p/unreadable' }, direction: 'stricter' }]);
  });

  it('[cli:policy-replay] says where runs were left out', async () => {
    const runs = Array.from({ length: 5 }, (_, n) => ({ id: `r${n}`, startedAt: '2026-01-01', lastAt: '2026-01-01' }));
    const get = async (path: string, query: Readonly<Record<string, string>> = {}) =>
      path === 'trajectories'
        ? { items: runs.slice(0, Number(query.pageSize)), nextPageToken: Number(query.pageSize) < 5 ? 'more' : null }
        : { id: path, records: [] };
    const told: number[] = [];
    for (const limit of [3, 5]) {
      const looked: string[] = [];
      const onMore = () => void told.push(limit);
      for await (const { id } of recordedRuns(get, { sinceMs: 0, limit, onMore })) looked.push(id);
      expect(looked).toHaveLength(limit);
    }
    expect(told).toEqual([3]);
  });

  it('[cli:policy-replay] decides as before what was typed, endorsed, approved or tainted before', async () => {
    const found = await replay(
      all(
        record(),
        record({}, { ...HANDLE, endorsed: ['/to'] }, { grantedBy: ['e1'] }),
        record({ rule: 'p/unknown' }, HANDLE, { grantedBy: ['a1'] }),
        record(
          { kind: 'tool_refusal', verdict: 'ask', enforced: 'ask', rule: 'p/unknown' },
          { tainted: { '/to': 'tool:x/y' } },
        ),
      ),
      await rulesWith('Ask'),
    );
    expect(found).toEqual({ calls: 4, unchanged: 4, otherRule: 0, incomplete: 0, changes: [] });
  });

  it('[cli:policy-replay] counts what would change by tool, rule and principal', async () => {
    const asked = { kind: 'tool_refusal', verdict: 'ask', enforced: 'ask', rule: 'p/unknown' };
    const found = await replay(all(record(asked, HANDLE), record(asked, HANDLE), record()), await rulesWith('Allow'));
    expect(found.changes).toEqual([
      {
        tool: 'mail/send',
        from: { decision: 'ask', rule: 'p/unknown' },
        to: { decision: 'allow', rule: 'p/unknown' },
        direction: 'looser',
        calls: 2,
        principals: { u: 2 },
        runs: ['run1'],
      },
    ]);
    expect(['stricter', 'looser', 'any', 'none'].filter((on) => fails(found, on as 'any'))).toEqual(['looser', 'any']);
    expect(replayText(found)).toMatch(/^3 calls decided again: 1 as before, 0 as before by another rule, 2 otherwise/);
  });

  it('[cli:policy-replay] leaves out, and counts, what no decision can be made of', async () => {
    const old = { ...record(), decisionInputs: { arguments: {}, origins: {} } } as RecordView;
    expect(await replay(all(old), await rulesWith('Ask'))).toMatchObject({ calls: 0, incomplete: 1 });
  });

  it.each([
    ['90s', 90_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
  ])('[cli:policy-replay] reads %s as %d ms', (text, ms) => {
    expect(spanMs(text)).toBe(ms);
  });

  it.each(['', '0h', '1', 'h', '-1h', '1w', '9999999h'])('[cli:policy-replay] refuses %j as a time', (text) => {
    expect(() => spanMs(text)).toThrow(/--since/);
  });
});

describe('an explanation', () => {
  it('[cli:policy-explain] says which rules held, where arguments came from and what would have let the call pass', async () => {
    const call = recordedCall(record({}, HANDLE), 'default', 'enforce');
    expect(explain(call?.question as never, await rulesWith('Ask'))).toBe(
      [
        'call of mail/send (egress): ask, by p/unknown',
        '  Unknown. A person is asked, as nobody vouched for args.to.',
        'Arguments',
        '  /to  "a"  behind a handle, never shown to the model, /0/from of mail/read, untrusted',
        'Rules',
        '  – p/known  Allow  does not hold: known(args.to)',
        '      known(args.to) is false:',
        '        /to is behind a handle, never shown to the model, /0/from of mail/read, untrusted',
        '  ✓ p/unknown  Ask  (applies: the default of its policy)',
        'It would have passed',
        '  with a person’s approval of exactly this call',
        '  with /to typed by a human',
        '  with /to endorsed by a person',
        '',
      ].join('\n'),
    );
  });

  it('[cli:policy-explain] says so where nothing would have let it pass', async () => {
    const outsider = record({}, { principal: { kind: 3, id: 'key:1', user: 'u' } });
    const text = explain(recordedCall(outsider, 'default', 'enforce')?.question as never, await rulesWith('Ask'));
    expect(text).toMatch(/hide, by builtin\/access\n/);
    expect(text).toMatch(/nothing about this call/);
  });
});
