import { describe, expect, it } from '@jest/globals';
import { gapLine, gapsUnder } from './access-coverage.ts';
import { coverageOf, type Of } from './coverage.ts';
import { parseResource, type Resource } from './parse.ts';

const of = (kind: string, name: string, spec: object) => ({
  apiVersion: 'sallyport.dev/v1alpha1',
  kind,
  metadata: { name },
  spec,
});
const resources = (documents: readonly object[]) =>
  documents.map((one): Resource => {
    const parsed = parseResource(one);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
    return parsed.value;
  });
const cover = (...documents: object[]) => coverageOf(resources(documents), 'default');
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

  it('[cli:policy-coverage] names keys that a policy selects and whose owner none does', () => {
    const deny = { clientTools: 'Deny', models: ['*'] };
    const idle = expect.stringMatching(/^key k may do nothing: no AccessPolicy selects its owner u/);
    expect(gaps(key(WHOLE), access({ ...deny, subjects: { keys: ['k'] } }))).toContainEqual(idle);
    for (const subjects of [{ keys: ['k'], users: ['u'] }, { keys: ['k'], teams: ['t'] }, { everyone: true }]) {
      expect(gaps(key(WHOLE), access({ ...deny, subjects }))).not.toContainEqual(idle);
    }
    expect(gaps(key({ ...WHOLE, role: 'Admin' }), access({ ...deny, subjects: { keys: ['k'] } }))).toEqual([]);
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
    expect(found.totals).toEqual({ keys: 0, clients: 0, models: 1, tools: 0 });
  });

  it('[cli:policy-coverage] asks of clients what it asks of keys', () => {
    const said = { origin: 'human', instructionAuthority: { system: 'Authored', user: 'Typed' } };
    expect(gaps(of('Client', 'app', {})).map((one) => one.split(':')[0])).toEqual([
      'client app says not whether its user text is typed',
      'client app says not whether its system text is authored',
      'client app says not what starts its runs',
    ]);
    expect(gaps(of('Client', 'app', { clientId: 'shop', ...said }), access())).toEqual([
      expect.stringMatching(/^client shop may declare functions/),
    ]);
  });

  it('[cli:policy-coverage] names tools whose class nobody declared, where it is known that they are there', () => {
    const found = coverageOf(
      resources([server({}), policy({ results: [masked] })]),
      'default',
      new Map([['s', ['t', 'u']]]),
    );
    expect(found.totals.tools).toBe(2);
    expect(found.gaps.map(({ name, gap }) => `${name} ${gap.split(':')[0]}`)).toEqual([
      's/u is Sensitive by default',
      's/u is Sensitive and no rule speaks of its calls',
      's/u hands its result to the model in plain, untrusted',
    ]);
  });
});

describe('the gaps under an access policy', () => {
  const under = (spec: object, ...documents: object[]) => {
    const all = resources([of('AccessPolicy', 'a', { subjects: { everyone: true }, ...spec }), ...documents]);
    return gapsUnder(all[0] as Of<'AccessPolicy'>, coverageOf(all, 'default'), all).map(
      ({ about, name }) => `${about} ${name}`,
    );
  };
  const observed = policy({ results: [{ ...masked, mode: 'Observe' }] });

  it('[resources:policy-coverage] are those of the keys, clients, models and tools that it admits, and of no other', () => {
    expect(new Set(under({ models: ['*'] }, key({ client: 'c' })))).toEqual(new Set(['key k', 'client c']));
    expect(under({ subjects: { teams: ['x'] }, models: ['*'] }, key({ client: 'c' }))).toEqual([]);
    expect(new Set(under({ subjects: { teams: ['x'] }, models: ['*'] }, key({ teams: ['x'] })))).toEqual(
      new Set(['key k']),
    );
    expect(under({ models: ['*'], clientTools: 'Deny' }, key(WHOLE))).toEqual([]);
    expect(under({ tools: ['s/*'] }, server({}), observed)).toEqual(['policy p']);
    expect(under({ tools: ['other/*'] }, server({}), observed)).toEqual([]);
    expect(under({ tools: ['s/t'] }, server({}))).toEqual(['tool s/t']);
    expect(under({ tools: ['s/other'] }, server({}))).toEqual([]);
    const provided = of('ToolPolicy', 'web', {
      mode: 'Enforce',
      providerTools: [{ provider: 'o', type: 'web_search' }],
      calls: [{ name: 'ok', action: 'Allow', reason: 'r' }],
    });
    const model = of('Model', 'm', { targets: [{ provider: 'o', model: 'x' }] });
    expect(under({ models: ['m'] }, provided, model)).toEqual(['model m']);
    expect(under({ models: ['n'] }, provided, model)).toEqual([]);
  });

  it('[resources:policy-coverage] are told in one bounded line, those of one sort together', () => {
    const many = Array.from({ length: 5 }, (_, at) => ({
      about: 'tool' as const,
      name: `s/${at}`,
      gap: 'is bare: sadly',
    }));
    expect(gapLine([...many, { about: 'key', name: 'k', gap: 'has no owner' }])).toBe(
      'tool s/0, s/1, s/2 and 2 more is bare; key k has no owner',
    );
    const sorts = Array.from({ length: 1_000 }, (_, at) => ({
      about: 'policy' as const,
      name: 'p',
      gap: `rule ${at} only observes`,
    }));
    expect(gapLine(sorts)).toMatch(/^policy p rule 0 only observes; .*; and gaps of 994 more sorts$/);
  });
});
