import { TaskState } from '@a2a-js/sdk';
import { describe, expect, it } from '@jest/globals';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import { says, taskFor } from '../../../../test/fakes/agent-client.ts';
import { KEYS } from '../testing/broker.ts';
import { resultsOf } from '../testing/peers.ts';
import { agentsForTests, events, older03 } from './testing.ts';

const at = agentsForTests();
const { clientOf, rpc } = at;

describe('what policy says', () => {
  it('[a2a:decided] a message is a call of a tool of class egress, with its parts as arguments and their origins', async () => {
    const client = await clientOf('newer');
    const before = at.broker.state.decided.length;
    at.broker.records.length = 0;
    const reply = await client.sendMessage(says('echo decided'));
    const [asked] = at.broker.state.decided.slice(before);
    expect(asked?.call.tool).toMatchObject({ server: 'newer', name: 'send_message' });
    expect(JSON.parse(asked?.call.argumentsJson ?? '')).toEqual({ parts: [{ text: 'echo decided' }] });
    expect(asked?.call.origins.map(({ pointer, origin }) => [pointer, origin])).toEqual([['/parts/0/text', 'unknown']]);
    expect(at.broker.records.map(({ kind }) => kind)).toEqual([Record_Kind.TOOL_INTENT, Record_Kind.TOOL_OUTCOME]);
    expect(at.broker.records[0]).toMatchObject({
      endpoint: 'a2a',
      toolClass: 'egress',
      toolName: 'newer__send_message',
    });
    // What comes back is told to be nobody's word but the agent's.
    expect('parts' in reply && reply.parts[0]?.metadata).toEqual({ 'sallyport.dev/label': 'untrusted' });
    expect(at.broker.state.remembered.at(-1)?.fingerprints.length).toBeGreaterThan(0);
  });

  it('[a2a:denied] a message that is denied is not sent, and the client is told why', async () => {
    at.broker.state.decideCall = () => ({ verdict: Action.DENY, reason: 'nothing goes out' });
    const client = await clientOf('newer');
    const before = at.newer.heard.length;
    await expect(client.sendMessage(says('echo secret'))).rejects.toThrow('nothing goes out');
    await expect(events(client.sendMessageStream(says('stream secret')), 9)).rejects.toThrow('nothing goes out');
    expect(at.newer.heard.length).toBe(before);
  });

  it('[a2a:audit] without a durable intent nothing is sent', async () => {
    at.broker.state.auditAway = true;
    try {
      const before = at.newer.heard.length;
      await expect((await clientOf('newer')).sendMessage(says('echo x'))).rejects.toThrow();
      expect(at.newer.heard.length).toBe(before);
    } finally {
      at.broker.state.auditAway = false;
    }
  });

  it('[a2a:access] an agent that is not theirs is not there, and of one that is partly theirs only that part is', async () => {
    at.broker.state.grants.splice(0, 9, 'older/*', 'newer/get_task');
    const other = await rpc('nowhere', 'GetTask', { id: 'x' });
    expect(other.status).toBe(404);
    const { body } = await rpc('newer', 'message/send', { message: older03('echo x') });
    expect(body.error?.code).toBe(-32_004);
    at.broker.state.grants.splice(0, 9, 'older/*');
    const hidden = await rpc('newer', 'GetTask', { id: 'x' });
    expect([hidden.status, hidden.body]).toEqual([404, other.body]);
  });

  it('[a2a:quarantined] of a reply that is to be read apart only what quarantine shows is passed on, streamed or not', async () => {
    at.broker.state.decideResult = () => resultsOf(Action.QUARANTINE, false);
    const client = await clientOf('newer');
    const task = await taskFor(client, 'task inject');
    expect(task).toMatchObject({ artifacts: [], history: [], status: { state: TaskState.TASK_STATE_COMPLETED } });
    expect(JSON.stringify(task)).not.toContain('inject');
    expect(task.status?.message?.parts[0]?.content).toMatchObject({ $case: 'data', value: { urgent: true } });
    const streamed = await events(client.sendMessageStream(says('stream inject more')), 9);
    expect(streamed).toHaveLength(1);
    expect(JSON.stringify(streamed)).not.toContain('inject');
  });

  it('[a2a:blocked-midway] what could not be decided as it came is told at the end, once it is allowed', async () => {
    let asked = 0;
    at.broker.state.decideResult = () => resultsOf(++asked === 2 ? Action.DENY : Action.ALLOW, false);
    const client = await clientOf('newer');
    const seen: string[] = [];
    for await (const { payload } of client.sendMessageStream(says('stream a b c'))) seen.push(JSON.stringify(payload));
    expect(asked).toBeGreaterThan(1);
    expect(JSON.parse(seen.at(-1) ?? '{}').value.status.state).toBe(TaskState.TASK_STATE_COMPLETED);
  });

  it('[a2a:blocked-midway] events stop going out with the first that policy does not allow', async () => {
    at.broker.state.decideResult = ({ resultJson }) =>
      resultsOf(resultJson.includes('poison') ? Action.DENY : Action.ALLOW, false);
    const client = await clientOf('newer');
    const seen: string[] = [];
    const read = async () => {
      for await (const { payload } of client.sendMessageStream(says('leak'))) {
        seen.push(JSON.stringify(payload));
      }
    };
    await expect(read()).rejects.toThrow();
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.join()).not.toMatch(/poison|after/);
  });

  it('[a2a:revoked] a stream ends within a second of the revocation of its key, and the agent is left', async () => {
    const client = await clientOf('newer', KEYS.carol);
    let revokedAt = 0;
    const read = async () => {
      for await (const { payload } of client.sendMessageStream(says('hang'))) {
        if (payload?.$case === 'statusUpdate') {
          revokedAt = performance.now();
          at.broker.revoke('carol');
        }
      }
    };
    await expect(read()).rejects.toThrow();
    expect(performance.now() - revokedAt).toBeLessThan(1_000);
    const last = at.newer.requests.filter(({ method }) => method === 'POST').at(-1);
    for (let left = 50; left > 0 && last?.aborted !== true; left--)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(last?.aborted).toBe(true);
  });
});
