import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { JsonValue } from './canonical-json.ts';
import { type Digest, digestOf, digestsOf, fingerprintsOf } from './digest.ts';

const hmac: Digest = (key, text) => createHmac('sha256', `secret:${key}`).update(text).digest('base64url');
const scope = { tenant: 't', user: 'u', trajectory: 'r', callId: 'c' };
const digests = (content: JsonValue): string[] => digestsOf(hmac, scope, content);

describe('digests of blocks', () => {
  const rows = '[{"id": 1, "subject": "Hi"},\n {"id": 2, "subject": "Ho"}]';
  // What frameworks make of one MCP result with one text block.
  it.each<[string, JsonValue]>([
    ['the MCP block list', [{ type: 'text', text: rows }]],
    ['the text alone', rows],
    ['the parsed value', JSON.parse(rows) as JsonValue],
    ['other white space and order of keys (Python json.dumps)', '[{"subject":"Hi","id":1}, {"subject":"Ho","id":2}]'],
    [
      'OpenAI Agents: the JSON of one block',
      JSON.stringify({ type: 'text', text: rows, annotations: null, meta: null }),
    ],
    ['LangGraph: the JSON of a list of blocks', JSON.stringify([{ type: 'text', text: rows, id: 'lc_1' }])],
    [
      'Vercel AI SDK: the JSON of the whole MCP result',
      JSON.stringify({ content: [{ type: 'text', text: rows }], isError: false }),
    ],
    [
      'Claude Code: a tool_result with a block list',
      [{ type: 'tool_result', tool_use_id: 'c', content: [{ type: 'text', text: rows }] }],
    ],
    ['OpenAI Responses: an input_text', [{ type: 'input_text', text: rows }]],
    ['a text stringified once more', JSON.stringify(rows)],
  ])('[turn:digest-rewrap] are the same for %s', (_name, content) => {
    expect(digests(content)).toEqual(digests(rows));
  });

  it('see white space runs as one space and nothing else as equal', () => {
    expect(digests(' Hello\r\n  world ')).toEqual(digests('Hello world'));
    expect(digests('Hello world')).not.toEqual(digests('hello world'));
    expect(digests('{"a":"x  y"}')).not.toEqual(digests('{"a":"x y"}'));
  });

  it('take each block on its own, so that an added one changes no other', () => {
    const one = digests([{ type: 'text', text: 'a b' }]);
    const two = digests([
      { type: 'text', text: 'a b' },
      { type: 'text', text: '<system-reminder>' },
    ]);
    expect(two[0]).toBe(one[0]);
    expect(two).toHaveLength(2);
  });

  it('lose no member of an object that only looks like a block', () => {
    const a = digests('{"type":"text","text":"pay","to":"ann"}');
    expect(a).not.toEqual(digests('{"type":"text","text":"pay","to":"eve"}'));
    expect(a).not.toEqual(digests('pay'));
  });

  it('see an image by its data in any dialect', () => {
    const data = 'aGk=';
    const expected = digests([{ type: 'image', data, mimeType: 'image/png' }]);
    expect(digests([{ type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } }])).toEqual(expected);
    expect(digests([{ type: 'image', source: { type: 'base64', media_type: 'image/png', data } }])).toEqual(expected);
    expect(digests([{ type: 'input_image', image_url: `data:image/png;base64,${data}` }])).toEqual(expected);
  });

  it('are of nothing for empty content', () => {
    expect(digests('  ')).toEqual([]);
    expect(digests([{ type: 'text', text: '' }])).toEqual([]);
  });

  it.each([
    ['tenant', { ...scope, tenant: 'x' }],
    ['user', { ...scope, user: 'x' }],
    ['trajectory', { ...scope, trajectory: 'x' }],
    ['call', { ...scope, callId: 'x' }],
    ['absence of a call', { tenant: 't', user: 'u', trajectory: 'r' }],
  ])('[turn:digest-scope] differ by %s', (_name, other) => {
    expect(digestOf(hmac, other, 'x')).not.toBe(digestOf(hmac, scope, 'x'));
  });
});

describe('fingerprints', () => {
  it('are shared by spellings of one value, and by nothing else', () => {
    const of = (value: string): string[] => fingerprintsOf(hmac, { tenant: 't', user: 'u' }, value);
    const meets = (a: string, b: string): boolean => of(a).some((one) => of(b).includes(one));
    expect(meets('DE89370400440532013000', 'de89 3704 0044 0532 0130 00')).toBe(true);
    expect(meets('Bob@X.com', 'mailto:bob@x.com')).toBe(true);
    expect(meets('bob@x.com', 'bob@y.com')).toBe(false);
  });
});
