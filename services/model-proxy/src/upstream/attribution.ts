import type { Provider } from '../catalog.ts';
import { type Attributed, type AttributedFacts, attribute } from '../providers/attribution.ts';
import type { Turn } from '../turn/turn.ts';

/**
 * What a gateway at the provider is told of who asks: what its ModelProvider says, in that gateway's own fields. Undefined
 * where nothing is declared. The facts are those that the turn is recorded with, never a client's unchecked word.
 */
export function attributionOf(
  { principal, attribution }: Pick<Turn, 'principal' | 'attribution'>,
  { spec, declaration }: Pick<Provider, 'spec' | 'declaration'>,
): Attributed | undefined {
  if (spec.attribution === undefined || declaration.attribution === undefined) return undefined;
  const told = new Set(spec.attribution);
  const facts: AttributedFacts = {
    ...(told.has('User') ? { user: attribution.user } : {}),
    ...(told.has('Customer') ? { customer: attribution.customer } : {}),
    ...(told.has('Teams') ? { teams: principal.teams } : {}),
    ...(told.has('Key') ? { key: principal.keyId } : {}),
    ...(told.has('Tags') ? { tags: attribution.tags } : {}),
  };
  return attribute(declaration.attribution, facts);
}
