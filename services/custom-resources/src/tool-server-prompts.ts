import { z } from 'zod';
import { listOf } from './fields.ts';
import { digest } from './tool-server-pins.ts';
import { suspicions } from './tool-server-suspicions.ts';

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
      suspicions,
    }),
  )
  .max(256)
  .optional()
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] });
