import type { Client } from '@a2a-js/sdk/client';
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import { type FakeAgent, startFakeAgent } from '../../../../test/fakes/agent.ts';
import { agentClient } from '../../../../test/fakes/agent-client.ts';
import { KEYS, startBroker, type TestBroker } from '../testing/broker.ts';
import { resultsOf } from '../testing/peers.ts';

const tools = [
  { name: 'send_message', class: 'Egress', enabled: true },
  { name: 'get_task', class: 'Read', enabled: true },
  { name: 'cancel_task', class: 'Write', enabled: true },
];

/** What a request in JSON-RPC was answered. */
export interface RpcAnswer {
  readonly status: number;
  readonly body: {
    id: unknown;
    result?: never;
    error?: { code: number; message: string; data: never };
  };
}

/** A broker with two agents behind it, one of revision 1.0 and one of 0.3 alone. */
export interface ServedAgents {
  readonly newer: FakeAgent;
  readonly older: FakeAgent;
  readonly broker: TestBroker;
  /** The official client of `newer` or `older` at the broker. */
  clientOf(agent: string, key?: string, revision?: '1.0' | '0.3'): Promise<Client>;
  /** Sends a request without a client between, with the key of alice unless `over`, laid over the headers, says else. */
  rpc(agent: string, method: string, params: object, over?: Record<string, string>): Promise<RpcAnswer>;
  /** Has the played policy allow everything again. */
  allow(): void;
  close(): Promise<void>;
}

/** Starts two agents and the broker before them; policy allows everything. */
export async function serveTwoAgents(): Promise<ServedAgents> {
  const newer = await startFakeAgent({ name: 'Newer', key: 'upstream-secret-canary-0123456789' });
  const older = await startFakeAgent({ name: 'Older', revisions: ['0.3'] });
  const broker = await startBroker({ approvals: { wait: '100ms' } });
  const credentials = { secretRef: { name: 'agent', key: 'token' }, header: 'Authorization', scheme: 'Bearer' };
  await broker.servers({
    newer: { agent: { url: newer.url }, credentials, tools, timeoutSeconds: 5 },
    older: { agent: { url: older.url }, tools, timeoutSeconds: 5 },
  });
  broker.state.decideResult = () => resultsOf(Action.ALLOW, false);
  return {
    newer,
    older,
    broker,
    clientOf: (agent, key = KEYS.alice, revision = '1.0') => agentClient(broker.url, agent, key, revision),
    async rpc(agent, method, params, over = {}) {
      const response = await fetch(`${broker.url}/a2a/${agent}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEYS.alice}`, 'content-type': 'application/json', ...over },
        body: JSON.stringify({ jsonrpc: '2.0', id: 7, method, params }),
      });
      return { status: response.status, body: (await response.json()) as RpcAnswer['body'] };
    },
    allow() {
      broker.state.grants.splice(0, 9, '*/*');
      broker.state.decideCall = () => ({ verdict: Action.ALLOW });
      broker.state.decideResult = () => resultsOf(Action.ALLOW, false);
    },
    async close() {
      await broker.close();
      await Promise.all([newer.close(), older.close()]);
    },
  };
}

/** The same for the tests of a file: started before them, ended after, with a policy that allows everything after each. */
export function agentsForTests(): Pick<ServedAgents, 'newer' | 'broker' | 'clientOf' | 'rpc'> {
  let agents: ServedAgents;
  beforeAll(async () => {
    agents = await serveTwoAgents();
  });
  afterAll(() => agents.close());
  afterEach(() => agents.allow());
  return {
    get newer() {
      return agents.newer;
    },
    get broker() {
      return agents.broker;
    },
    clientOf: (...told) => agents.clientOf(...told),
    rpc: (...told) => agents.rpc(...told),
  };
}

/** A message of a user in the words of revision 0.3. */
export function older03(text: string) {
  return { kind: 'message', messageId: 'm', role: 'user', parts: [{ kind: 'text', text }] };
}

/** The first events of a stream. */
export async function events<T>(stream: AsyncIterable<T>, most: number): Promise<T[]> {
  const seen: T[] = [];
  for await (const one of stream) {
    seen.push(one);
    if (seen.length >= most) break;
  }
  return seen;
}
