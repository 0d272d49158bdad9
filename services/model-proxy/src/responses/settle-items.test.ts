import { describe, expect, it } from '@jest/globals';
import type { GatewayError } from '@sallyport/chassis/errors';
import { settleItems } from './settle-items.ts';

const asked = { id: 'mcpr_1', type: 'mcp_approval_request', server_label: 'desk', name: 'send', arguments: '{"a":1}' };
const answer = (approve: boolean, id = 'mcpr_1') => ({
  type: 'mcp_approval_response',
  approval_request_id: id,
  approve,
});
const user = { role: 'user', content: 'hi' };
const said = { type: 'message', role: 'assistant', content: [] };

describe('items of the gateway in an input', () => {
  it('leave an input without any as it is', () => {
    const items = [user, said];
    expect(settleItems(items)).toMatchObject({ items, answered: [], changed: false });
  });

  it('[responses:mcp] become calls and outputs, which any model knows; lists of tools go', () => {
    const made = { id: 'mcp_1', type: 'mcp_call', server_label: 'desk', name: 'look', arguments: '{}', output: 'sun' };
    const failed = {
      ...made,
      id: 'mcp_2',
      output: null,
      error: { type: 'x', content: [{ type: 'text', text: 'no' }] },
    };
    const { items, listed } = settleItems([user, { type: 'mcp_list_tools', server_label: 'desk' }, made, failed]);
    expect([...listed]).toEqual(['desk']);
    expect(items).toEqual([
      user,
      { type: 'function_call', call_id: 'mcp_1', name: 'desk__look', arguments: '{}' },
      { type: 'function_call_output', call_id: 'mcp_1', output: 'sun' },
      { type: 'function_call', call_id: 'mcp_2', name: 'desk__look', arguments: '{}' },
      { type: 'function_call_output', call_id: 'mcp_2', output: 'no' },
    ]);
  });

  it('[responses:approval] are acted on where nothing followed the answer, once', () => {
    expect(settleItems([user, asked, answer(true)])).toMatchObject({
      items: [user],
      answered: [{ id: 'mcpr_1', name: 'desk__send', arguments: '{"a":1}', approve: true }],
    });
    const made = { id: 'mcp_1', type: 'mcp_call', server_label: 'desk', name: 'send', approval_request_id: 'mcpr_1' };
    expect(settleItems([user, asked, answer(true), made, user]).answered).toEqual([]);
    expect(settleItems([user, asked, answer(true), said, user]).answered).toEqual([]);
  });

  it('[responses:approval] that were refused stay as calls that were not made', () => {
    const { items, answered } = settleItems([user, asked, { ...answer(false), reason: 'Not now.' }, said, user]);
    expect(answered).toEqual([]);
    expect(items).toEqual([
      user,
      { type: 'function_call', call_id: 'mcpr_1', name: 'desk__send', arguments: '{"a":1}' },
      { type: 'function_call_output', call_id: 'mcpr_1', output: 'The user did not approve this call. Not now.' },
      said,
      user,
    ]);
    expect(settleItems([user, asked, answer(false)]).answered).toMatchObject([{ approve: false }]);
  });

  it.each([
    [[answer(true)], 'input[0].approval_request_id'],
    [[asked, { ...answer(true), approve: 'yes' }], 'input[1].approve'],
    [[{ type: 'mcp_call', id: 'mcp_1' }], 'input[0]'],
  ])('[responses:approval] that answer nothing, or nothing clear, are refused: %j', (items, param) => {
    let fault: GatewayError | undefined;
    try {
      settleItems(items);
    } catch (error) {
      fault = error as GatewayError;
    }
    expect([fault?.code, fault?.details?.param]).toEqual(['invalid_request', param]);
  });
});
