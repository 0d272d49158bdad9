import { z } from 'zod';
import { listOf } from './fields.ts';

/** Most tools of one server; `status.tools` and `spec.pins` have room for as many: at 230 bytes each, a tenth of an object. */
export const MAX_TOOLS = 512;

/** Digest of a definition as resources write it. */
export const digest = z
  .string()
  .max(71)
  .regex(/^sha256:[0-9a-f]{64}$/);

// Not of a method such as resources/read: what that may do nobody reviews by a digest.
const pinnedName = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\s/]+$/);

/** The reviewed definitions of tools of which nothing else is to be said. */
export const toolPins = listOf(
  z.object({
    name: pinnedName.describe('Name of the tool as its server gives it.'),
    digest: digest.describe('The reviewed definition. A definition with another digest is held back.'),
  }),
  MAX_TOOLS,
  'name',
)
  .optional()
  .describe(
    'Reviewed definitions of tools that have no digest in tools. A tool that stands here alone has the defaultClass. "sallyport promote" writes them where tools has no room.',
  );

/** A spec, as far as it names definitions; `pins` is absent where nothing is pinned by it. */
export interface Pinning {
  readonly tools: readonly { readonly name: string; readonly digest?: string | undefined }[];
  readonly pins?: readonly { readonly name: string; readonly digest: string }[] | undefined;
}

/** The digest that a ToolServer names for each tool, as it is written: that of its entry, else that of its pin. */
export function reviewedDigests({ tools, pins = [] }: Pinning): Map<string, string> {
  const named = tools.flatMap(({ name, digest: one }) => (one === undefined ? [] : [[name, one] as const]));
  return new Map([...pins.map((pin) => [pin.name, pin.digest] as const), ...named]);
}
