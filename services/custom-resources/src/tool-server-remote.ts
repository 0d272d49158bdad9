import { z } from 'zod';
import { withRules } from './define-resource.ts';
import { httpUrl } from './fields.ts';
import { fixedHeaders, fixedHeadersRule } from './fixed-headers.ts';

/** `remote` of a ToolServer: an MCP server over Streamable HTTP. */
export const remoteServer = withRules(
  z.object({
    url: httpUrl.describe('URL of the MCP endpoint (Streamable HTTP). The credential is bound to its origin.'),
    headers: fixedHeaders,
  }),
  [fixedHeadersRule('mcp-')],
);
