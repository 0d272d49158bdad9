import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import type { Client as ModernClient } from '@modelcontextprotocol/client';
import type { FakeToolServer } from '../../../../test/fakes/tool-server.ts';
import { startBroker, type TestBroker } from './broker.ts';
import { allowAll } from './peers.ts';
import { type McpClients, mcpClients } from './testing-clients.ts';

/** A broker before one tool server, and clients of it, for the tests of a file. */
export interface BrokerBefore extends McpClients {
  readonly server: FakeToolServer;
  readonly broker: TestBroker;
}

/** Starts both before the tests, with the ToolServers that `specs` says, and ends them after; before each policy allows everything. */
export function brokerBefore(
  start: () => Promise<FakeToolServer>,
  specs: (url: string) => Record<string, object>,
  over: Parameters<typeof startBroker>[0] = {},
): BrokerBefore {
  let server: FakeToolServer;
  let broker: TestBroker;
  const clients = mcpClients(() => broker);
  beforeAll(async () => {
    server = await start();
    broker = await startBroker(over);
    await broker.servers(specs(server.url));
  }, 30_000);
  afterAll(async () => {
    await clients.close();
    await broker?.close();
    await server?.close();
  });
  beforeEach(() => allowAll(broker.state));
  return {
    ...clients,
    get server() {
      return server;
    },
    get broker() {
      return broker;
    },
  };
}

/** What a call on 2026-07-28 was answered, be it a result or a request for input. */
export interface Answered {
  readonly isError?: boolean;
  readonly resultType?: string;
  readonly requestState?: string;
  readonly inputRequests?: Record<string, { readonly method: string }>;
  readonly content?: readonly { readonly text: string }[];
  readonly _meta?: Record<string, unknown>;
}

/** Calls a tool without arguments, and takes what is asked in place of a result. */
export function callAsked(client: ModernClient, name: string, more: object = {}): Promise<Answered> {
  return client.request(
    { method: 'tools/call', params: { name, arguments: {}, ...more } } as never,
    { allowInputRequired: true } as never,
  ) as Promise<Answered>;
}
