import { describe, expect, it } from '@jest/globals';
import type { RecordView } from '../story.ts';
import { compileRules } from './compiled-rules.ts';
import { explain } from './explain.ts';
import { readResources } from './files.ts';
import { recordedCall } from './recorded-call.ts';
import { spanMs } from './recorded-runs.ts';
import { fails, type Replayed, replay } from './replay.ts';
import { replayText } from './replay-command.ts';

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
