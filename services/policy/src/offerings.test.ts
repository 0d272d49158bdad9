import { describe, expect, it } from '@jest/globals';
import type { JsonValue } from '@sallyport/turn/canonical-json';
import { resolveAccess } from './access.ts';
import { decideCalls } from './evaluate.ts';
import { decideResult } from './evaluate-result.ts';
import { brokered, CONTEXTS, MAIL, OPEN_ACCESS, principalOfTest, snapshotOf, type TestResource } from './testing.ts';

const READERS: TestResource = {
  kind: 'AccessPolicy',
  name: 'readers',
  spec: {
    subjects: { users: ['ann'] },
    resources: ['mail/file:///public/*', '*/info://*'],
    prompts: ['mail/brief*'],
  },
};
const SENSITIVE: TestResource = { ...MAIL, spec: { ...(MAIL.spec as object), defaultClass: 'Sensitive' } };

async function decided(
  name: string,
  args: JsonValue,
  { more = [], principal = {} }: { more?: TestResource[]; principal?: Parameters<typeof principalOfTest>[0] } = {},
) {
  const snapshot = await snapshotOf([OPEN_ACCESS, READERS, SENSITIVE, ...more]);
  const call = { tool: brokered(name), argumentsJson: JSON.stringify(args), origins: [] };
  const who = principalOfTest(principal);
  const setting = { snapshot, posture: 'enforce' as const };
  const [decision] = decideCalls({ principal: who, context: CONTEXTS.untrusted, calls: [call] }, setting);
  const result = { principal: who, tool: call.tool, argumentsJson: call.argumentsJson, resultJson: '' };
  const after = decideResult({ ...result, isError: false, sizeBytes: 1 }, setting);
  return { decision, after };
}
const verdict = async (...given: Parameters<typeof decided>) => (await decided(...given)).decision?.enforced;

describe('resources and prompts of tool servers', () => {
  it('[offering:granted] are for those whom an AccessPolicy names them for; tools are another matter', async () => {
    const read = (uri: string) => verdict('resources/read', { uri });
    expect(await read('file:///public/a.txt')).toBe('allow');
    expect(await read('info://x')).toBe('allow');
    expect(await read('file:///private/a.txt')).toBe('hide');
    expect(await read('evil://x/file:///public/a')).toBe('hide');
    expect(await read('evil://x/info://a')).toBe('hide');
    expect(await read('file:///public/../private/a.txt')).toBe('hide');
    expect(await verdict('prompts/get', { name: 'briefing' })).toBe('allow');
    expect(await verdict('prompts/get', { name: 'other' })).toBe('hide');
    const complete = (ref: JsonValue) => verdict('completion/complete', { ref, argument: { name: 'a', value: 'b' } });
    expect(await complete({ type: 'ref/prompt', name: 'brief' })).toBe('allow');
    expect(await complete({ type: 'ref/resource', uri: 'file:///{x}' })).toBe('hide');
    expect(await complete({ type: 'ref/resource', uri: 'file:///public/{x}' })).toBe('allow');
    // OPEN_ACCESS allows every tool to everybody, and nothing besides.
    expect(await verdict('resources/read', { uri: 'info://x' }, { principal: { user: 'bob' } })).toBe('hide');
    const { after } = await decided('resources/read', { uri: 'file:///private/a.txt' });
    expect(after.decision.enforced).toBe('deny');
  });

  it('[offering:scope] are outside of a scope of tools that the method is not in', async () => {
    const read = (tools: string[]) => verdict('resources/read', { uri: 'info://x' }, { principal: { tools } });
    expect(await read(['mail/*'])).toBe('allow');
    expect(await read(['*'])).toBe('allow');
    expect(await read(['mail/resources/read'])).toBe('allow');
    expect(await read(['mail/send'])).toBe('hide');
    expect(await read(['calendar/*'])).toBe('hide');
    const snapshot = await snapshotOf([READERS]);
    const { grants } = resolveAccess(principalOfTest({ tools: ['m*/*'] }), snapshot.tenants.get('acme'));
    expect(grants[0]?.resources).toEqual(['m*/info://*', 'mail/file:///public/*'].sort().reverse());
  });

  it('[offering:read-class] are decided as calls that read, by the rules that select them', async () => {
    const { decision, after } = await decided('resources/read', { uri: 'info://x' });
    expect(decision).toMatchObject({ enforced: 'allow', toolClass: 'read' });
    expect(after.label).toMatchObject({ integrity: 'untrusted', sources: ['tool:mail/resources/read'] });
    const policy: TestResource = {
      kind: 'ToolPolicy',
      name: 'no-secrets',
      spec: {
        mode: 'Enforce',
        tools: [{ server: 'mail', tool: 'resources/read' }],
        calls: [{ name: 'x', when: "args.uri.endsWith('x')", action: 'Deny', reason: 'Not this one.' }],
        results: [{ name: 'all', action: 'Deny' }],
      },
    };
    expect(await verdict('resources/read', { uri: 'info://x' }, { more: [policy] })).toBe('deny');
    const other = await decided('resources/read', { uri: 'info://y' }, { more: [policy] });
    expect([other.decision?.enforced, other.after.decision.enforced]).toEqual(['allow', 'deny']);
  });
});
