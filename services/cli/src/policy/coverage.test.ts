import { describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { coverageOf } from './coverage.ts';
import { coverageText } from './coverage-command.ts';
import { readResources } from './files.ts';

const of = (kind: string, name: string, spec: object) => ({
  apiVersion: 'sallyport.dev/v1alpha1',
  kind,
  metadata: { name },
  spec,
});
const cover = (...documents: object[]) =>
  coverageOf(
    readResources([{ path: 'a.yaml', text: documents.map((one) => stringify(one)).join('---\n') }]),
    'default',
  );
const gaps = (...documents: object[]) =>
  cover(...documents).gaps.map(({ about, name, gap }) => `${about} ${name} ${gap}`);
const key = (spec: object = {}) => of('VirtualKey', 'k', { targetSecret: { name: 's', key: 'k' }, ...spec });
const WHOLE = { owner: 'u', client: 'c', origin: 'human', instructionAuthority: { system: 'Authored', user: 'Typed' } };
const server = (tool: object) =>
  of('ToolServer', 's', { remote: { url: 'https://s.example/mcp' }, tools: [{ name: 't', class: 'Read', ...tool }] });
const policy = (spec: object) =>
  of('ToolPolicy', 'p', { mode: 'Enforce', tools: [{ server: 's', tool: 't' }], ...spec });
const masked = { name: 'apart', action: 'Quarantine', quarantine: { structured: 'Mask' } };
const access = (spec: object = {}) => of('AccessPolicy', 'a', { subjects: { everyone: true }, models: ['*'], ...spec });

describe('coverage', () => {
  it('[cli:policy-coverage] names what keys leave unsaid, and nothing of those that say all', () => {
    expect(gaps(key()).map((one) => one.split(':')[0])).toEqual([
      'key k says not whether its user text is typed',
      'key k says not whether its system text is authored',
      'key k says not what starts its runs',
      'key k names no client',
      'key k has no owner',
    ]);
    expect(gaps(key(WHOLE))).toEqual([]);
    expect(gaps(key({ role: 'Admin' }), key({ disabled: true }))).toEqual([]);
  });

  it('[cli:policy-coverage] names clients whose own functions no policy speaks of', () => {
    expect(gaps(key(WHOLE), access())).toEqual([expect.stringMatching(/^client c may declare functions/)]);
    expect(gaps(key(WHOLE), access({ clientTools: 'Deny' }))).toEqual([]);
    expect(gaps(key(WHOLE), access({ subjects: { teams: ['other'] } }))).toEqual([]);
    const named = of('ToolPolicy', 'p', { mode: 'Enforce', class: 'Read', clientTools: [{ client: 'c', tool: '*' }] });
    expect(gaps(key(WHOLE), access(), named)).toEqual([]);
  });

  it('[cli:policy-coverage] names tools whose results come in plain, or that no rule holds', () => {
    expect(gaps(server({}))).toEqual([expect.stringMatching(/^tool s\/t hands its result to the model in plain/)]);
    expect(gaps(server({}), policy({ results: [masked] }))).toEqual([]);
    const elsewhere = { ...masked, when: 'tool.name == "other" || tool.class == "write"' };
    expect(gaps(server({}), policy({ tools: [{ server: 's', tool: '*' }], results: [elsewhere] })).length).toBe(1);
    const trusted = { name: 'all', action: 'Allow', trust: 'Trusted' };
    expect(gaps(server({}), policy({ results: [trusted] }))).toEqual(['tool s/t hands its whole result on as trusted']);
    const fields = [{ path: '/id', type: 'String', trusted: true, writer: 'The server.' }];
    expect(gaps(server({ fields })).at(-1)).toMatch(/has trusted fields, but no rule/);
    expect(gaps(server({ class: 'Egress' }), policy({ results: [masked] }))).toEqual([
      'tool s/t is Egress and no rule speaks of its calls',
    ]);
  });

  it('[cli:policy-coverage] names policies that only observe, act for some or hand on in plain', () => {
    const results = [
      { ...masked, mode: 'Observe' },
      { name: 'plain', when: 'isError', action: 'Allow', rollout: 10 },
    ];
    expect(gaps(server({}), policy({ results }))).toEqual([
      'policy p rule apart only observes',
      'policy p rule plain acts for 10 percent of principals',
      'policy p rule plain hands results on in plain and untrusted',
    ]);
  });

  it('[cli:policy-coverage] names tools that a provider runs, and the models that may use them', () => {
    const provided = of('ToolPolicy', 'web', {
      mode: 'Enforce',
      providerTools: [{ provider: 'o', type: 'web_search' }],
      calls: [{ name: 'ok', action: 'Allow', reason: 'r' }],
    });
    const model = of('Model', 'm', { targets: [{ provider: 'o', model: 'x' }] });
    const found = cover(provided, model, access());
    expect(found.gaps.map(({ about, name }) => `${about} ${name}`)).toEqual(['provider tool o/web_search', 'model m']);
    expect(coverageText(found)).toMatch(/^without gap: 0 of 0 keys, 0 of 0 clients, 0 of 1 models, 0 of 0 tools\n/);
  });
});
