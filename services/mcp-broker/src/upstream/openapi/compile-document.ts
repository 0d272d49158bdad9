import type { CompiledDocument, Picked } from './plan.ts';
import { DocumentFault } from './plan.ts';
import { readDocument } from './read-document.ts';
import { readOperations } from './read-operations.ts';
import { toolOfOperation } from './tool-of-operation.ts';

/** What a document is compiled with. */
export interface Compile {
  readonly text: string;
  readonly picked: Picked;
  /** Where the credential goes, as `header x-key` or `query key`: no argument of a tool sets it. */
  readonly reserved: readonly string[];
}

/** Most tools of one document; a server has no more. */
const MAX_TOOLS = 512;

/**
 * Makes tools of a document. An operation that cannot be a tool is left out by itself, with the reason. Throws DocumentFault
 * where the document as a whole is not used.
 */
export function compileDocument({ text, picked, reserved }: Compile): CompiledDocument {
  const document = readDocument(text);
  const taken = new Set(reserved);
  const tools: CompiledDocument['tools'][number][] = [];
  const unusable: { name: string; reason: string }[] = [];
  for (const operation of readOperations(document, picked)) {
    const { name } = operation;
    if (tools.length >= MAX_TOOLS) {
      unusable.push({ name, reason: `more than ${MAX_TOOLS} tools` });
      continue;
    }
    try {
      tools.push(toolOfOperation(document, operation, taken));
    } catch (error) {
      if (!(error instanceof DocumentFault)) throw error;
      // It may quote the document, and stands in a status.
      unusable.push({ name, reason: error.message.replace(/[^\x20-\x7e]/g, '?') });
    }
  }
  return { tools, unusable };
}
