import type { CallToolResult } from '@modelcontextprotocol/server';
import type { FakeTool, FakeToolContext } from './tool-server.ts';

/** Returns `value` as structured content and as text. Give it what does not fit the schema to test that. */
export function returns(value: Record<string, unknown>): FakeTool['run'] {
  return () => ({ content: [{ type: 'text', text: JSON.stringify(value) }], structuredContent: value });
}

/** Returns text alone, as tools without an output schema do. */
export function says(text: string): FakeTool['run'] {
  return () => ({ content: [{ type: 'text', text }] });
}

/** Fails as a tool: `isError`, which a model is shown. */
export function fails(text: string): FakeTool['run'] {
  return () => ({ content: [{ type: 'text', text }], isError: true });
}

/** Returns about `bytes` of text. */
export function returnsHuge(bytes: number): FakeTool['run'] {
  return () => ({ content: [{ type: 'text', text: 'x'.repeat(bytes) }] });
}

/** Never answers; ends only when the caller cancels or leaves. */
export function hangs(): FakeTool['run'] {
  return (_args, { signal }: FakeToolContext) =>
    new Promise<CallToolResult>((_answer, cancelled) => {
      signal.addEventListener('abort', () => cancelled(new Error('cancelled by the caller')), { once: true });
    });
}
