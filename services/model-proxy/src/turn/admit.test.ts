import { describe, expect, it } from '@jest/globals';
import { compileCatalog } from '../catalog.ts';
import { admit, authorise, mayUseModel } from './admit.ts';
import { gateOf, listener, modelOf, providerOf, somebody, turnOf } from './testing.ts';

const FOREIGN = '01a00000-0000-7000-8000-00000000000a';

describe('what a request may say of itself', () => {
  it('[turn:attribution] attributes cost only by what the key may assert', () => {
    const headers = { 'sallyport-customer': 'acme', 'sallyport-feature': 'chat', 'sallyport-tags': 'a, b' };
    const body = { user: 'eve', metadata: { project: 'x' } };
    const none = turnOf({ headers, body }).attribution;
    expect(none).toMatchObject({ customer: '', user: 'ann', feature: '', project: '', tags: [] });
    const mayAssert = ['user', 'customer', 'feature', 'project', 'tags'];
    const all = turnOf({ headers, body, principal: { mayAssert } }).attribution;
    expect(all).toMatchObject({ customer: 'acme', user: 'eve', feature: 'chat', project: 'x', tags: ['a', 'b'] });
  });

  it.each([
    ['', '', ''],
    [FOREIGN, FOREIGN, ''],
    [FOREIGN.toUpperCase(), FOREIGN, ''],
    ['../../etc/passwd', '', '../../etc/passwd'],
    [`${FOREIGN}x`, '', `${FOREIGN}x`],
  ])('[turn:trajectory-syntax] reads the trajectory %p as %p and notes %p', (header, claimed, foreign) => {
    const turn = turnOf({ headers: { 'sallyport-trajectory': header } });
    expect([turn.claimed, turn.foreignTrajectory]).toEqual([claimed, foreign]);
  });
});

const credential = { secret: 's', address: () => '' };

describe('admission', () => {
  const principal = somebody({ models: ['m*'] });
  const access = turnOf().access;
  const gate = gateOf({
    snapshot: { seen: () => true },
    principals: { authenticate: async () => principal },
    access: { accessOf: async () => access },
    catalog: { find: (tenant: string, name: string) => (tenant === 'acme' && name === 'm' ? modelOf([]) : undefined) },
  }).gate;
  const arrival = (body: object) => {
    const { facts } = turnOf({ body: body as never });
    const heard = listener();
    return {
      ...turnOf({ body: body as never }),
      id: 'i',
      credential,
      facts,
      headers: {},
      answer: heard.answer,
      bytes: Buffer.from(''),
    };
  };

  it('[turn:model-scope] holds a model to policy and to the scope of the key', () => {
    expect(mayUseModel(principal, access, 'mini')).toBe(true);
    expect(mayUseModel(principal, access, 'opus')).toBe(false);
    expect(mayUseModel(somebody(), { ...access, allowsModel: () => false }, 'mini')).toBe(false);
  });

  it.each([
    ['an unknown model', { model: 'other' }, 'not_found'],
    ['several answers with tools', { n: 2, tools: [{ type: 'function', function: { name: 'f' } }] }, 'unsupported'],
    [
      'a file of the shared account',
      { messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'f' } }] }] },
      'not_found',
    ],
  ])('[turn:admit] refuses %s', async (_name, body, code) => {
    await expect(admit(gate, arrival(body))).rejects.toMatchObject({ code });
  });

  it('[turn:no-snapshot] admits nobody before a snapshot was seen, nor an endpoint outside the scope', async () => {
    const blind = { ...gate, snapshot: { ...gate.snapshot, seen: () => false } };
    const { signal } = new AbortController();
    expect(() => authorise(blind, credential, 'messages', signal)).toThrow(
      expect.objectContaining({ code: 'unavailable' }),
    );
    const scoped = {
      ...gate,
      principals: { ...gate.principals, authenticate: async () => somebody({ endpoints: ['mcp'] }) },
    };
    await expect(authorise(scoped, credential, 'messages', signal)).rejects.toMatchObject({
      code: 'permission_denied',
    });
  });
});

describe('the catalog', () => {
  const item = (kind: string, name: string, createdAtMs: number, spec: object) => ({
    kind,
    tenant: 'acme',
    name,
    uid: `${kind}-${name}`,
    spec,
    contentHash: '',
    createdAtMs,
    generation: 1,
  });
  const provider = item('ModelProvider', 'p', 0, { type: 'openai', timeouts: {} });
  const targets = [
    { provider: 'gone', model: 'a', priority: 0 },
    { provider: 'p', model: 'c', priority: 2 },
    { provider: 'p', model: 'b', priority: 1 },
  ];

  it('[model:catalog] gives a contested name to the oldest, and targets in order without missing providers', () => {
    const compiled = compileCatalog(
      [
        item('Model', 'younger', 2, { publicName: 'x', targets: [] }),
        item('Model', 'elder', 1, { publicName: 'x', targets }),
      ],
      [provider],
    );
    const model = compiled.models.get('acme')?.get('x');
    expect(model?.name).toBe('elder');
    expect(model?.targets.map(({ model: name }) => name)).toEqual(['b', 'c']);
    expect(compiled.models.get('other')).toBeUndefined();
  });

  it('[model:catalog] leaves a provider of an unknown type out', () => {
    expect(compileCatalog([], [item('ModelProvider', 'q', 0, { type: 'nope' })]).providers).toEqual([]);
    expect(providerOf().declaration.id).toBe('openai-compatible');
  });
});
