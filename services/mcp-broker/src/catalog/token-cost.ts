import { estimatedTokens } from '@sallyport/turn';
import type { Definition } from './definition.ts';

/** Tokens that the frame of a tool's definition takes. */
const FRAME = 12;
const costs = new WeakMap<object, number>();

/**
 * What a definition takes in the context of a model: name, description and input schema as JSON, at a token for 3.6
 * characters (as the model plane estimates, within some 20 %), and its frame. Output schemas are not counted: few clients
 * hand them on.
 */
export function definitionTokens(definition: Pick<Definition, 'name' | 'description' | 'inputSchema'>): number {
  const known = costs.get(definition);
  if (known !== undefined) return known;
  const { name, description, inputSchema } = definition;
  const cost = Math.ceil(FRAME + estimatedTokens(JSON.stringify([name, description ?? '', inputSchema])));
  costs.set(definition, cost);
  return cost;
}
