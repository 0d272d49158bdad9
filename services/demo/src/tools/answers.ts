import type { CallToolResult } from '@modelcontextprotocol/server';

/** Returns a tool result with structured content and the same JSON as text, for clients that read only text (MCP 2025-11-25, tools). */
export function structured(value: Record<string, unknown>): CallToolResult {
  return { content: [{ type: 'text', text: JSON.stringify(value) }], structuredContent: value };
}

/** Returns a tool's own failure: the model sees it, the protocol does not fail. */
export function failed(reason: string): CallToolResult {
  return { content: [{ type: 'text', text: reason }], isError: true };
}
