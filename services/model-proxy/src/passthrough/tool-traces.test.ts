import { describe, expect, it } from '@jest/globals';
import { lookThrough } from './tool-traces.ts';

const limits = { maxDepth: 32, allowedHosts: ['pictures.example'], withheld: ['api_base'] };
const look = (body: unknown, type = 'application/json') =>
  lookThrough(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), type, limits);

describe('bodies that are passed through', () => {
  it.each<[string, unknown]>([
    ['OpenAI chat', { messages: [], tools: [{ type: 'function' }] }],
    ['old functions', { functions: [] }],
    ['a result in a history', { messages: [{ role: 'tool', tool_call_id: 'c', content: 'x' }] }],
    ['calls in a history', { messages: [{ role: 'assistant', tool_calls: [{}] }] }],
    ['Anthropic blocks', { messages: [{ role: 'user', content: [{ type: 'tool_result', content: 'x' }] }] }],
    ['Anthropic servers', { mcp_servers: [{ type: 'url' }] }],
    ['Anthropic batches', { requests: [{ params: { tools: [{ name: 'x' }] } }] }],
    ['Gemini declarations', { contents: [], tools: [{ functionDeclarations: [] }] }],
    ['Gemini in another spelling', { Tool_Config: {} }],
    ['Gemini parts', { contents: [{ parts: [{ functionResponse: {} }] }] }],
    ['responses', { input: [{ type: 'function_call_output', output: 'x' }] }],
    ['responses of servers', { input: [{ type: 'mcp_approval_response', approve: true }] }],
    ['an earlier answer', { previous_response_id: 'resp_1' }],
    ['an assistant', { assistant_id: 'asst_1' }],
    ['Bedrock', { messages: [], toolConfig: { tools: [] } }],
    ['Cohere', { message: 'x', tool_results: [] }],
    ['searching', { web_search_options: {} }],
    ['a list', [{ a: { tools: [] } }]],
    ['a kept prompt', { input: 'x', prompt: { id: 'pmpt_1' } }],
    ['a kept context', { contents: [], cachedContent: 'cachedContents/1' }],
  ])(
    '[passthrough:no-tools] are refused with the tools of %s, as JSON, lines, a form or plain text',
    async (_what, body) => {
      const refused = { code: 'unsupported' };
      await expect(look(body)).rejects.toMatchObject(refused);
      await expect(look(`\uFEFF ${JSON.stringify(body)}`, 'text/plain')).rejects.toMatchObject(refused);
      // Some servers read JSON whatever its type and wherever it begins.
      await expect(look(`${' '.repeat(300)}${JSON.stringify(body)}`, 'text/plain')).rejects.toMatchObject(refused);
      await expect(look(body, 'application/x-www-form-urlencoded')).rejects.toMatchObject(refused);
      await expect(look(`{"a":1}\n${JSON.stringify(body)}\n`, 'application/jsonl')).rejects.toMatchObject(refused);
      const form = new Response(
        (() => {
          const made = new FormData();
          made.set('purpose', 'batch');
          made.set('file', new Blob([`{"custom_id":"1"}\n${JSON.stringify(body)}`]), 'a.jsonl');
          return made;
        })(),
      );
      const bytes = Buffer.from(await form.arrayBuffer());
      await expect(lookThrough(bytes, form.headers.get('content-type') ?? '', limits)).rejects.toMatchObject(refused);
    },
  );

  it.each<[unknown, ...string[]]>([
    [{ a: 1, a2: [1, 'x'], model: 'gpt-x' }, 'gpt-x'],
    [{ requests: [{ params: { model: 'b' } }], models: ['c', 'd'], model: 'a' }, 'a', 'c', 'd', 'b'],
    [{ messages: [{ role: 'user', content: 'what are tools?' }], tools: null }],
    [{ input: 'https://spoken.example', image_url: 'https://pictures.example/a.png' }],
  ])('pass without them: %j', async (body, ...models) => {
    expect(await look(body)).toEqual(models);
  });

  it.each<[string, string, string]>([
    ['{"a":1,"a":2}', 'application/json', 'duplicate_key'],
    ['{"a":', 'application/json', 'invalid_request'],
    ['{"a":', 'text/plain', 'invalid_request'],
    ['{\0"\0t\0o\0o\0l\0s\0"\0', 'text/plain', 'invalid_request'],
    ['tools=%5B%5D', 'application/x-www-form-urlencoded', 'unsupported'],
    ['tools%5B0%5D=x', 'application/x-www-form-urlencoded', 'unsupported'],
    [
      '{"tools":[]}\r\n--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nx\r\n--b--\r\n',
      'multipart/form-data; boundary=b',
      'invalid_request',
    ],
    ['{"webhook":"https://evil.example"}', 'application/json', 'policy_denied'],
    ['--b\r\n\r\n{}\r\n--b--', 'multipart/mixed; boundary=b', 'unsupported'],
    ['{"api_base":"evil.example"}', 'application/json', 'unsupported'],
    ['{"image_url":{"url":"https://evil.example/?q"}}', 'application/json', 'policy_denied'],
  ])(
    '[passthrough:no-tools] are refused where they could be read in another way: %s as %s',
    async (text, type, code) => {
      await expect(look(text, type)).rejects.toMatchObject({ code });
    },
  );

  it('may be anything that is no JSON', async () => {
    expect(await look('plain words about tools', 'text/plain')).toEqual([]);
    expect(await lookThrough(Buffer.alloc(0), undefined, limits)).toEqual([]);
  });
});
