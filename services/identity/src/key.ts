import { hash } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { KeySchema, KeySpec } from '@sallyport/proto/identity/v1/identity_pb';
import { Principal_Kind, Principal_Role, type PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import type { Standing } from './directory/directory.ts';

/** A virtual key as kept; it says nothing of its secret but the shown prefix. */
export interface KeyRecord {
  readonly tenant: string;
  /** uuid v7. */
  readonly id: string;
  readonly spec: KeySpec;
  readonly prefix: string;
  /** UID of the VirtualKey resource that owns it; undefined when the admin API made it. */
  readonly resourceUid: string | undefined;
  /** Whether its secret was made here (else chosen by its author). */
  readonly generated: boolean;
  /** Rises with each change of the spec or the secret. */
  readonly revision: number;
  /** Epoch milliseconds, as all times here. */
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number | undefined;
  readonly revokedAtMs: number | undefined;
}

/** What a key can do now: only `active` authenticates. */
export type KeyState = 'active' | 'disabled' | 'revoked' | 'expired';

/** The state of a key at a time. Revocation is for good, so it is told first. */
export function stateOf(key: KeyRecord, nowMs: number): KeyState {
  if (key.revokedAtMs !== undefined) return 'revoked';
  if (key.spec.disabled) return 'disabled';
  if (key.spec.expiresAtMs > 0 && key.spec.expiresAtMs <= nowMs) return 'expired';
  return 'active';
}

/** The id of the principal that a key acts as. */
export function principalIdOf(keyId: string): string {
  return `key:${keyId}`;
}

/**
 * The principal of a key: its whole scope, its owner as they stand now, and a revision that changes with every edit and
 * every change of the owner's teams, so that nobody takes an answer about the one for the other.
 */
export function principalOf(key: KeyRecord, owner: Standing | undefined): MessageInitShape<typeof PrincipalSchema> {
  const { spec } = key;
  const present = owner === undefined ? spec.teams : spec.teams.filter((team) => owner.teams.includes(team));
  return {
    tenant: key.tenant,
    kind: Principal_Kind.KEY,
    id: principalIdOf(key.id),
    name: spec.name,
    user: owner?.name ?? '',
    teams: present,
    userTeams: owner === undefined ? [] : [...owner.teams],
    userSinceMs: owner?.heirSinceMs ?? 0,
    ownedTeams: owner === undefined ? [] : owner.ownedTeams.filter((team) => present.includes(team)),
    customer: spec.customer,
    keyId: key.id,
    client: spec.client,
    models: spec.models,
    tools: spec.tools,
    endpoints: spec.endpoints,
    role: spec.role === Principal_Role.UNSPECIFIED ? Principal_Role.MEMBER : spec.role,
    mayAssert: spec.mayAssert,
    origin: spec.origin,
    ...(spec.instructionAuthority === undefined ? {} : { instructionAuthority: spec.instructionAuthority }),
    expiresAtMs: spec.expiresAtMs,
    tags: spec.tags,
    revision: `${key.id}.${key.revision}${owner === undefined ? '' : `.${digestOf(owner.teams)}`}`,
  };
}

function digestOf(teams: readonly string[]): string {
  return hash('sha256', JSON.stringify([...teams].sort()), 'base64url').slice(0, 8);
}

/** A key as operator and admin API see it. */
export function keyMessageOf(key: KeyRecord, nowMs: number): MessageInitShape<typeof KeySchema> {
  return {
    id: key.id,
    tenant: key.tenant,
    spec: key.spec,
    prefix: key.prefix,
    resourceUid: key.resourceUid ?? '',
    state: stateOf(key, nowMs),
    createdAtMs: key.createdAtMs,
    lastUsedAtMs: key.lastUsedAtMs ?? 0,
    revision: key.revision,
  };
}
