import type { ClientSpec, Finding } from '@sallyport/custom-resources';
import { byAge, type Entry } from '../entry.ts';
import type { View } from '../source/source.ts';
import { fails, holds } from './findings.ts';

/** Id in force of a client that is valid in itself. */
export function clientIdOf(entry: Entry<'Client'>): string | undefined {
  return entry.parsed.ok ? (entry.parsed.value.spec.clientId ?? entry.name) : undefined;
}

/** `NameTaken`, where an older Client has the id at the same IdentityProvider: nobody takes an application over by declaring it. */
export function heldClientId(entry: Entry<'Client'>, view: View): Finding | undefined {
  const id = clientIdOf(entry);
  const at = (one: Entry<'Client'>) => (one.parsed.ok ? one.parsed.value.spec.identityProvider : undefined);
  const [holder] = view
    .list('Client', entry.tenant)
    .filter((other) => clientIdOf(other) === id && at(other) === at(entry))
    .sort(byAge);
  if (holder === undefined || holder.uid === entry.uid) return undefined;
  return fails('Accepted', 'NameTaken', `spec.clientId: "${id}" is held by the older Client ${holder.name}`);
}

/** `ResolvedRefs` of a client, but for its secret. */
export function clientReferences(spec: ClientSpec, tenant: string, view: View): Finding {
  const { identityProvider } = spec;
  if (identityProvider === undefined || view.get('IdentityProvider', tenant, identityProvider) !== undefined) {
    return holds('ResolvedRefs', 'Resolved');
  }
  return fails('ResolvedRefs', 'IdentityProviderNotFound', `no IdentityProvider ${identityProvider}`);
}
