import { asGatewayError } from '@sallyport/chassis/errors';
import type { Finding, VirtualKeySpec } from '@sallyport/custom-resources';
import { Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { fails, unknown } from '../checks/findings.ts';
import { internalTo } from '../checks/internal-secret.ts';
import { expiry, keyReady, shortestSecret } from '../checks/key.ts';
import type { Entry } from '../entry.ts';
import { type Controller, type ControllerContext, type Outcome, peerTimeoutMs } from './controller.ts';

/** Keeps identity's keys as the resources say; a generated value is written where the resource wants it. */
export const virtualKeyController: Controller<'VirtualKey'> = {
  kind: 'VirtualKey',
  async reconcile(entry, spec, context) {
    const { finding: expires, again } = expiry(spec.expiresAt, context.now());
    const outcome = await issue(entry, spec, context);
    return {
      ...outcome,
      findings: [expires, ...outcome.findings],
      ...(again === undefined ? {} : { againMs: again }),
    };
  },
  async removed({ tenant, uid }, { clients, signal }) {
    await clients.keys.removeByResource({ tenant, resourceUid: uid }, { timeoutMs: peerTimeoutMs, signal });
  },
};

async function issue(entry: Entry<'VirtualKey'>, spec: VirtualKeySpec, context: ControllerContext): Promise<Outcome> {
  const { source, now } = context;
  try {
    const secret = await secretOf(entry, spec, context);
    if ('finding' in secret) return await follow(entry, spec, secret.finding, context);
    const { key, generatedSecret } = await upsert(entry, spec, secret, context);
    if (generatedSecret !== '' && spec.targetSecret !== undefined) {
      await source.writeTarget(entry, spec.targetSecret, generatedSecret);
    }
    return { findings: [keyReady(spec, now())], fields: { keyId: key?.id, prefix: key?.prefix } };
  } catch (failure) {
    const { code, message, details } = asGatewayError(failure);
    // Whose it is is not said: it may be another tenant's.
    const taken = `the value in Secret ${spec.secretRef?.name} cannot be used for a key; choose another`;
    if (code === 'conflict' && details?.path === '/secretRef') {
      return { ...(await follow(entry, spec, fails('Ready', 'SecretRefused', taken), context)), againMs: 60_000 };
    }
    if (code === 'conflict') return { findings: [fails('Ready', 'Conflict', message)], againMs: 60_000 };
    if (code === 'invalid_request') return { findings: [fails('Ready', 'Refused', message)] };
    return away(failure);
  }
}

/** Lets a key that is there follow its spec although its secret cannot be told: it may have been disabled just now. */
async function follow(
  entry: Entry<'VirtualKey'>,
  spec: VirtualKeySpec,
  finding: Finding,
  context: ControllerContext,
): Promise<Outcome> {
  try {
    const { key } = await upsert(entry, spec, { secret: '', regenerate: false, keepSecret: true }, context);
    return { findings: [finding], fields: { keyId: key?.id, prefix: key?.prefix } };
  } catch (failure) {
    return asGatewayError(failure).code === 'not_found' ? { findings: [finding] } : away(failure);
  }
}

function upsert(
  entry: Entry<'VirtualKey'>,
  spec: VirtualKeySpec,
  secret: { readonly secret: string; readonly regenerate: boolean; readonly keepSecret?: boolean },
  { clients, signal }: ControllerContext,
) {
  const { tenant, uid: resourceUid, name } = entry;
  return clients.keys.upsert(
    { tenant, resourceUid, spec: keySpecOf(name, spec), ...secret },
    { timeoutMs: peerTimeoutMs, signal },
  );
}

function away(failure: unknown): Outcome {
  const message = 'the key could not be handed over; it is tried again';
  return { findings: [unknown('Ready', 'IdentityUnavailable', message)], failure };
}

type Value = { readonly secret: string; readonly regenerate: boolean } | { readonly finding: Finding };

async function secretOf(
  entry: Entry<'VirtualKey'>,
  spec: VirtualKeySpec,
  { source }: ControllerContext,
): Promise<Value> {
  if (spec.targetSecret !== undefined) {
    const state = await source.target(entry, spec.targetSecret);
    const { name, key } = spec.targetSecret;
    // Whoever may create keys must not be able to overwrite a Secret that they may not write.
    if (state === 'foreign') {
      const message = `Secret ${name} has a key ${key} that was not generated for this resource; choose another`;
      return { finding: fails('Ready', 'TargetOccupied', message) };
    }
    return { secret: '', regenerate: state === 'absent' };
  }
  const ref = spec.secretRef;
  const secret = ref === undefined ? undefined : await source.secret(entry.tenant, ref.name);
  const value = ref === undefined ? undefined : secret?.data.get(ref.key)?.trim();
  if (value === undefined) {
    const message = `no Secret ${ref?.name} with key ${ref?.key} in this namespace; a key that was there before stays`;
    return { finding: fails('Ready', secret === undefined ? 'SecretNotFound' : 'SecretKeyNotFound', message) };
  }
  const whose = secret && internalTo(secret);
  if (whose !== undefined) {
    return { finding: fails('Ready', 'SecretNotAllowed', `Secret ${ref?.name} may not be used: ${whose}`) };
  }
  if (value.length < shortestSecret) {
    const message = `the value in Secret ${ref?.name} has fewer than ${shortestSecret} characters`;
    return { finding: fails('Ready', 'SecretTooShort', message) };
  }
  return { secret: value, regenerate: false };
}

const roles = {
  Member: Principal_Role.MEMBER,
  Auditor: Principal_Role.AUDITOR,
  Admin: Principal_Role.ADMIN,
} as const;

function keySpecOf(name: string, spec: VirtualKeySpec) {
  const { owner, teams, customer, client, models, tools, endpoints, mayAssert, tags, disabled, networks } = spec;
  return {
    name,
    owner: owner ?? '',
    teams,
    customer: customer ?? '',
    client: client ?? '',
    models,
    tools,
    endpoints,
    role: roles[spec.role],
    mayAssert,
    origin: spec.origin ?? '',
    instructionAuthority: {
      systemAuthored: spec.instructionAuthority?.system === 'Authored',
      userTyped: spec.instructionAuthority?.user === 'Typed',
    },
    expiresAtMs: spec.expiresAt === undefined ? 0 : Date.parse(spec.expiresAt),
    tags,
    disabled,
    networks,
    metadata: spec.metadata ?? {},
  };
}
