import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import type { JsonObject } from '../chat/message.ts';
import { somebody } from '../turn/testing.ts';
import type { KeptResponse, ResponseStore } from './kept.ts';
import { prepareResponse } from './prepare.ts';

const said = (text: string) => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  content: [{ type: 'output_text', text }],
});
const asked = (text: string) => ({ id: 'msg_0', type: 'message', role: 'user', status: 'completed', content: text });
const first: KeptResponse = {
  id: 'resp_1',
  trajectory: 'run-1',
  previousId: '',
  conversationId: '',
  response: { output: [said('42')] },
  input: [asked('What is it?')],
};

function prepare(body: JsonObject, store?: Partial<ResponseStore>) {
  const bytes = Buffer.from(JSON.stringify(body));
  const authenticate = async () => somebody();
  const warnings: unknown[] = [];
  const log = { warn: (...words: unknown[]) => void warnings.push(words) };
  const prepared = prepareResponse({ model: 'm', ...body }, bytes, {
    store: store as ResponseStore | undefined,
    authenticate,
    log,
    maxBytes: 1000,
  });
  return { prepared, bytes, warnings };
}
const faultOf = (body: JsonObject, store?: Partial<ResponseStore>) =>
  prepare(body, store).prepared.then(
    () => undefined,
    (error: GatewayError) => [error.code, error.details?.param],
  );
const chain = async (_owner: unknown, id: string) => (id === 'resp_1' ? [first] : undefined);

describe('a request of the Responses API before it is admitted', () => {
  it('keeps its bytes where it goes on from nothing', async () => {
    const { prepared, bytes } = prepare({ input: 'hi' });
    expect((await prepared).bytes).toBe(bytes);
  });

  it('[responses:state] is put together with what it goes on from, ids of what clients said left out', async () => {
    const { prepared } = prepare({ input: 'And?', previous_response_id: 'resp_1' }, { chain });
    const { body, goesOn, exchange } = await prepared;
    expect(goesOn).toBe('run-1');
    expect(exchange.fields).toMatchObject({ previous_response_id: 'resp_1', store: true, conversation: null });
    expect(body.input).toEqual([
      { type: 'message', role: 'user', content: 'What is it?' },
      said('42'),
      { role: 'user', content: 'And?' },
    ]);
  });

  it.each<[JsonObject, string, string]>([
    [{ input: 'hi', previous_response_id: 'resp_2' }, 'not_found', 'previous_response_id'],
    [{ input: 'hi', previous_response_id: 7 }, 'invalid_request', 'previous_response_id'],
    [{ input: 'hi', background: true, store: false }, 'unsupported', 'background'],
    [{ input: 'hi', store: 'yes' }, 'invalid_request', 'store'],
    [{ input: [{ type: 'item_reference', id: 'msg_9' }] }, 'not_found', 'input[0].id'],
    [{ input: 'hi', max_tool_calls: 1, tools: [{ type: 'mcp', server_label: 's' }] }, 'unsupported', 'max_tool_calls'],
    [
      { input: [{ type: 'code_interpreter_call', id: 'ci_1', container_id: 'cntr_1' }] },
      'not_found',
      'input[0].container_id',
    ],
    [
      { input: [{ type: 'computer_call_output', output: { file_id: 'file_1' } }] },
      'not_found',
      'input[0].output.file_id',
    ],
  ])('[responses:items] is refused where it names what it cannot: %j', async (body, code, param) => {
    expect(await faultOf(body, { chain, items: async () => new Map() })).toEqual([code, param]);
  });

  it('[responses:stateless] finds nothing where nothing is kept, and says that it keeps nothing', async () => {
    expect(await faultOf({ input: 'hi', previous_response_id: 'resp_1' })).toEqual([
      'not_found',
      'previous_response_id',
    ]);
    expect((await prepare({ input: 'hi' }).prepared).exchange.fields.store).toBe(false);
  });

  it('[responses:stateless] says at its end that it could not be kept, and does not ask again at once', async () => {
    let times = 0;
    const keep = async () => {
      times++;
      throw new GatewayError('unavailable', 'away');
    };
    const store = { keep };
    for (const _ of [1, 2]) {
      const { prepared } = prepare({ input: 'hi' }, store);
      const { exchange } = await prepared;
      exchange.tell({ output: [] });
      const end = await exchange.end('{"store":true}', { principal: somebody(), trajectory: 't' });
      expect(end).toBe('{"store":false}');
    }
    expect(times).toBe(1);
  });

  it.each(['a\u0000b', 'x'.repeat(3000), ''])(
    '[responses:items] keeps what has an id that no index holds: %j',
    async (id) => {
      const ids: unknown[] = [];
      let times = 0;
      const store: Partial<ResponseStore> = {
        conversation: async () => ({ id: 'conv_1', createdAtMs: 0, metadata: {}, trajectory: '' }),
        all: async () => [],
        keep: async (_owner, { input }) => {
          times++;
          ids.push(...input.map((item) => item.id));
          throw new Error('invalid byte sequence');
        },
        add: async () => true,
      };
      for (const _ of [1, 2]) {
        const input = [{ type: 'message', role: 'user', content: 'hi', id }];
        const { exchange } = await prepare({ input, conversation: 'conv_1' }, store).prepared;
        exchange.tell({ output: [] });
        await exchange.end('{}', { principal: somebody(), trajectory: 't' });
      }
      expect(ids).toEqual([expect.stringMatching(/^msg_[0-9a-f]{32}$/), expect.stringMatching(/^msg_[0-9a-f]{32}$/)]);
      // What one request brings is no reason to keep nothing of the next.
      expect(times).toBe(2);
    },
  );
});
