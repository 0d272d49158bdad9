import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

/** A tool as a client sees it. */
export interface SeenTool {
  readonly name: string;
  readonly inputSchema: { readonly properties?: Record<string, unknown>; readonly required?: readonly string[] };
}

/** What the scenarios for clients need of one. */
export interface Connected {
  tools(): Promise<SeenTool[]>;
  /** Calls a tool; the first text of its answer, or why there is none. */
  call(name: string, args: Record<string, unknown>): Promise<string>;
  close(): Promise<void>;
}

const INFO = { name: 'conformance', version: '1.0.0' };
const capabilities = { elicitation: { form: { applyDefaults: true } } };
const accepted = { action: 'accept' as const, content: {} };
const CALL_MS = 15_000;

/** Connects the official client of a revision's line, whose user accepts every form as it is. */
export async function connected(url: string, key: string, revision: string): Promise<Connected> {
  const requestInit = { headers: { authorization: `Bearer ${key}` } };
  const at = new URL(url);
  if (revision === '2026-07-28') {
    const client = new ModernClient(INFO, { capabilities, versionNegotiation: { mode: { pin: revision } } });
    client.setRequestHandler('elicitation/create', () => accepted);
    await client.connect(new ModernTransport(at, { requestInit }));
    return through(client, (params) => client.callTool(params, { timeout: CALL_MS }));
  }
  const client = new OlderClient(INFO, { capabilities });
  client.setRequestHandler(ElicitRequestSchema, () => accepted);
  await client.connect(new OlderTransport(at, { requestInit }) as Parameters<OlderClient['connect']>[0]);
  return through(client, (params) => client.callTool(params, undefined, { timeout: CALL_MS }));
}

function through(
  client: { listTools(): Promise<{ tools: unknown[] }>; close(): Promise<void> },
  callTool: (params: { name: string; arguments: Record<string, unknown> }) => Promise<object>,
): Connected {
  return {
    tools: async () => (await client.listTools()).tools as SeenTool[],
    async call(name, args) {
      const answer = await callTool({ name, arguments: args }).catch((error: unknown) => ({
        isError: true,
        content: [{ text: String(error) }],
      }));
      const { isError, content } = answer as { isError?: boolean; content?: readonly { readonly text?: string }[] };
      return `${isError === true ? 'error ' : ''}${content?.[0]?.text ?? ''}`;
    },
    close: () => client.close(),
  };
}
