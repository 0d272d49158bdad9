import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { parseFilter } from './filter.ts';
import { memberIds, readGroup } from './group-changes.ts';
import { scimGroups } from './groups.ts';
import { listed, readQuery } from './list.ts';
import { applied, readPatch } from './patch.ts';
import { readUser } from './user-resource.ts';

const said = (error: unknown) =>
  error instanceof GatewayError ? `${error.details?.scimType}: ${error.message}` : `no refusal: ${String(error)}`;
const refusal = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return said(error);
  }
  return 'none';
};
const user = (more: object) => () => readUser({ userName: 'ann@example.com', ...more }, true);
const PART = readPatch({ Operations: [{ op: 'replace', path: 'title.part', value: 'y' }] });
const many = (count: number, one: unknown) => Array.from({ length: count }, () => one);
const nested = (depth: number): object => (depth === 0 ? { end: 'x' } : { more: nested(depth - 1) });

describe('bounds of what SCIM clients send', () => {
  it.each<[string, () => unknown, string]>([
    ['no User', () => readUser(['x'], true), 'invalidSyntax: Send a User'],
    ['a Group without a name', () => readGroup({ displayName: ' ' }), 'invalidValue: displayName is required'],
    ['no Group', () => readGroup('x'), 'invalidSyntax: Send a Group'],
    ['a title that is no text', user({ title: 5 }), 'invalidValue: title must be text'],
    ['an attribute of a text', () => applied({ title: 'x' }, PART), 'invalidPath: title has no attributes'],
    ['a name of two kinds', user({ name: 'Ann' }), 'invalidValue: name must be an object'],
    ['many values', user({ emails: many(257, { value: 'a' }) }), 'invalidValue: emails has at most 256'],
    ['depth', user({ name: nested(4) }), 'invalidValue: An attribute nests too deep'],
    ['a long text', user({ title: 'x'.repeat(70_000) }), 'invalidValue: A text has at most'],
    ['a long name of an attribute', user({ name: { ['x'.repeat(257)]: 'y' } }), 'invalidValue: The name of an'],
    ['much in all', user({ addresses: many(200, { streetAddress: 'x'.repeat(400) }) }), 'invalidValue: The attributes'],
    ['no truth', user({ active: 'perhaps' }), 'invalidValue: active must be'],
    ['many members', () => memberIds(many(100_001, 'u')), 'tooMany: A group has at most'],
    ['a member of no id', () => memberIds([{ display: 'x' }]), 'invalidValue: A member needs'],
    [
      'a long list of names',
      () => readQuery({ attributes: 'a'.repeat(2_049) }),
      'invalidValue: The list of attributes',
    ],
    ['a page that is no number', () => readQuery({ startIndex: '1e3' }), 'invalidValue: startIndex must be'],
    ['two filters', () => readQuery({ filter: ['id pr', 'id pr'] }), 'invalidValue: filter may be given once'],
    ['a deep filter', () => parseFilter(`${'('.repeat(60)}id pr${')'.repeat(60)}`), 'invalidFilter: A filter nests'],
    ['many terms', () => parseFilter(many(120, 'id pr').join(' or ')), 'invalidFilter: A filter has at most'],
    ['a long filter', () => parseFilter(`title eq "${'x'.repeat(10_000)}"`), 'invalidFilter: A filter has at most'],
  ])('[scim:bounds] refuse %s', (_what, work, words) => expect(refusal(work)).toContain(words));

  it('[scim:bounds] hold to what is just within them', () => {
    const within = { emails: many(256, { value: 'a' }), name: nested(3), title: 'x'.repeat(1_000) };
    expect(refusal(user(within))).toBe('none');
    expect(refusal(() => memberIds(many(100_000, 'u')))).toBe('none');
  });
});

describe('filters that look at each resource', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });
  const query = readQuery({ filter: 'title co "x"' });
  const page = (total: number) => async () => ({ resources: [{ title: 'x' }, { title: 'y' }], total });

  it('[scim:bounds] look at so many and no more, for so long and no longer', async () => {
    expect(await listed(query, undefined, page(20_000))).toMatchObject({ totalResults: 1 });
    expect(said(await listed(query, undefined, page(20_001)).catch((error: unknown) => error))).toContain('tooMany');
    let now = 0;
    jest.spyOn(performance, 'now').mockImplementation(() => {
      now += 600;
      return now;
    });
    expect(said(await listed(query, undefined, page(2)).catch((error: unknown) => error))).toContain('tooMany');
  });
});

describe('lists of groups', () => {
  it('[scim:bounds] are not made with more members than one answer bears, and say how to ask', async () => {
    const group = {
      id: 'g',
      name: 'desk',
      provider: 'okta',
      external_id: null,
      revision: 1,
      created_ms: 1,
      changed_ms: 1,
    };
    let members = 50_000;
    const query = async (sql: string) => {
      if (sql.includes('count(*)')) return { rows: [{ total: sql.includes('from memberships') ? members : 1 }] };
      return { rows: sql.includes('from groups') ? [group] : [] };
    };
    const groups = scimGroups(
      { withTenant: async (_tenant: string, work: (client: object) => unknown) => work({ query }) } as never,
      () => undefined,
    );
    const caller = { tenant: 'red', provider: 'okta', scope: 'okta', by: 'provider:okta', base: 'https://gw' };
    const asked = (of: Record<string, unknown>) =>
      groups.list(caller, readQuery(of)).then(({ totalResults }) => totalResults, said);
    expect(await asked({})).toBe(1);
    members++;
    expect(await asked({})).toContain('tooMany: Ask for fewer groups');
    expect(await asked({ excludedAttributes: 'members' })).toBe(1);
    expect(await asked({ attributes: 'displayName' })).toBe(1);
  });
});
