import { type Kind, secretKinds, secretRefs } from '@sallyport/custom-resources';
import { type Entry, keyOf } from '../entry.ts';

/** A resource that refers to a Secret. */
export type SecretUser = { readonly kind: Kind; readonly tenant: string; readonly name: string };

/** Which resources refer to which Secrets, kept up as resources change: a thousand keys may change in one go. */
export interface SecretUsers {
  /** Takes in what a resource says now; `entry` undefined: it is gone. */
  changed(user: SecretUser, entry: Entry | undefined): void;
  /** Resources that refer to a Secret of their namespace. */
  of(tenant: string, name: string): Iterable<SecretUser>;
}

/** Makes an empty index. */
export function secretUsers(): SecretUsers {
  const bySecret = new Map<string, Map<string, SecretUser>>();
  const named = new Map<string, { readonly parsed: Entry['parsed']; readonly secrets: readonly string[] }>();
  return {
    changed(user, entry) {
      if (!secretKinds.some((kind) => kind === user.kind)) return;
      const key = `${user.kind}/${keyOf(user)}`;
      const before = named.get(key);
      if (entry !== undefined && before?.parsed === entry.parsed) return;
      for (const secret of before?.secrets ?? []) {
        const users = bySecret.get(secret);
        users?.delete(key);
        if (users?.size === 0) bySecret.delete(secret);
      }
      named.delete(key);
      if (entry === undefined) return;
      const secrets = secretNames(entry).map((name) => keyOf({ tenant: user.tenant, name }));
      named.set(key, { parsed: entry.parsed, secrets });
      for (const secret of secrets) {
        const users = bySecret.get(secret) ?? new Map<string, SecretUser>();
        bySecret.set(secret, users.set(key, user));
      }
    },
    of: (tenant, name) => bySecret.get(keyOf({ tenant, name }))?.values() ?? [],
  };
}

/** Names of the Secrets that an entry refers to. */
export function secretNames(entry: Entry): string[] {
  if (!entry.parsed.ok) return [];
  const resource = entry.parsed.value;
  const target = resource.kind === 'VirtualKey' ? resource.spec.targetSecret : undefined;
  return [...secretRefs(resource).map(([, ref]) => ref.name), ...(target === undefined ? [] : [target.name])];
}
