import { request as httpRequest } from 'node:http';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { KEYS, type TestBroker } from './broker.ts';

/** The official MCP clients of both lines at `/mcp` of a broker, and one that is none. */
export interface McpClients {
  /** A client of revision 2026-07-28, which hands requests for input to the test. */
  modern(key?: string, capabilities?: object): Promise<ModernClient>;
  /** A client of the revisions before it, in a session. */
  older(key?: string, capabilities?: object): Promise<OlderClient>;
  /** Speaks to the broker without a client between, with the key of alice; headers may be given twice. */
  raw(method: string, headers: readonly string[], body?: object): Promise<{ status: number; json: unknown }>;
  /** Closes the clients that were made. */
  close(): Promise<void>;
}

/** Clients of the broker that `broker` gives, which may start later. */
export function mcpClients(broker: () => TestBroker): McpClients {
  const clients: { close(): Promise<void> }[] = [];
  const url = () => new URL(`${broker().url}/mcp`);
  return {
    async modern(key = KEYS.alice, capabilities = {}) {
      const client = new ModernClient(
        { name: 'test', version: '1' },
        { versionNegotiation: { mode: { pin: '2026-07-28' } }, capabilities, inputRequired: { autoFulfill: false } },
      );
      await client.connect(new ModernTransport(url(), withKey(key)));
      clients.push(client);
      return client;
    },
    async older(key = KEYS.alice, capabilities = {}) {
      const client = new OlderClient({ name: 'test', version: '1' }, { capabilities });
      await client.connect(new OlderTransport(url(), withKey(key)) as Parameters<OlderClient['connect']>[0]);
      clients.push(client);
      return client;
    },
    raw(method, headers, body) {
      const { hostname, port } = url();
      return new Promise((resolve, reject) => {
        const sent = [
          'host',
          `${hostname}:${port}`,
          ...headers,
          'authorization',
          `Bearer ${KEYS.alice}`,
          'content-type',
          'application/json',
        ];
        const req = httpRequest({ hostname, port, path: '/mcp', method, headers: sent }, (res) => {
          let text = '';
          res.on('data', (chunk: Buffer) => {
            text += chunk.toString();
          });
          res.on('end', () =>
            resolve({ status: res.statusCode ?? 0, json: text === '' ? undefined : JSON.parse(text) }),
          );
        });
        req.on('error', reject);
        req.end(body === undefined ? undefined : JSON.stringify(body));
      });
    },
    async close() {
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}

/** Options of a transport of either line that brings a key. */
export function withKey(key: string) {
  return { requestInit: { headers: { authorization: `Bearer ${key}` } } };
}

/** Calls a tool without arguments; the two lines take options in different places. */
export function callBy(client: ModernClient | OlderClient, name: string, options: object): Promise<unknown> {
  const params = { name, arguments: {} };
  return client instanceof OlderClient ? client.callTool(params, undefined, options) : client.callTool(params, options);
}

/** The id of a client's session; empty: it has none. */
export function sessionOf(client: OlderClient): string {
  return (client.transport as OlderTransport).sessionId ?? '';
}
