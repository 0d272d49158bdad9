import { z } from 'zod';

/** `status.inForce`: the last good spec, so that another replica and a later process know it too. */
export const inForceSchema = z
  .object({
    generation: z.int().min(0).describe('Generation of the resource that it stood in.'),
    spec: z.string().max(1_048_576).describe('The spec, as JSON.'),
  })
  .optional()
  .describe('The last good spec, while the resource as it is written is not accepted.');
