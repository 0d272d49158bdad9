import { describe, expect, it } from '@jest/globals';
import type { Mode } from '@sallyport/turn/decision';
import { decideResult } from './evaluate-result.ts';
import type { ToolRefFields } from './rules/tool.ts';
import { brokered, MAIL, OPEN_ACCESS, principalOfTest, snapshotOf, type TestResource } from './testing.ts';

const quarantine = { model: 'reader', instruction: 'Read it.', fields: [{ name: 'urgent', type: 'Boolean' }] };
const READER: TestResource = {
  kind: 'Model',
  name: 'reader',
  spec: { targets: [{ provider: 'p', model: 'm' }] },
};
const results = (rules: unknown[], mode = 'Enforce'): TestResource => ({
  kind: 'ToolPolicy',
  name: 'p',
  spec: { tools: [{ server: 'mail', tool: 'read' }], mode, results: rules },
});

interface Given {
  readonly resources?: readonly TestResource[];
  readonly posture?: Mode;
  readonly resultJson?: string;
  readonly isError?: boolean;
  readonly sizeBytes?: number;
  readonly tool?: ToolRefFields;
}
async function decide(given: Given) {
  const snapshot = await snapshotOf([OPEN_ACCESS, MAIL, READER, ...(given.resources ?? [])]);
  const { tool = brokered('read'), resultJson = '{"from":"boss"}', isError = false, sizeBytes = 10 } = given;
  const request = { principal: principalOfTest(), tool, argumentsJson: '{}', resultJson, isError, sizeBytes };
  const { decision, label, quarantine } = decideResult(request, { snapshot, posture: given.posture ?? 'enforce' });
  return {
    said: `${decision.verdict}/${decision.enforced}`,
    integrity: label.integrity,
    asked: quarantine?.spec.model,
    rule: decision.rule,
    label,
  };
}
const trust = (when?: string) => ({ name: 't', action: 'Allow', trust: 'Trusted', ...(when ? { when } : {}) });
const read = (when?: string) => ({ name: 'q', action: 'Quarantine', quarantine, ...(when ? { when } : {}) });
const deny = (when?: string) => ({ name: 'd', action: 'Deny', ...(when ? { when } : {}) });

describe('results', () => {
  it.each<[string, Given, Record<string, unknown>]>([
    ['no rule', {}, { said: 'allow/allow', integrity: 'untrusted', rule: 'builtin/result-untrusted' }],
    ['a rule that trusts', { resources: [results([trust()])] }, { said: 'allow/allow', integrity: 'trusted' }],
    [
      'a rule that trusts and does not hold',
      { resources: [results([trust('result.from == "x"')])] },
      { integrity: 'untrusted' },
    ],
    [
      'a rule that trusts and one that does not',
      { resources: [results([trust(), { name: 'u', action: 'Allow' }])] },
      { said: 'allow/allow', integrity: 'untrusted' },
    ],
    [
      'a rule that holds and trusts, and a default that does not',
      { resources: [results([trust('result.from == "boss"'), { name: 'u', action: 'Allow' }])] },
      { said: 'allow/allow', integrity: 'trusted' },
    ],
    [
      'a rule that trusts in one policy and none in another',
      { resources: [results([trust()]), { ...results([{ name: 'u', action: 'Allow' }]), name: 'o' }] },
      { said: 'allow/allow', integrity: 'untrusted' },
    ],
    [
      'a quarantine',
      { resources: [results([read()])] },
      { said: 'quarantine/quarantine', integrity: 'untrusted', asked: 'reader' },
    ],
    [
      'a quarantine beside trust',
      { resources: [results([trust(), read()])] },
      { said: 'quarantine/quarantine', integrity: 'untrusted', asked: 'reader' },
    ],
    [
      'a denial beside a quarantine',
      { resources: [results([read(), deny()])] },
      { said: 'deny/deny', asked: undefined },
    ],
    [
      'a quarantine that only observes',
      { resources: [results([read()], 'Observe')] },
      { said: 'quarantine/allow', integrity: 'untrusted', asked: undefined },
    ],
    [
      'a denial that only observes beside a quarantine that acts',
      { resources: [results([read()]), { ...results([deny()], 'Observe'), name: 'o' }] },
      { said: 'deny/quarantine', asked: 'reader' },
    ],
    ['trust that only observes', { resources: [results([trust()], 'Observe')] }, { integrity: 'untrusted' }],
    [
      'trust that only observes where all only observe',
      { resources: [results([trust()], 'Observe')], posture: 'observe' },
      { integrity: 'trusted' },
    ],
    [
      'a condition that fails',
      { resources: [results([trust('result.none == 1')])] },
      { said: 'deny/deny', integrity: 'untrusted' },
    ],
    [
      'a result that is no JSON',
      { resources: [results([trust('result.a == 1')])], resultJson: '{' },
      { said: 'deny/deny' },
    ],
    [
      'no structured result',
      { resources: [results([trust('result == null')])], resultJson: '' },
      { integrity: 'trusted' },
    ],
    ['an error', { resources: [results([deny('isError')])], isError: true }, { said: 'deny/deny' }],
    ['too large', { resources: [results([deny('sizeBytes > 100.0')])], sizeBytes: 101 }, { said: 'deny/deny' }],
    ['an unknown tool', { tool: brokered('x', 'nowhere') }, { said: 'deny/deny', integrity: 'untrusted' }],
  ])('[policy:results] with %s', async (_, given, expected) => {
    expect(await decide(given)).toMatchObject(expected);
  });

  it('a result that cannot be read is withheld by a rule that looks for a reason to', async () => {
    const rule = { name: 'd', action: 'Deny', when: 'result != null && result.secret == true' };
    const resources = [results([rule, trust()])];
    expect(await decide({ resources, resultJson: '' })).toMatchObject({ said: 'allow/allow' });
    expect(await decide({ resources, resultJson: '{' })).toMatchObject({ said: 'deny/deny' });
  });

  it('a quarantine by a model that does not exist withholds the result', async () => {
    const missing = { ...quarantine, model: 'nobody' };
    const resources = [results([{ name: 'q', action: 'Quarantine', quarantine: missing }])];
    expect(await decide({ resources })).toMatchObject({ said: 'deny/deny', rule: 'builtin/no-quarantine-model' });
  });

  it('content is for the eyes of the principal whose rights fetched it, and names its tool', async () => {
    const { label } = await decide({});
    expect(label).toEqual({ integrity: 'untrusted', sources: ['tool:mail/read'], audience: ['user:ann'] });
  });
});
