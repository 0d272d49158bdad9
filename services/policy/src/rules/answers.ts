import { ANSWERS } from '@sallyport/turn/answers';
import type { JsonValue } from '@sallyport/turn/canonical-json';
import type { ToolClass } from '@sallyport/turn/decision';
import { type Label, TRUSTED } from '@sallyport/turn/label';
import { isDerived, type OriginFields, provenanceOf, type Vouching } from './provenance.ts';

/** What answering a tool server is, whatever its tool does: something goes out to it. */
export const ANSWER_CLASS: ToolClass = 'egress';

/**
 * The context of answers to a tool server. What the server itself said, its question above all, does not speak against
 * telling it something: it knew that.
 */
export function contextOfAnswers(context: Label, server: string): Label {
  return isOwn(context, server) ? { ...context, integrity: 'trusted' } : context;
}

/**
 * Tells whether an answer holds a value that other untrusted content brought, or of which nobody told where it came from.
 * What the server said itself may go back to it. The context is checked by itself.
 */
export function answersCarry(
  args: JsonValue,
  origins: readonly OriginFields[],
  vouching: Vouching,
  server: string,
): boolean {
  const leaves = provenanceOf(args, origins, TRUSTED, vouching).leaves([ANSWERS]);
  return leaves.some((leaf) => isDerived(leaf) && !isOwn(leaf.label, server));
}

function isOwn({ integrity, sources }: Label, server: string): boolean {
  const from = `tool:${server}/`;
  return integrity === 'untrusted' && sources.length > 0 && sources.every((source) => source.startsWith(from));
}
