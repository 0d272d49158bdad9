import type { OfferedTool } from '../catalog/toolset.ts';
import type { Revision } from '../protocol.ts';
import { CODES } from '../protocol.ts';
import { clientInputSchema, clientOutputSchema } from './client-schema.ts';
import { RpcFault } from './message.ts';

/** One page of a principal's tools. A cursor names the last tool of the page before, so that a changed list is no fault. */
export function pageOf(tools: readonly OfferedTool[], cursor: unknown, size: number, revision: Revision) {
  const after = cursor === undefined ? undefined : readCursor(cursor);
  const start = after === undefined ? 0 : tools.findIndex((tool) => tool.name > after);
  const from = start < 0 ? tools.length : start;
  const page = tools.slice(from, from + size);
  const last = page.at(-1);
  const more = last !== undefined && from + size < tools.length;
  return {
    tools: page.map((tool) => clientTool(tool, revision)),
    ...(more ? { nextCursor: Buffer.from(`t:${last.name}`).toString('base64url') } : {}),
  };
}

function readCursor(cursor: unknown): string {
  const text = typeof cursor === 'string' ? Buffer.from(cursor, 'base64url').toString() : '';
  if (!text.startsWith('t:')) throw new RpcFault(CODES.invalidParams, 'This cursor was not issued here.');
  return text.slice(2);
}

/** A tool as clients see it. Icons and `_meta` of the server stay behind: nobody reviewed them. */
export function clientTool({ name, shown }: OfferedTool, revision: Revision) {
  const { title, description, annotations } = shown;
  const outputSchema = revision.structured ? clientOutputSchema(shown) : undefined;
  return {
    name,
    ...(title !== undefined && revision.structured ? { title } : {}),
    ...(description === undefined ? {} : { description }),
    inputSchema: clientInputSchema(shown),
    ...(outputSchema === undefined ? {} : { outputSchema }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}
