import { localhostOriginValidation, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, type McpServer } from '@modelcontextprotocol/server';
import { Router } from 'express';
import type { KeyCheck } from '../keys.ts';

/** What a tool server is mounted with. */
export interface McpMountOptions {
  readonly key: KeyCheck;
  readonly report: (error: Error) => void;
  /** Ends open streams when it fires. */
  readonly stopping?: AbortSignal | undefined;
}

/**
 * Serves an MCP server over Streamable HTTP, stateless, for revisions 2025-11-25 and 2026-07-28 (the SDK also answers older ones).
 * A missing or wrong key is 401 with a challenge; a browser page of another origin is 403 (DNS rebinding, MCP transports).
 */
export function mountMcp(build: () => McpServer, { key, report, stopping }: McpMountOptions): Router {
  const mcp = createMcpHandler(build, { onerror: report });
  stopping?.addEventListener('abort', () => void mcp.close().catch(report), { once: true });
  const handler = toNodeHandler(mcp, { onerror: report });
  const validateOrigin = localhostOriginValidation();
  const router = Router();
  router.all('/', async (req, res) => {
    if (!key(req)) {
      res.set('www-authenticate', 'Bearer realm="demo"');
      res
        .status(401)
        .json({ jsonrpc: '2.0', id: null, error: { code: -32001, message: 'A valid bearer key is required.' } });
      return;
    }
    if (!validateOrigin(req, res)) return;
    await handler(req, res);
  });
  return router;
}
