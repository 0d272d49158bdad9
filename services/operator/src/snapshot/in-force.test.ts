import { afterEach, describe, expect, it } from '@jest/globals';
import { findCondition, type Kind, kinds } from '@sallyport/custom-resources';
import { createCompiler } from '../snapshot/compile.ts';
import { endSuites, eventually, head, model, suite } from '../testing/folder-suite.ts';

afterEach(endSuites);

describe('what is in force', () => {
  it('[operator:last-good] leaves the last good revision in force, and a first bad one absent', async () => {
    const { inForce, write, reason, source } = await suite({
      'model.yaml': model('smart'),
      'bad.yaml': `${head('Model', 'bad')}spec: {}\n`,
    });
    const items = () => inForce('Model', (found) => found.length > 0);
    await eventually(() => reason('Model', 'bad', 'Accepted'), 'False Invalid');
    expect((await items()).map(({ name }) => name)).toEqual(['smart']);
    await write('model.yaml', `${head('Model', 'smart')}spec: {targets: [{provider: openai, model: gpt, prio: 3}]}\n`);
    await eventually(() => reason('Model', 'smart', 'Accepted'), 'False Invalid');
    expect(findCondition(source.get('Model', 'default', 'smart')?.status.conditions, 'Ready')?.message).toBe(
      'spec.targets[0].prio: unknown field; did you mean "priority"?',
    );
    expect((await items())[0]).toMatchObject({ name: 'smart', generation: 1 });
  });

  it('[operator:last-good] has the last good ToolPolicy in force after a restart and in another replica', async () => {
    const policy = (when: string) =>
      `${head('ToolPolicy', 'p')}spec: {tools: [{server: mail, tool: send}], calls: [{name: a, when: "${when}", action: Allow, reason: r}]}\n`;
    const first = await suite({ 'p.yaml': policy("args.to == 'a'") });
    await eventually(() => first.reason('ToolPolicy', 'p', 'Accepted'), 'True Accepted');
    await first.inForce('ToolPolicy', ([p]) => p?.specJson.includes('"Allow"') === true);
    await first.write('p.yaml', policy('args.to =='));
    await eventually(() => first.reason('ToolPolicy', 'p', 'Accepted').startsWith('False'), true);
    const kept = () => first.source.get('ToolPolicy', 'default', 'p')?.status.inForce;
    await eventually(() => kept() !== undefined, true);
    expect(kept()).toMatchObject({ generation: 1 });
    const other = createCompiler().compile('ToolPolicy', first.source);
    expect(other).toMatchObject([{ name: 'p', generation: 1 }]);
    expect(JSON.parse(other[0]?.specJson ?? '')).toMatchObject({ calls: [{ name: 'a', action: 'Allow' }] });
    await first.write('p.yaml', policy("args.to == 'b'"));
    await eventually(() => first.source.get('ToolPolicy', 'default', 'p')?.status.inForce, undefined);
  });

  it('[operator:first-bad-denies] has a ToolPolicy that was never good deny what it selects, until it is mended', async () => {
    const policy = (name: string, tools: string, when: string) =>
      `${head('ToolPolicy', name)}spec: {tools: ${tools}, calls: [{name: a, when: "${when}", action: Allow, reason: r}]}\n`;
    const mail = '[{server: mail, tool: send}]';
    const { inForce, write, reason } = await suite({
      'p.yaml': policy('p', mail, 'args.to =='),
      'q.yaml': policy('q', '[{servr: mail}]', 'true'),
    });
    const specs = async (action = '') => {
      const items = await inForce(
        'ToolPolicy',
        (found) => found.length === 2 && found.some(({ name, specJson }) => name === 'p' && specJson.includes(action)),
      );
      return Object.fromEntries(items.map((item) => [item.name, JSON.parse(item.specJson)]));
    };
    await eventually(() => reason('ToolPolicy', 'p', 'Accepted').startsWith('False'), true);
    expect((await specs()).p).toMatchObject({
      tools: [{ server: 'mail', tool: 'send' }],
      calls: [{ action: 'Deny' }],
      results: [{ action: 'Deny' }],
    });
    expect(kinds.ToolPolicy.spec.safeParse((await specs()).p).success).toBe(true);
    expect((await specs()).q).toBeNull();
    await write('p.yaml', policy('p', mail, "args.to == 'a'"));
    await eventually(() => reason('ToolPolicy', 'p', 'Accepted'), 'True Accepted');
    expect((await specs('"Allow"')).p).toMatchObject({ calls: [{ name: 'a', action: 'Allow' }] });
    await write('p.yaml', policy('p', mail, 'args.to =='));
    await eventually(() => reason('ToolPolicy', 'p', 'Accepted').startsWith('False'), true);
    expect((await specs()).p).toMatchObject({ calls: [{ name: 'a', action: 'Allow' }] });
  });

  it('[operator:first-bad-denies] tells of a Limit and of a Deny on client tools that were never good what they select', async () => {
    const first = await suite({
      'l.yaml': `${head('Limit', 'l')}spec: {per: Key, requests: ten, window: 1m, match: {keys: [k]}}\n`,
      'a.yaml': `${head('AccessPolicy', 'a')}spec: {subjects: {keys: [k]}, models: ['*'], modls: [x], clientTools: Deny}\n`,
    });
    const { source, write, reason } = first;
    await eventually(() => reason('Limit', 'l', 'Accepted'), 'False Invalid');
    await eventually(() => reason('AccessPolicy', 'a', 'Accepted'), 'False Invalid');
    const specOf = (kind: Kind) => JSON.parse(createCompiler().compile(kind, source)[0]?.specJson ?? '');
    expect(specOf('Limit')).toEqual({ match: expect.objectContaining({ keys: ['k'] }) });
    const { subjects, models, clientTools } = specOf('AccessPolicy');
    expect({ keys: subjects.keys, models, clientTools }).toEqual({ keys: ['k'], models: [], clientTools: 'Deny' });
    const good = (requests: string) =>
      `${head('Limit', 'l')}spec: {per: Key, requests: ${requests}, window: 1m, match: {keys: [k]}}\n`;
    await write('l.yaml', good('10'));
    await eventually(() => reason('Limit', 'l', 'Accepted'), 'True Accepted');
    await first.inForce('Limit', ([l]) => l?.specJson.includes('"requests"') === true);
    await write('l.yaml', good('eleven'));
    await eventually(() => reason('Limit', 'l', 'Accepted'), 'False Invalid');
    await eventually(() => source.get('Limit', 'default', 'l')?.status.inForce !== undefined, true);
    expect(specOf('Limit')).toMatchObject({ requests: 10 });
  });

  it('[operator:name-taken] has no last good Model in force under a name that another holds by now', async () => {
    const { inForce, write, reason } = await suite({ 'a.yaml': model('a', 'x') });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await write('b.yaml', model('b', 'y'));
    await eventually(() => reason('Model', 'b', 'Accepted'), 'True Accepted');
    await write('b.yaml', model('b', 'x'));
    await eventually(() => reason('Model', 'b', 'Accepted'), 'False NameTaken');
    await write('c.yaml', model('c', 'y'));
    await eventually(() => reason('Model', 'c', 'Accepted'), 'True Accepted');
    const names = (items: readonly { readonly name: string }[]) => items.map(({ name }) => name).sort();
    const found = await inForce('Model', (items) => names(items).includes('c') && !names(items).includes('b'));
    expect(names(found)).toEqual(['a', 'c']);
  });

  it('[operator:name-taken] lets the oldest hold a public name', async () => {
    const { write, reason, remove } = await suite({ 'a.yaml': model('a', 'gpt') });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await write('b.yaml', model('b', 'gpt'));
    await eventually(() => reason('Model', 'b', 'Accepted'), 'False NameTaken');
    expect(reason('Model', 'a', 'Accepted')).toBe('True Accepted');
    await remove('a.yaml');
    await eventually(() => reason('Model', 'b', 'Accepted'), 'True Accepted');
  });
});
