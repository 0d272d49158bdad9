import { afterEach, describe, expect, it } from '@jest/globals';
import { endSuites, eventually, head, suite } from '../testing/folder-suite.ts';

afterEach(endSuites);

const digest = `sha256:${'0'.repeat(64)}`;
const access = (name: string, spec: string) =>
  `${head('AccessPolicy', name)}spec: {subjects: {everyone: true}, ${spec}}\n`;
const server = (tools = '[{name: send, class: Write}]') =>
  `${head('ToolServer', 'mail')}spec: {remote: {url: "https://m.example"}, tools: ${tools}}\n`;
const policy = (mode: string) =>
  `${head('ToolPolicy', 'apart')}spec: {mode: ${mode}, tools: [{server: mail, tool: "*"}], results: [{name: apart, action: Quarantine, quarantine: {structured: Mask}}]}\n`;
const key = (rest = '') => `${head('VirtualKey', 'bot')}spec: {targetSecret: {name: bot, key: key}${rest}}\n`;
const SAID = ', owner: ann, client: app, origin: human, instructionAuthority: {system: Authored, user: Typed}';

describe('coverage of an access policy', () => {
  it('[operator:policy-coverage] says what it admits outside of the protection, and follows what closes the gaps', async () => {
    const { write, condition, reason } = await suite({
      'a.yaml': access('a', 'tools: ["mail/*"], clientTools: Deny'),
      'b.yaml': access('b', 'tools: ["other/*"], clientTools: Deny'),
      's.yaml': server(),
    });
    const coverage = () => reason('AccessPolicy', 'a', 'PolicyCoverage');
    await eventually(coverage, 'False GapsFound');
    expect(condition('AccessPolicy', 'a', 'PolicyCoverage')?.message).toBe(
      '1 gap: tool mail/send hands its result to the model in plain, untrusted',
    );
    expect(reason('AccessPolicy', 'a', 'Ready')).toBe('True Ready');
    expect(reason('AccessPolicy', 'b', 'PolicyCoverage')).toBe('True Covered');
    await write('p.yaml', policy('Enforce'));
    await eventually(coverage, 'True Covered');
    await write('p.yaml', policy('Observe'));
    await eventually(coverage, 'False GapsFound');
    expect(condition('AccessPolicy', 'a', 'PolicyCoverage')?.message).toBe(
      '1 gap: policy apart rule apart only observes',
    );
  });

  it('[operator:policy-coverage] looks at keys, at clients, and at who denies them functions of their own', async () => {
    const { write, condition } = await suite({ 'a.yaml': access('a', 'models: ["*"]'), 'k.yaml': key(SAID) });
    const message = () => condition('AccessPolicy', 'a', 'PolicyCoverage')?.message;
    await eventually(message, '1 gap: client app may declare functions of its own that no ToolPolicy names');
    await write('d.yaml', access('d', 'clientTools: Deny'));
    await eventually(message, '');
    await write('k.yaml', key(', owner: ann, client: app, origin: human'));
    await eventually(
      message,
      '2 gaps: key bot says not whether its user text is typed; key bot says not whether its system text is authored',
    );
  });

  it('[operator:policy-coverage] counts tools that the broker saw and nobody declared', async () => {
    const { source, snapshots, condition } = await suite({
      'a.yaml': access('a', 'tools: ["mail/*"], clientTools: Deny'),
      's.yaml': server(),
      'p.yaml': policy('Enforce'),
    });
    const message = () => condition('AccessPolicy', 'a', 'PolicyCoverage')?.message;
    await eventually(message, '');
    const { uid = '' } = source.get('ToolServer', 'default', 'mail') ?? {};
    const tools = ['send', 'wipe'].map((name) => ({ name, class: 'Sensitive', digest }));
    const seen = { kind: 'ToolServer', tenant: 'default', name: 'mail', uid, statusJson: JSON.stringify({ tools }) };
    await snapshots.client.report({ reporter: 'broker-1', observations: [seen] }, { timeoutMs: 10_000 });
    await eventually(
      message,
      '2 gaps: tool mail/wipe is Sensitive by default; tool mail/wipe is Sensitive and no rule speaks of its calls',
    );
  });
});
