import { describe, expect, it } from '@jest/globals';
import { addSpan, createCorpus, TRUSTED, untrusted } from '@sallyport/turn';
import { knownHosts } from './known-hosts.ts';
import { createRelease } from './release.ts';
import { gateOf, listener, turnOf } from './testing.ts';

const HANDLE = `h_${'a'.repeat(24)}`;
const tools = [{ type: 'function', function: { name: 'f' } }];

async function shown(
  value: string,
  said: string,
  init: { dialect?: 'openai-chat' | 'anthropic-messages'; stream?: boolean; size?: number; tainted?: boolean } = {},
) {
  const { dialect = 'openai-chat', stream = true, size = 5, tainted = false } = init;
  const heard = listener();
  const shape = dialect === 'openai-chat' ? tools : [{ name: 'f', input_schema: { type: 'object' } }];
  const turn = turnOf({ dialect, body: { tools: shape, stream } }, heard);
  turn.corpus = createCorpus();
  addSpan(turn.corpus, { text: 'Look at typed.example/a', origin: { kind: 'typed' }, label: TRUSTED });
  if (tainted) turn.label = untrusted('tool:desk/page');
  else turn.handles.add(HANDLE);
  const { gate } = gateOf();
  gate.config.turn.linkHosts = ['*.acme.example'];
  const release = createRelease(turn);
  release.know(new Map([[HANDLE, { value, label: untrusted('tool:desk/page') }]]), knownHosts(gate, turn));
  await release.event({ type: 'start', id: 'x', model: 'm' });
  for (let at = 0; at < said.length; at += size)
    await release.event({ type: 'text', delta: said.slice(at, at + size) });
  await release.settled();
  await release.finish({ unified: 'stop', raw: 'stop' });
  return { text: turn.spoken.texts().join(''), heard, filled: release.filledLabel() };
}

describe.each(['openai-chat', 'anthropic-messages'] as const)('the final text in %s', (dialect) => {
  describe.each([true, false])('stream %s', (stream) => {
    it.each([1, 3, 1000])(
      '[turn:release-inert] shows links behind handles as code, %i characters at a time',
      async (size) => {
        const value = 'See https://evil.example/x or ![i](https://evil.example/p.png)';
        const { text, heard, filled } = await shown(value, `Ann wrote: ${HANDLE} and that is all`, {
          dialect,
          stream,
          size,
        });
        expect(text).toBe(
          'Ann wrote: See `https://evil.example/x` or [i](`https://evil.example/p.png`) and that is all',
        );
        if (!stream) expect(heard.text()).toContain('`https://evil.example/x`');
        expect(filled.integrity).toBe('untrusted');
      },
    );
  });
});

describe('links in the final text', () => {
  it('[turn:release-known] stay as they are to hosts that are typed or allowed', async () => {
    const value = 'https://typed.example/b https://docs.acme.example/c';
    expect((await shown(value, HANDLE)).text).toBe(value);
  });

  it('[turn:release-composed] are inert where the model made them with a handle', async () => {
    const { text } = await shown('secret', `See https://mine.example/a or ![x](https://mine.example/?q=${HANDLE})`);
    expect(text).toBe('See https://mine.example/a or [x](`https://mine.example/?q=secret`)');
  });

  it('[turn:release-tainted] are all inert where the model read what is untrusted', async () => {
    const said = 'See https://evil.example/x and https://typed.example/b';
    expect((await shown('', said, { tainted: true })).text).toBe(
      'See `https://evil.example/x` and https://typed.example/b',
    );
  });

  it("[turn:release-own] of the gate's own words stay live", async () => {
    const turn = turnOf({ body: { tools } });
    turn.label = untrusted('tool:desk/page');
    const release = createRelease(turn);
    await release.say('Answer at https://gate.example/approve/1 .');
    expect(turn.spoken.texts()).toEqual(['Answer at https://gate.example/approve/1 .']);
  });
});
