import { z } from 'zod';
import { entryName } from './fields.ts';

/** `suspicions` of what a server lists, in its status. */
export const suspicions = z
  .array(
    z.object({
      code: entryName.describe('What was found.'),
      at: z.string().max(256).describe('JSON pointer to where it stands in the definition.'),
    }),
  )
  .max(8)
  .optional()
  .meta({ 'x-kubernetes-list-type': 'atomic' })
  .describe('What in the definition could be there to lead a model astray.');
