import { describe, expect, it } from '@jest/globals';
import { modelProvider } from './model-provider.ts';
import { parseResource, parseYaml } from './parse.ts';
import { parseSecret } from './secret.ts';

const of = (yaml: string) => {
  const [document] = parseYaml(yaml);
  return parseResource(document?.value);
};
const resource = (kind: string, spec: string, name = 'x') =>
  of(`{apiVersion: sallyport.dev/v1alpha1, kind: ${kind}, metadata: {name: ${name}}, spec: ${spec}}`);
const faults = (parsed: ReturnType<typeof parseResource>) =>
  parsed.ok ? [] : parsed.faults.map(({ path, message }) => `${path}: ${message}`);

describe('parseResource', () => {
  it('fills in every default, those that come from the name and from other fields included', () => {
    const parsed = resource('Model', '{targets: [{provider: openai, model: gpt-5}]}', 'smart');
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        metadata: { namespace: 'default', name: 'smart' },
        spec: {
          publicName: 'smart',
          retry: { attempts: 1 },
          fallbackOn: ['Error', 'RateLimit'],
          targets: [{ provider: 'openai', model: 'gpt-5', priority: 0 }],
        },
      },
    });
    expect(resource('Limit', '{per: Key, usd: "5", window: 24h}')).toMatchObject({
      value: { spec: { failurePolicy: 'Closed', match: { keys: [] } } },
    });
    expect(resource('Limit', '{per: Key, requests: 5, window: 1m}')).toMatchObject({
      value: { spec: { failurePolicy: 'Open' } },
    });
    expect(resource('ModelProvider', '{type: openai}')).toMatchObject({
      value: { spec: { timeouts: { connectSeconds: 5, firstByteSeconds: 60, idleSeconds: 60, totalSeconds: 600 } } },
    });
  });

  it.each([
    [
      'an unknown field',
      'ModelProvider',
      '{type: openai, baseUrl: "https://a.b"}',
      'spec.baseUrl: unknown field; did you mean "baseURL"?',
    ],
    [
      'an unknown field in a list',
      'Model',
      '{targets: [{provider: a, model: b, prio: 1}]}',
      'spec.targets[0].prio: unknown field; did you mean "priority"?',
    ],
    ['a missing field', 'Model', '{targets: [{provider: a}]}', 'spec.targets[0].model: required'],
    [
      'a value outside an enum',
      'ModelProvider',
      '{type: nobody}',
      `spec.type: must be one of ${modelProvider.spec.shape.type.options.join(', ')}`,
    ],
    [
      'a type that needs a URL',
      'ModelProvider',
      '{type: openai-compatible}',
      'spec: baseURL is required for this type',
    ],
    [
      'a URL with a password',
      'ModelProvider',
      '{type: openai, baseURL: "https://me:pw@a.b"}',
      'spec.baseURL: must be an http or https URL without user, query or fragment',
    ],
    [
      'an http URL',
      'ToolServer',
      '{remote: {url: "http://a.b"}}',
      'spec.remote.url: url must be https unless allowPrivateNetwork is true',
    ],
    [
      'a credential in a static header',
      'ToolServer',
      '{remote: {url: "https://a.b", headers: {Authorization: x}}}',
      'spec.remote.headers: headers must have valid names and may not set credentials or what the protocol sets itself',
    ],
    [
      'no subject',
      'AccessPolicy',
      '{subjects: {}, models: ["*"]}',
      'spec.subjects: subjects must name at least one user, team, client or key, have claims, or set everyone',
    ],
    [
      'claims that CEL cannot read',
      'AccessPolicy',
      '{subjects: {claims: "claim.department == 1"}}',
      'spec.subjects.claims: claim is not known here; did you mean claims?',
    ],
    [
      'claims that are no condition',
      'AccessPolicy',
      '{subjects: {claims: "size(claims)"}}',
      'spec.subjects.claims: the condition gives a number, not true or false',
    ],
    [
      'a team of nobody',
      'Team',
      '{members: {}}',
      'spec.members: members must name at least one user or group, or have claims',
    ],
    [
      'a set with a value twice',
      'AccessPolicy',
      '{subjects: {everyone: true}, models: [a, a]}',
      'spec.models[1]: "a" stands twice in this list',
    ],
    [
      'a rule name twice',
      'ToolPolicy',
      '{tools: [{server: a, tool: b}], calls: [{name: r, action: Deny, reason: x}, {name: r, action: Allow, reason: y}]}',
      'spec.calls[1].name: "r" stands twice in this list',
    ],
    [
      'quarantine without a question',
      'ToolPolicy',
      '{tools: [{server: a, tool: b}], results: [{name: r, action: Quarantine}]}',
      'spec.results[0]: quarantine must be given for action Quarantine, and for no other',
    ],
    [
      'a limit without a window',
      'Limit',
      '{per: Key, requests: 5}',
      'spec: window is required, but must be absent when per is Trajectory or concurrency is the only bound',
    ],
    [
      'a key with two sources',
      'VirtualKey',
      '{secretRef: {name: a, key: b}, targetSecret: {name: a, key: b}}',
      'spec: exactly one of secretRef and targetSecret must be given',
    ],
  ])('refuses %s with its path', (_, kind, spec, expected) => {
    expect(faults(resource(kind, spec))).toContain(expected);
  });

  it('refuses an unknown kind, version and metadata with what was meant', () => {
    expect(faults(resource('Modell', '{}'))).toEqual(['kind: unknown kind; did you mean "Model"?']);
    expect(
      faults(of('{apiVersion: sallyport.dev/v2, kind: Limit, metadata: {nam: x}, spec: {per: Key, concurrency: 1}}')),
    ).toEqual([
      'apiVersion: must be sallyport.dev/v1alpha1',
      'metadata.nam: unknown field; did you mean "name"?',
      'metadata.name: must be lower-case letters, digits, "-" and ".", at most 253',
    ]);
  });
});

describe('parseYaml', () => {
  it('splits documents, leaves out empty ones and says where each begins', () => {
    expect(parseYaml('a: 1\n---\n---\n# nothing\n---\nb: 2\n').map(({ line, value }) => [line, value])).toEqual([
      [1, { a: 1 }],
      [6, { b: 2 }],
    ]);
  });

  it('refuses a key given twice, broken YAML and growth by aliases', () => {
    expect(parseYaml('a: 1\na: 2\n')[0]?.faults[0]?.message).toMatch(/^line 2: .*unique/);
    expect(parseYaml('a: [1\n')[0]?.faults.length).toBeGreaterThan(0);
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]'];
    for (const name of 'bcdefg') {
      const before = String.fromCharCode(name.charCodeAt(0) - 1);
      bomb.push(`${name}: &${name} [${Array(10).fill(`*${before}`).join(',')}]`);
    }
    expect(parseYaml(bomb.join('\n'))[0]?.faults[0]?.message).toMatch(/alias/i);
  });
});

describe('parseSecret', () => {
  it('decodes data, lets stringData win, and changes version with a value', () => {
    const read = (data: object) => parseSecret({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, ...data });
    const a = read({ data: { k: 'aGVsbG8=', l: 'eA==' }, stringData: { l: 'y' } });
    expect(a.ok && [...a.value.data]).toEqual([
      ['k', 'hello'],
      ['l', 'y'],
    ]);
    const b = read({ stringData: { k: 'hello', l: 'y' } });
    const c = read({ stringData: { k: 'hello', l: 'z' } });
    expect(a.ok && b.ok && a.value.version === b.value.version).toBe(true);
    expect(a.ok && c.ok && a.value.version === c.value.version).toBe(false);
  });

  it('never quotes a value in a fault', () => {
    const parsed = parseSecret({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data: { k: '!secret!' } });
    expect(JSON.stringify(parsed)).not.toContain('!secret!');
    expect(parsed.ok).toBe(false);
  });
});
