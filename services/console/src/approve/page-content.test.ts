import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
import { ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { attributeOf, type Browser, elementsOf, openBrowser, type ReadPage, textOf } from '../testing/browser.ts';
import { testConsole } from '../testing/console.ts';

let suite: Awaited<ReturnType<typeof testConsole>>;
let admin: Browser;
beforeAll(async () => {
  suite = await testConsole();
  admin = openBrowser(suite.url);
  await admin.signIn('admin');
});
beforeEach(() => {
  suite.approvals.clear();
  suite.state.failing = undefined;
});
afterAll(() => suite.close());

const shown = async (init: object = {}, path = 'a1') => {
  suite.approvals.put({ id: 'a1', ...init });
  const page = await admin.get(`/approve/${path}`);
  expect(page.status).toBe(200);
  return page;
};
const contents = (page: ReadPage) => page.all('pre').map(textOf);
const asked = (pointer: string, value: string) => ({
  pointer,
  valueJson: JSON.stringify(value),
  origin: 'composed',
  asked: true,
});

describe('what the page tells', () => {
  it('[console:approve-in-full] the call, who asks for whom, why, and each value with where it came from', async () => {
    const { text } = await shown({ context: { trusted: false, sources: ['mail/search'], public: true } });
    for (const part of [
      'Approve mail__send',
      'egress: it sends something out',
      'bot (key:bot)',
      'alice',
      'Mail goes only to addresses that somebody vouches for.',
      'mail/known-recipients',
      'in play, from mail/search',
      'bob@example.com',
      'out of the result of mail/search at /items/0/from; nobody vouches for it',
      'composed by the model',
      'answered (ok)',
    ]) {
      expect(text).toContain(part);
    }
    expect(text).toMatch(/Expires at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, (9 minutes \d+ seconds?|10 minutes) after/);
  });

  it.each([
    ['typed', 'bot', 'typed by you in this run'],
    ['typed', 'admin', 'typed by alice in this run'],
    ['system', 'admin', 'written in the instructions of the application'],
    ['attached', 'admin', 'out of something that was attached to the request; nobody vouches for it'],
    ['handle', 'admin', 'which the model passed on without seeing it'],
    ['unknown', 'admin', 'not known; nobody vouches for it'],
    ['something-new', 'admin', 'not known; nobody vouches for it'],
  ])('says of a value that is %s to %s: %s', async (origin, who, words) => {
    const value = { pointer: '/to', valueJson: '"x"', origin, from: 'mail/search', path: '/0' };
    suite.approvals.put({ id: 'a1', approverUsers: ['alice'], argumentsJson: '{"to":"x"}', values: [value] });
    const browser = openBrowser(suite.url);
    await browser.signIn(who);
    expect((await browser.get('/approve/a1')).text).toContain(words);
  });

  it('[console:approve-in-full] shows what is executed, whatever is said of it beside', async () => {
    const page = await shown({
      argumentsJson: '{"to":"real@example.com","more":{"list":[1,true,null,"",[],{}]}}',
      values: [{ pointer: '/to', valueJson: '"other@example.com"', origin: 'typed', asked: true }],
    });
    expect(contents(page)).toEqual(['real@example.com', '1', 'true', 'null', '', '[]', '{}']);
    expect(page.text).not.toContain('other@example.com');
    expect(page.text).toContain('Where it comes from: not known; nobody vouches for it');
  });

  it('[console:exact-numbers] shows a number that no double holds with all its digits', async () => {
    const page = await shown({ argumentsJson: '{"id":9007199254740993,"wei":[0.12345678901234567891]}', values: [] });
    expect(contents(page)).toEqual(['9007199254740993', '0.12345678901234567891']);
    expect(page.text).toContain('Number. Where it comes from');
  });

  it('[console:approve-in-full] shows long content in full, in a region that the keyboard reaches, line breaks kept', async () => {
    const body = `\nfirst line\n${'long '.repeat(20_000)}\nlast line`;
    const page = await shown({ argumentsJson: JSON.stringify({ body }), values: [] });
    expect(contents(page)).toEqual([body]);
    for (const pre of page.all('pre')) {
      expect(attributeOf(pre, 'tabindex')).toBe('0');
      expect(attributeOf(pre, 'role')).toBe('region');
      expect(page.byId(attributeOf(pre, 'aria-labelledby') ?? '')).toBeDefined();
    }
  });

  it('[console:approve-in-full] puts at most five asked values on a screen, and the buttons to approve on the last', async () => {
    const names = Array.from({ length: 12 }, (_, n) => `n${n}`);
    const init = {
      argumentsJson: JSON.stringify(Object.fromEntries(names.map((name) => [name, `value ${name}`]))),
      values: names.map((name) => asked(`/${name}`, `value ${name}`)),
    };
    const seen: string[] = [];
    for (const screen of [1, 2, 3]) {
      const page = await shown(init, `a1?screen=${screen}`);
      expect(contents(page).length).toBeLessThanOrEqual(5);
      seen.push(...contents(page));
      const buttons = page.form('/approve/a1').buttons.map(({ value }) => value);
      expect(buttons).toEqual(screen === 3 ? ['approve', 'reject'] : ['reject']);
    }
    expect(seen).toEqual(names.map((name) => `value ${name}`));
  });

  it('[console:approve-bounded] shows no more than a hundred other values at once, and all of them over the screens', async () => {
    const list = Array.from({ length: 250 }, (_, n) => n);
    const init = {
      argumentsJson: JSON.stringify({ to: 'x@example.com', list }),
      values: [asked('/to', 'x@example.com')],
    };
    const seen: string[] = [];
    for (const others of [1, 2, 3]) {
      const page = await shown(init, `a1?others=${others}`);
      const [to, ...rest] = contents(page);
      expect([to, rest.length <= 100]).toEqual(['x@example.com', true]);
      seen.push(...rest);
      const next = page.all('a').some((one) => attributeOf(one, 'href')?.endsWith(`others=${others + 1}#others`));
      expect(next).toBe(others < 3);
      expect(page.form('/approve/a1').buttons.map(({ value }) => value)).toContain('approve');
    }
    expect(seen).toEqual(list.map(String));
  });

  it('[console:approve-bounded] lets a person approve a call as a whole after the last of its values', async () => {
    const init = { argumentsJson: JSON.stringify(Array.from({ length: 150 }, (_, n) => n)), values: [] };
    for (const [others, buttons] of [
      [1, ['reject']],
      [2, ['approve', 'reject']],
    ] as const) {
      const page = await shown(init, `a1?others=${others}`);
      expect(page.form('/approve/a1').buttons.map(({ value }) => value)).toEqual(buttons);
    }
  });

  it('says that the run cannot be told where the log is away, and lets people decide all the same', async () => {
    suite.state.failing = new GatewayError('unavailable', 'audit is away');
    const page = await shown();
    expect(page.text).toContain('The log does not answer now');
    expect(page.form('/approve/a1').buttons).toHaveLength(3);
  });

  it.each([
    [ApprovalState.APPROVED, 'Approved, not used yet'],
    [ApprovalState.REJECTED, 'Rejected'],
    [ApprovalState.EXPIRED, 'Expired: approved, but not used in time'],
    [ApprovalState.VOID, 'Void: what was asked about has changed since'],
    [ApprovalState.USED, 'Approved and used'],
  ])('[console:approve-states] shows state %s as “%s”, with its words and without buttons', async (state, words) => {
    const page = await shown({
      state,
      words: [{ user: 'user:carol', approve: true, atMs: 1_700_000_000_000, note: 'fine' }],
    });
    expect(page.all('title').map(textOf)[0]).toContain(words);
    expect(page.text).toContain('Approved by carol at 2023-11-14 22:13:20 UTC: “fine”');
    expect(() => page.form('/approve/a1')).toThrow();
  });

  it('[console:approve-states] lists what waits for the person, apart from what waits for others, and nothing that is over', async () => {
    suite.approvals.put({ id: 'mine' });
    suite.approvals.put({ id: 'theirs', approverUsers: ['carol'] });
    suite.approvals.put({ id: 'over', expiresAtMs: Date.now() - 1 });
    suite.approvals.put({ id: 'done', state: ApprovalState.USED });
    const page = await admin.get('/approve');
    const sections = page.all('section').map((one) => ({
      heading: textOf(elementsOf(one).find(({ tagName }) => tagName === 'h2') as never),
      links: elementsOf(one)
        .map((inner) => attributeOf(inner, 'href'))
        .filter(Boolean),
    }));
    expect(sections).toEqual([
      { heading: 'Waiting for you', links: ['/approve/mine'] },
      { heading: 'Waiting for others', links: ['/approve/theirs'] },
    ]);
  });
});

describe('hostile content', () => {
  const PAYLOADS = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    '</pre></main><h1>Approved</h1><form action="https://evil.example">',
    '<!--',
    '</title><script>alert(1)</script>',
    ']]><svg/onload=alert(1)>',
    '&lt;script&gt;&#x3c;b&#x3e;',
    '`alert(1)`',
    'javascript:alert(1)',
    '</textarea><input name="csrf" value="x">',
  ];

  it.each(PAYLOADS)('[console:approve-escaped] %j is text wherever it stands', async (evil) => {
    const init = (evil: string) => ({
      trajectory: evil,
      requester: {
        tenant: 'acme',
        id: `key:${evil}`,
        name: evil,
        user: evil,
        client: evil,
        actors: [{ id: evil, kind: 'agent' }],
      },
      tool: { kind: ToolRef_Kind.BROKERED, server: evil, name: evil, digest: 'd' },
      toolClass: evil,
      argumentsJson: JSON.stringify({ [evil]: evil, list: [{ [evil]: [evil] }] }),
      values: [
        {
          pointer: `/${evil.replaceAll('~', '~0').replaceAll('/', '~1')}`,
          valueJson: JSON.stringify(evil),
          origin: 'result',
          from: evil,
          path: evil,
          looksLike: evil,
          asked: true,
        },
      ],
      rule: evil,
      reason: evil,
      words: [{ user: evil, approve: true, atMs: 1, note: evil, breakGlass: true }],
      needed: 2,
      context: { trusted: false, sources: [evil], public: true },
    });
    const [evilPage, plainPage] = [await shown(init(evil)), await shown(init('x'))];
    // The very same elements and attributes: what is filled in never makes one.
    const outline = (page: ReadPage) =>
      page.all('*').map((one) => [one.tagName, ...one.attrs.map(({ name }) => name)].join(' '));
    expect(outline(evilPage)).toEqual(outline(plainPage));
    expect(evilPage.text.split(evil).length).toBeGreaterThan(10);
    suite.approvals.put({ id: 'a1', ...init(evil) });
    expect((await admin.get('/approve')).text).toContain(evil);
  });

  it('[console:approve-visible] shows directions, invisible and look-alike characters by code point, and says so in words', async () => {
    const page = await shown({
      argumentsJson: JSON.stringify({ 't\u200bo': 'b\u043eb\u202e@bank.com' }),
      values: [{ ...asked('/t\u200bo', 'x'), looksLike: 'bob@bank.com' }],
    });
    expect(contents(page)).toEqual(['b\u043eU+043EbU+202E@bank.com']);
    expect(page.all('h3').map(textOf)[0]).toBe('tU+200Bo');
    expect(page.text).not.toMatch(/[\u200b\u202e]/);
    expect(page.text).toContain('It only looks like “bob@bank.com”, which is known in this run. It is another value.');
    expect(page.text).toContain('Characters that cannot be seen stand in it');
    expect(page.text).toContain('drawn like others');
  });
});

describe('accessibility', () => {
  const pages = async (): Promise<[string, ReadPage][]> => {
    suite.approvals.put({ id: 'others', approverUsers: ['carol'], needed: 2 });
    const anonymous = openBrowser(suite.url);
    return [
      ['sign in', await anonymous.get('/approve')],
      ['sign in refused', await anonymous.signIn('nobody')],
      ['approval', await shown()],
      ['list', await admin.get('/approve')],
      ['break-glass', await admin.get('/approve/others')],
      ['not found', await admin.get('/approve/none')],
      ['arrival', await openBrowser(suite.url).get('/approve/a1', { 'sec-fetch-site': 'cross-site' })],
    ];
  };

  it('[console:approve-accessible] every page has a language, a title, landmarks, one h1 and headings in order', async () => {
    for (const [name, page] of await pages()) {
      expect([name, attributeOf(page.all('html')[0] as never, 'lang')]).toEqual([name, 'en']);
      expect(textOf(page.all('title')[0] as never)).not.toBe('');
      for (const landmark of ['header', 'main', 'footer', 'h1']) {
        expect([name, landmark, page.all(landmark).length]).toEqual([name, landmark, 1]);
      }
      const levels = page.all('*').flatMap(({ tagName }) => /^h([1-6])$/.exec(tagName)?.[1] ?? []);
      for (const [at, level] of levels.entries())
        expect(Number(level)).toBeLessThanOrEqual(Number(levels[at - 1] ?? 0) + 1);
      const viewport = page.all('meta').find((one) => attributeOf(one, 'name') === 'viewport');
      expect(attributeOf(viewport as never, 'content')).toBe('width=device-width, initial-scale=1');
    }
  });

  it('[console:approve-accessible] every field has a label, every button a name, every id is one, every reference is kept', async () => {
    for (const [name, page] of await pages()) {
      const labelled = new Set(page.all('label').map((one) => attributeOf(one, 'for')));
      const fields = [...page.all('input'), ...page.all('textarea'), ...page.all('select')];
      for (const field of fields.filter((one) => attributeOf(one, 'type') !== 'hidden')) {
        expect([name, labelled.has(attributeOf(field, 'id'))]).toEqual([name, true]);
      }
      for (const named of [...page.all('button'), ...page.all('a'), ...page.all('label'), ...page.all('legend')]) {
        expect([name, textOf(named).trim() !== '']).toEqual([name, true]);
      }
      const ids = page.all('*').flatMap((one) => attributeOf(one, 'id') ?? []);
      expect(new Set(ids).size).toBe(ids.length);
      for (const one of page.all('*')) {
        for (const reference of ['for', 'aria-labelledby', 'aria-describedby']) {
          const to = attributeOf(one, reference);
          if (to !== undefined) expect([name, ids]).toEqual([name, expect.arrayContaining([to])]);
        }
      }
    }
  });

  it('[console:approve-accessible] ends are told in words and asked values under a heading, not by colour alone', async () => {
    const page = await shown();
    expect(page.byId('asked') && textOf(page.byId('asked') as never)).toBe('What you are asked about');
    expect(page.all('*').filter((one) => attributeOf(one, 'role') === 'status')).toHaveLength(1);
    expect(page.all('time').length).toBeGreaterThan(0);
  });

  it('[console:approve-accessible] colours keep a contrast of at least 4.5 to 1 in both schemes', async () => {
    const { markup } = await admin.get('/approve/style.css');
    const schemes = [...markup.matchAll(/--ink: (#\w+); --paper: (#\w+); --soft: (#\w+);.*--act: (#\w+); --warn/g)];
    expect(schemes).toHaveLength(2);
    for (const [, ink, paper, soft, act] of schemes as unknown as [string, string, string, string, string][]) {
      for (const [front, back] of [
        [ink, paper],
        [ink, soft],
        [act, paper],
        [paper, act],
      ] as const) {
        expect(contrast(front, back)).toBeGreaterThanOrEqual(4.5);
      }
    }
  });
});

/** Contrast of two colours (WCAG 2.2, relative luminance). */
function contrast(one: string, other: string): number {
  const luminance = (colour: string) => {
    const [red, green, blue] = [1, 3, 5].map((at) => {
      const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    }) as [number, number, number];
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}
