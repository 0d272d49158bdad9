import { describe, expect, it } from '@jest/globals';
import { frontOf } from '../fronts/index.ts';
import { runTurn } from './run.ts';
import { createSpoken } from './spoken.ts';
import { gateOf, listener, modelOf, providerOf, turnOf } from './testing.ts';

const LINK = 'See [the page](https://evil.example/x?q=1).';
const answer = (body: string) => ({
  status: 200,
  headers: {},
  text: async () => body,
  body: (async function* () {
    yield Buffer.from(body);
  })(),
});
const whole = {
  id: 'x',
  model: 'sonar',
  citations: ['https://evil.example/x'],
  choices: [{ index: 0, message: { role: 'assistant', content: LINK }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
};
const chunk = (delta: object, finish: string | null) =>
  `data: ${JSON.stringify({ id: 'x', model: 'sonar', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const streamed = `${chunk({ content: LINK }, null)}${chunk({}, 'stop')}data: [DONE]\n\n`;

async function answered(type: string, body: string, stream: boolean) {
  const kept = gateOf({ upstream: { request: async () => answer(body) } });
  const heard = listener();
  const turn = turnOf({ model: modelOf([providerOf(type, 'web')]), body: { stream } }, heard);
  await runTurn(kept.gate, turn);
  return { turn, text: heard.text(), remembered: kept.remembered };
}

function annotatedBy(host: string) {
  const url_citation = { url: `https://${host}/a`, title: 'A', start_index: 0, end_index: 2 };
  return { role: 'assistant', content: 'Hi', annotations: [{ type: 'url_citation', url_citation }] };
}

const grounded = {
  responseId: 'r',
  modelVersion: 'm',
  candidates: [
    {
      index: 0,
      content: { role: 'model', parts: [{ text: 'Hi' }] },
      finishReason: 'STOP',
      groundingMetadata: { groundingChunks: [{ web: { uri: 'https://g.example/a', title: 'A' } }] },
    },
  ],
};
const ofCohere = {
  start: 0,
  end: 2,
  text: 'Hi',
  sources: [{ type: 'document', id: 'doc:0', document: { url: 'https://c.example/a', title: 'A' } }],
  type: 'TEXT_CONTENT',
};

describe('the answer of a model that retrieves by itself', () => {
  it.each([
    ['whole', JSON.stringify(whole), false],
    ['streamed', streamed, true],
  ])('[providers:retrieves] is untrusted, %s, and its links are inert', async (_how, body, stream) => {
    const { turn, text, remembered } = await answered('perplexity', body, stream);
    expect(turn.label).toMatchObject({ integrity: 'untrusted', sources: ['model:web/web-model'] });
    expect(JSON.stringify(remembered)).toContain('model:web/web-model');
    expect(text).toContain('evil.example');
    expect(text).not.toContain('](https://evil.example');
  });

  it.each([
    ['whole', JSON.stringify(whole), false],
    ['streamed', streamed, true],
  ])(
    '[providers:retrieves] differs from that of another model, which goes through as it is, %s',
    async (_how, body, stream) => {
      const { citations: _none, ...plain } = whole;
      const { turn, text } = await answered('openai-compatible', stream ? body : JSON.stringify(plain), stream);
      expect(turn.label.integrity).toBe('trusted');
      expect(text).toContain('](https://evil.example');
    },
  );

  it('[providers:retrieves] is told by the sources that a provider names, where nobody knew that it searches', async () => {
    const { turn, remembered } = await answered('openai-compatible', JSON.stringify(whole), false);
    expect(turn.label).toMatchObject({ integrity: 'untrusted', sources: ['model:web/web-model'] });
    expect(JSON.stringify(remembered)).toContain('model:web/web-model');
    const cited = `data: ${JSON.stringify({ id: 'x', model: 's', citations: ['https://a.example'], choices: [{ index: 0, delta: { content: 'Hi' }, finish_reason: null }] })}\n\n`;
    const later = await answered('openai-compatible', cited + streamed, true);
    expect(later.turn.label.sources).toEqual(['model:web/web-model']);
    expect(JSON.stringify(later.remembered)).toContain('model:web/web-model');
    const annotated = {
      ...whole.choices[0]?.message,
      annotations: [{ type: 'url_citation', url_citation: { url: 'x' } }],
    };
    const marked = { ...whole, citations: [], choices: [{ ...whole.choices[0], message: annotated }] };
    expect((await answered('openai', JSON.stringify(marked), false)).turn.label.integrity).toBe('untrusted');
  });

  it('[providers:retrieves] keeps the list of its sources, and nothing else that stands beside the text', async () => {
    const { text } = await answered('perplexity', JSON.stringify({ ...whole, made_up: 'CANARY' }), false);
    expect(JSON.parse(text)).toMatchObject({ citations: ['`https://evil.example/x`'] });
    expect(text).not.toContain('CANARY');
  });

  const listed = [{ title: '![a](https://evil.example/a.png)', url: 'https://evil.example/x' }, { title: 'ok' }];
  const cited = `data: ${JSON.stringify({ id: 'x', model: 's', made_up: 'CANARY', citations: ['https://a.example'], search_results: listed, choices: [{ index: 0, delta: { content: 'Hi' }, finish_reason: null }] })}\n\n`;

  it('[providers:sources] tells a stream of its sources at the end, with links as inert as in the text', async () => {
    const { text } = await answered('perplexity', cited + streamed, true);
    expect(text).toContain('"citations":["`https://a.example`"]');
    expect(text).toContain('"url":"`https://evil.example/x`"');
    expect(text).not.toMatch(/[^`]https:\/\/evil|CANARY/);
  });

  it.each([
    ['openai-responses', false],
    ['openai-responses', true],
    ['gemini', false],
    ['gemini', true],
    ['anthropic-messages', false],
    ['anthropic-messages', true],
  ] as const)(
    '[providers:sources] names them to a client of %s where it has a place, streamed: %s',
    async (dialect, stream) => {
      const own = {
        'openai-responses': { input: 'hi', stream, store: false },
        gemini: { contents: [{ role: 'user', parts: [{ text: 'hi' }] }], model: 'm', stream },
        'anthropic-messages': { max_tokens: 5, stream },
      }[dialect];
      const body = stream ? cited + streamed : JSON.stringify({ ...whole, search_results: listed });
      const kept = gateOf({ upstream: { request: async () => answer(body) } });
      const heard = listener();
      const front = frontOf(dialect);
      const base = turnOf({ model: modelOf([providerOf('perplexity', 'web')]) }, heard);
      const said = {
        model: 'm',
        ...(dialect === 'anthropic-messages' ? { messages: [{ role: 'user', content: 'hi' }] } : {}),
        ...own,
      };
      const parsed = front.parseRequest(said);
      await runTurn(kept.gate, {
        ...base,
        ...parsed,
        dialect,
        bytes: Buffer.from(JSON.stringify(said)),
        spoken: createSpoken(dialect),
      });
      const text = heard.text();
      expect(text).not.toMatch(/[^`\w]https:\/\/evil/);
      expect(text).toContain('`https://evil.example/x`"');
    },
  );

  const named: Readonly<Record<string, readonly [string, string]>> = {
    openai: [
      JSON.stringify({
        ...whole,
        citations: [],
        choices: [{ ...whole.choices[0], message: annotatedBy('x.example') }],
      }),
      `${chunk({ content: 'Hi', annotations: annotatedBy('x.example').annotations }, null)}${chunk({}, 'stop')}data: [DONE]\n\n`,
    ],
    gemini: [JSON.stringify(grounded), `data: ${JSON.stringify(grounded)}\n\n`],
    cohere: [
      JSON.stringify({
        id: 'c',
        finish_reason: 'COMPLETE',
        message: { role: 'assistant', content: [{ type: 'text', text: 'Hi' }], citations: [ofCohere] },
      }),
      [
        { type: 'message-start', id: 'c' },
        { type: 'content-delta', index: 0, delta: { message: { content: { text: 'Hi' } } } },
        { type: 'citation-start', index: 0, delta: { message: { citations: ofCohere } } },
        { type: 'content-end', index: 0 },
        { type: 'message-end', delta: { finish_reason: 'COMPLETE' } },
      ]
        .map((event) => `data: ${JSON.stringify(event)}\n\n`)
        .join(''),
    ],
    perplexity: [JSON.stringify({ ...whole, search_results: listed }), cited + streamed],
  };

  it.each(Object.keys(named).flatMap((type) => [[type, false] as const, [type, true] as const]))(
    '[providers:sources] tells clients of messages what %s found, as citations with inert links, streamed: %s',
    async (type, stream) => {
      const body = named[type]?.[stream ? 1 : 0] ?? '';
      const kept = gateOf({ upstream: { request: async () => answer(body) } });
      const heard = listener();
      const said = { model: 'm', max_tokens: 5, stream, messages: [{ role: 'user', content: 'hi' }] };
      const dialect = 'anthropic-messages' as const;
      await runTurn(kept.gate, {
        ...turnOf({ model: modelOf([providerOf(type, 'web')]) }, heard),
        ...frontOf(dialect).parseRequest(said),
        dialect,
        bytes: Buffer.from(JSON.stringify(said)),
        spoken: createSpoken(dialect),
      });
      const text = heard.text();
      // Cohere cites what the client sent: documents and results, by which the turn is judged.
      const quote = type === 'cohere' ? '' : '`';
      expect(text).toMatch(/"citations?":\[?\{"type":"web_search_result_location"/);
      expect(text).toMatch(new RegExp(`"url":"${quote}https://[a-z]+\\.example`));
      if (type !== 'cohere') expect(text).not.toMatch(/[^`\w]https:\/\//);
    },
  );
});
