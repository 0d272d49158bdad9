import type { OfferedTool } from '../catalog/toolset.ts';
import type { Revision } from '../protocol.ts';
import { clientInputSchema, clientOutputSchema } from './client-schema.ts';

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
