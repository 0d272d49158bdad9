import { z } from 'zod';
import { entryName, listOf } from './fields.ts';

const digest = z
  .string()
  .max(71)
  .regex(/^sha256:[0-9a-f]{64}$/);
const promptName = z.string().min(1).max(128);

/** Which definitions of prompts were reviewed. */
export const serverPrompts = listOf(
  z.object({
    name: promptName.describe('Name of the prompt as its server gives it.'),
    digest: digest.describe('The reviewed definition. A definition with another digest is held back.'),
  }),
  256,
  'name',
);

/** What is known of the prompts that a server offers. */
export const promptsStatus = z
  .array(
    z.object({
      name: promptName.describe('Name of the prompt as its server gives it.'),
      digest: digest.optional().describe('Digest of the definition in force.'),
      heldDigest: digest
        .optional()
        .describe('Digest of a definition that is held back until prompts[].digest of the spec names it.'),
      suspicions: z
        .array(
          z.object({
            code: entryName.describe('What was found.'),
            at: z.string().max(256).describe('JSON pointer to where it stands in the definition.'),
          }),
        )
        .max(8)
        .optional()
        .meta({ 'x-kubernetes-list-type': 'atomic' })
        .describe('What in the definition could be there to lead a model astray.'),
    }),
  )
  .max(256)
  .optional()
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] });
