import { describe, expect, it } from '@jest/globals';
import { ANSWERS as IN_RULES } from '@sallyport/custom-resources/rule-provenance';
import { ANSWERS } from '@sallyport/turn/answers';
import { label } from '@sallyport/turn/label';
import { createDeciding } from '../approvals/deciding.ts';
import { createDigests } from '../approvals/digests.ts';
import { decideCalls, type OriginFields } from '../evaluate.ts';
import {
  brokered,
  CONTEXTS,
  MAIL,
  OPEN_ACCESS,
  principalOfTest,
  snapshotOf,
  TAINTED,
  type TestResource,
} from '../testing.ts';

const AT = '/sallyport.dev~1answers/city/content/name';
const answers = { city: { action: 'accept', content: { name: 'Graz' } } };
const argumentsJson = JSON.stringify({ q: 'hotels', [ANSWERS]: answers });
const origins = (name: Partial<OriginFields>): OriginFields[] => [
  { pointer: '/q', origin: 'unknown' },
  { pointer: '/sallyport.dev~1answers/city/action', origin: 'system' },
  { pointer: AT, origin: 'unknown', ...name },
];
const wire = (source: string) => ({ trusted: false, sources: [source], public: true, audience: [] });
const rule = (action: string, when: string): TestResource => ({
  kind: 'ToolPolicy',
  name: 'p',
  spec: {
    tools: [{ server: 'mail', tool: '*' }],
    mode: 'Enforce',
    calls: [{ name: 'r', action, when, reason: 'Why.' }],
  },
});

async function decide(
  name: Partial<OriginFields> = {},
  { context = CONTEXTS.trusted, args = argumentsJson, resources = [] as TestResource[], tool = 'read' } = {},
) {
  const snapshot = await snapshotOf([OPEN_ACCESS, MAIL, ...resources]);
  const call = { tool: brokered(tool), argumentsJson: args, origins: origins(name) };
  const setting = { snapshot, posture: 'enforce' } as const;
  const [decision] = decideCalls({ principal: principalOfTest(), context, calls: [call] }, setting);
  return `${decision?.enforced} ${decision?.rule}`;
}

describe('answers to what a tool server asked', () => {
  it('[mcp:answers-decided] are seen by rules as answers, apart from the arguments, and not by rules on results', async () => {
    const far = rule('Deny', 'has(answers.city) && answers.city.content.name == "Graz" && size(args) == 1');
    expect(await decide({}, { resources: [far] })).toBe('deny p/r');
    expect(await decide({}, { resources: [far], args: '{"q":"hotels"}' })).toBe('allow builtin/authorised');
    const typed = rule('Ask', '!typed(answers.city.content)');
    expect(await decide({}, { resources: [typed] })).toBe('ask p/r');
    expect(await decide({ origin: 'typed' }, { resources: [typed] })).toBe('allow builtin/authorised');
    expect(IN_RULES).toBe(ANSWERS);
  });

  it('[mcp:answers-egress] go out to the server, whatever its tool does: not with what others brought', async () => {
    expect(await decide()).toBe('allow builtin/authorised');
    expect(await decide({ label: wire('tool:web/fetch') })).toBe('deny builtin/untrusted-arguments');
    expect(await decide({ pointer: '/elsewhere' })).toBe('deny builtin/untrusted-arguments');
    // What the server said itself, as the choices of its own form, it may have back.
    expect(await decide({ label: wire('tool:mail/read') })).toBe('allow builtin/authorised');
    const allowed = rule('Allow', 'tool.name == "read"');
    expect(await decide({ label: wire('tool:web/fetch') }, { resources: [allowed] })).toBe('allow p/r');
  });

  it('[mcp:answers-egress] are refused while what others said is in play, but not for the question itself', async () => {
    expect(await decide({}, { context: TAINTED })).toBe('allow builtin/authorised');
    const other = label('untrusted', ['tool:mail/read', 'tool:web/fetch']);
    expect(await decide({}, { context: other })).toBe('deny builtin/side-effects');
    expect(await decide({}, { context: other, args: '{"q":"hotels"}' })).toBe('allow builtin/authorised');
    // The tool's own class counts beside it.
    expect(await decide({}, { context: TAINTED, tool: 'egress' })).toBe('deny builtin/side-effects');
  });

  it('[mcp:answers-tainted] are looked up by their fingerprints even where the client says that a person typed them', async () => {
    const asked: string[] = [];
    const kept = async ({ fingerprints }: { fingerprints: readonly string[] }) => {
      asked.push(...fingerprints);
      return { run: undefined, sources: new Map([['f1', 'tool:web/fetch']]) };
    };
    const digests = createDigests([{ id: 'k', key: Buffer.alloc(32, 1) }]);
    const endorsements = { find: async () => new Map() };
    const deciding = createDeciding({ kept, endorsements } as never, digests, () => undefined);
    const setting = { snapshot: await snapshotOf([OPEN_ACCESS, MAIL]), posture: 'enforce' } as const;
    const call = {
      tool: brokered('read'),
      argumentsJson,
      origins: origins({ origin: 'typed', fingerprints: ['f1'] }),
      useId: 'u',
    };
    const batch = { principal: principalOfTest(), trajectory: 't', context: CONTEXTS.trusted, calls: [call] };
    const [settled] = await deciding.decide(batch, setting);
    expect(asked).toEqual(['f1']);
    expect(settled?.decision).toMatchObject({ enforced: 'deny', rule: 'builtin/untrusted-arguments' });
  });
});
