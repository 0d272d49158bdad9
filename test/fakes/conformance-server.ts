import { createLists } from './conformance/lists.ts';
import { modernLine } from './conformance/modern-line.ts';
import { olderLine } from './conformance/older-line.ts';
import { type ListenOptions, listen, type RecordedRequest, recordRequest } from './listening.ts';

/** A server with everything that the conformance suite's scenarios for servers look for, on both lines of MCP. */
export interface ConformanceServer {
  /** The MCP endpoint. */
  readonly url: string;
  /** Every HTTP request, in order of arrival. */
  readonly requests: RecordedRequest[];
  close(): Promise<void>;
}

const LOCAL = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

/** Starts it at `/mcp`, for callers of this machine. */
export async function startConformanceServer(options: ListenOptions = {}): Promise<ConformanceServer> {
  const lists = createLists();
  const [modern, older] = [modernLine(lists), olderLine(lists)];
  const requests: RecordedRequest[] = [];
  const listening = await listen(async (req, res) => {
    const recorded = await recordRequest(req);
    requests.push(recorded);
    const { headers, json } = recorded;
    const origin = headers.origin?.replace(/^https?:\/\//, '');
    // A name of somebody else's that leads here (DNS rebinding).
    if (!LOCAL.test(headers.host ?? '') || (origin !== undefined && !LOCAL.test(origin)))
      return void res.writeHead(403).end();
    if (isOlder(recorded)) return void (await older.handle(req, res, json));
    await modern.handle(req as Parameters<typeof modern.handle>[0], res, json);
  }, options);
  return {
    url: `${listening.url}/mcp`,
    requests,
    async close() {
      await older.close();
      await modern.close();
      await listening.close();
    },
  };
}

function isOlder({ headers, json }: RecordedRequest): boolean {
  if (headers['mcp-session-id'] !== undefined) return true;
  const version = headers['mcp-protocol-version'];
  if (version !== undefined) return /^202[45]-/.test(version);
  return (json as { method?: string } | undefined)?.method === 'initialize';
}
