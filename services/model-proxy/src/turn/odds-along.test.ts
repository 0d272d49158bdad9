import { describe, expect, it } from '@jest/globals';
import { untrusted } from '@sallyport/turn';
import { OddsAlong } from './odds-along.ts';
import { createRelease } from './release.ts';
import { listener, turnOf } from './testing.ts';

const one = (token: string) => ({ token, logprob: -1, top: [] });

/** What a client gets of an answer, token by token, that came with odds. */
async function released(tokens: readonly string[], init: { readonly stream: boolean; readonly tainted: boolean }) {
  const heard = listener();
  const turn = turnOf({ body: { logprobs: true, stream: init.stream } }, heard);
  if (init.tainted) turn.label = untrusted('tool:desk/page');
  const release = createRelease(turn);
  await release.event({ type: 'start', id: 'x', model: 'm' });
  for (const token of tokens) await release.event({ type: 'text', delta: token, odds: [one(token)] });
  await release.settled();
  await release.finish({ unified: 'stop', raw: 'stop' });
  return heard.text();
}

describe.each([true, false])('odds of tokens, stream %s', (stream) => {
  it('[model:odds] go along with text that is shown as it was written', async () => {
    for (const tainted of [false, true]) {
      const said = await released(['All ', 'is ', 'well.'], { stream, tainted });
      for (const token of ['All ', 'is ', 'well.']) expect(said).toContain(`{"token":"${token}","logprob":-1`);
    }
  });

  it('[model:odds] do not spell a link that was made inert', async () => {
    const said = await released(['See ', 'https://evil', '.example/x', ' now.'], { stream, tainted: true });
    expect(said).toContain('`https://evil.example/x`');
    expect(said).not.toContain('"token":"https://evil"');
    expect(said).not.toContain('"token":".example/x"');
  });
});

describe('odds beside text that waits', () => {
  it('[model:odds] wait with it', () => {
    const along = new OddsAlong();
    along.wrote('ab', [one('ab')]);
    expect(along.shows('a')).toBeUndefined();
    along.wrote('cd', [one('cd')]);
    expect(along.shows('bc')).toEqual([one('ab')]);
    expect(along.shows('d')).toEqual([one('cd')]);
  });

  it('[model:odds] are none any more once a word was changed', () => {
    const along = new OddsAlong();
    along.wrote('ab', [one('ab')]);
    expect(along.shows('`ab`')).toBeUndefined();
    along.wrote('ab', [one('ab')]);
    expect(along.shows('ab')).toBeUndefined();
  });
});
