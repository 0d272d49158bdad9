import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Key, KeySpec, KeySpecSchema } from '@sallyport/proto/identity/v1/identity_pb';
import { Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { z } from 'zod';
import { ROLES } from './caller.ts';
import { fields, timeOf, timeOrNull } from './fields.ts';

// The words of the VirtualKey resource, so that a key reads the same in both places.
const text = z.string().max(256);
const list = z.array(z.string().min(1).max(256)).max(256);
const shape = {
  name: z.string().min(1).max(253),
  owner: text.nullable().describe('User on whose behalf the key acts.'),
  teams: list,
  customer: text.nullable(),
  client: text.nullable(),
  models: list.describe('Globs that narrow what AccessPolicies allow. Empty: no narrowing.'),
  tools: list.describe('Globs that narrow what AccessPolicies allow. Empty: no narrowing.'),
  endpoints: list.describe('Globs that narrow what AccessPolicies allow. Empty: no narrowing.'),
  role: z.enum(ROLES),
  mayAssert: z.array(z.enum(['user', 'customer', 'feature', 'project', 'promptVersion', 'variant', 'tags'])),
  origin: z.enum(['human', 'webhook', 'form', 'email', 'schedule', 'agent']).nullable(),
  instructionAuthority: z.strictObject({
    system: z.enum(['Authored']).optional(),
    user: z.enum(['Typed']).optional(),
  }),
  expiresAt: z.iso.datetime({ offset: true }).nullable(),
  tags: list,
  networks: z.array(z.string().max(49)).max(64).describe('Networks from which it may be used, as CIDR. Empty: any.'),
  metadata: z.record(z.string().max(63), text).describe('Free text for people and exports. Nothing is decided by it.'),
  disabled: z.boolean(),
};

const wanted = z.strictObject({ ...shape, metadata: z.record(z.string().max(63), text.nullable()) }).partial();

/** What a new key says; what is left out is empty. */
export const newKeySchema = wanted.required({ name: true }).meta({ id: 'NewKey' });

/** A change by JSON merge patch (RFC 7396): null clears, what is left out stays. */
export const keyPatchSchema = wanted.meta({ id: 'KeyPatch', description: 'A JSON merge patch of a key.' });

/** A key as the API shows it; never its secret. */
export const keySchema = z
  .object({
    id: z.string(),
    ...shape,
    mayAssert: z.array(z.string()),
    origin: z.string().nullable(),
    expiresAt: fields.time.nullable(),
    instructionAuthority: z.object(shape.instructionAuthority.shape),
    prefix: z.string().describe('First characters of the secret, for recognition.'),
    state: z.string().describe('active, disabled, revoked or expired; only an active key works.'),
    managedBy: z
      .object({ kind: z.string(), name: z.string(), uid: z.string() })
      .nullable()
      .describe('Resource that owns the key: then this API refuses to change it.'),
    createdAt: fields.time,
    lastUsedAt: fields.time.nullable(),
  })
  .meta({ id: 'Key', description: 'A virtual key.' });

/** What a client asks for. */
export type KeyWanted = z.output<typeof wanted>;

/** Shows a key. */
export function keyView(key: Key): z.output<typeof keySchema> {
  const spec = key.spec as KeySpec;
  const authority = spec.instructionAuthority;
  return {
    id: key.id,
    name: spec.name,
    owner: spec.owner || null,
    teams: spec.teams,
    customer: spec.customer || null,
    client: spec.client || null,
    models: spec.models,
    tools: spec.tools,
    endpoints: spec.endpoints,
    role: ROLE_NAMES[spec.role] ?? 'Member',
    mayAssert: spec.mayAssert,
    origin: spec.origin || null,
    instructionAuthority: {
      ...(authority?.systemAuthored === true ? { system: 'Authored' as const } : {}),
      ...(authority?.userTyped === true ? { user: 'Typed' as const } : {}),
    },
    expiresAt: timeOrNull(spec.expiresAtMs),
    tags: spec.tags,
    networks: spec.networks,
    metadata: spec.metadata,
    disabled: spec.disabled,
    prefix: key.prefix,
    state: key.state,
    managedBy: key.resourceUid === '' ? null : { kind: 'VirtualKey', name: spec.name, uid: key.resourceUid },
    createdAt: timeOf(key.createdAtMs),
    lastUsedAt: timeOrNull(key.lastUsedAtMs),
  };
}

/** The spec that results from laying what a client asks for over an earlier one. */
export function specOf(wantedKey: KeyWanted, earlier?: KeySpec): MessageInitShape<typeof KeySpecSchema> {
  const pick = <T>(value: T | null | undefined, before: T | undefined, empty: T): T =>
    value === undefined ? (before ?? empty) : (value ?? empty);
  const { instructionAuthority: authority, expiresAt, role } = wantedKey;
  return {
    name: pick(wantedKey.name, earlier?.name, ''),
    owner: pick(wantedKey.owner, earlier?.owner, ''),
    teams: pick(wantedKey.teams, earlier?.teams, []),
    customer: pick(wantedKey.customer, earlier?.customer, ''),
    client: pick(wantedKey.client, earlier?.client, ''),
    models: pick(wantedKey.models, earlier?.models, []),
    tools: pick(wantedKey.tools, earlier?.tools, []),
    endpoints: pick(wantedKey.endpoints, earlier?.endpoints, []),
    role: role === undefined ? (earlier?.role ?? Principal_Role.MEMBER) : ROLE_NUMBERS[role],
    mayAssert: pick<string[]>(wantedKey.mayAssert, earlier?.mayAssert, []),
    origin: pick<string>(wantedKey.origin, earlier?.origin, ''),
    instructionAuthority: {
      systemAuthored:
        authority === undefined
          ? earlier?.instructionAuthority?.systemAuthored === true
          : authority.system === 'Authored',
      userTyped:
        authority === undefined ? earlier?.instructionAuthority?.userTyped === true : authority.user === 'Typed',
    },
    expiresAtMs: expiresAt === undefined ? (earlier?.expiresAtMs ?? 0) : expiresAt === null ? 0 : Date.parse(expiresAt),
    tags: pick(wantedKey.tags, earlier?.tags, []),
    networks: pick(wantedKey.networks, earlier?.networks, []),
    metadata: merged(earlier?.metadata ?? {}, wantedKey.metadata ?? {}),
    disabled: pick(wantedKey.disabled, earlier?.disabled, false),
  };
}

/** An object of texts patched as RFC 7396 has it: null takes a member away. */
function merged(
  earlier: Readonly<Record<string, string>>,
  patch: Readonly<Record<string, string | null>>,
): Record<string, string> {
  const entries = Object.entries({ ...earlier, ...patch });
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== null));
}

const ROLE_NUMBERS = {
  Member: Principal_Role.MEMBER,
  Auditor: Principal_Role.AUDITOR,
  Admin: Principal_Role.ADMIN,
} as const;
const ROLE_NAMES: Readonly<Record<number, (typeof ROLES)[number]>> = {
  [Principal_Role.MEMBER]: 'Member',
  [Principal_Role.AUDITOR]: 'Auditor',
  [Principal_Role.ADMIN]: 'Admin',
};
