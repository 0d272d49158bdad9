import { describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { lintFiles } from './lint.ts';

const resource = (kind: string, name: string, spec: unknown, namespace = 'default') => ({
  apiVersion: 'sallyport.dev/v1alpha1',
  kind,
  metadata: { name, namespace },
  spec,
});
const provider = resource('ModelProvider', 'p', { type: 'openai' });
const model = (name: string, spec: object = {}, namespace = 'default') =>
  resource('Model', name, { targets: [{ provider: 'p', model: 'm' }], ...spec }, namespace);
const lint = (...documents: unknown[]) =>
  lintFiles([{ path: 'a.yaml', text: documents.map((document) => stringify(document)).join('---\n') }]);
const told = (...documents: unknown[]) =>
  lint(...documents).map(({ path, severity, message }) => [severity, path, message]);

describe('lintFiles', () => {
  it('finds nothing in resources that fit together', () => {
    expect(lint(provider, model('a'))).toEqual([]);
  });

  it('names file, line, resource and path of a field that is unknown', () => {
    const [fault] = lint(provider, model('a', { priority: 1 }));
    expect(fault).toMatchObject({
      file: 'a.yaml',
      subject: 'Model default/a',
      path: 'spec.priority',
      severity: 'error',
    });
    expect(fault?.line).toBeGreaterThan(1);
  });

  it('sees a public name that another Model holds, within a namespace only [lint:name-taken]', () => {
    expect(told(provider, model('a'), model('b', { publicName: 'a' }))).toEqual([
      ['error', 'spec.publicName', 'NameTaken: "a" is held by Model a'],
    ]);
    const other = resource('ModelProvider', 'p', { type: 'openai' }, 'acme');
    expect(lint(provider, model('a'), other, model('a', {}, 'acme'))).toEqual([]);
  });

  it('sees references to what is not there, and does not look into another namespace', () => {
    expect(told(provider, model('a', {}, 'acme'))).toEqual([
      ['error', 'spec.targets[0].provider', 'there is no ModelProvider p in acme'],
    ]);
  });

  it('compiles conditions [lint:cel]', () => {
    const server = resource('ToolServer', 's', { remote: { url: 'https://s.example/mcp' } });
    const policy = (when: string) =>
      resource('ToolPolicy', 't', {
        tools: [{ server: 's', tool: '*' }],
        calls: [{ name: 'r', when, action: 'Deny', reason: 'no' }],
      });
    expect(lint(server, policy('!context.trusted'))).toEqual([]);
    expect(told(server, policy('context.nothing'))[0]?.slice(0, 2)).toEqual(['error', 'spec.calls[0].when']);
  });

  it('only warns of a Secret that is elsewhere', () => {
    const credentials = { secretRef: { name: 's', key: 'k' } };
    const needing = resource('ModelProvider', 'p', { type: 'openai', credentials });
    expect(told(needing)).toEqual([
      ['warning', 'spec.credentials.secretRef', 'no Secret s with key k is in these files'],
    ]);
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { k: 'value' } };
    expect(lint(needing, secret)).toEqual([]);
  });

  it('tells of YAML that cannot be read', () => {
    expect(lintFiles([{ path: 'a.yaml', text: 'a: 1\na: 2\n' }])[0]?.severity).toBe('error');
  });
});
