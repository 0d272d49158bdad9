import { asGatewayError } from '@sallyport/chassis/errors';
import type { Finding, VirtualKeySpec } from '@sallyport/custom-resources';
import { Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { fails, unknown } from '../checks/findings.ts';
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
  const { source, clients, signal, now } = context;
  try {
    const secret = await secretOf(entry, spec, context);
    if ('finding' in secret) return { findings: [secret.finding] };
    const { key, generatedSecret } = await clients.keys.upsert(
      { tenant: entry.tenant, resourceUid: entry.uid, spec: keySpecOf(entry.name, spec), ...secret },
      { timeoutMs: peerTimeoutMs, signal },
    );
    if (generatedSecret !== '' && spec.targetSecret !== undefined) {
      await source.writeTarget(entry, spec.targetSecret, generatedSecret);
    }
    return { findings: [keyReady(spec, now())], fields: { keyId: key?.id, prefix: key?.prefix } };
  } catch (failure) {
    const { code, message } = asGatewayError(failure);
    if (code === 'conflict') return { findings: [fails('Ready', 'Conflict', message)], againMs: 60_000 };
    if (code === 'invalid_request') return { findings: [fails('Ready', 'Refused', message)] };
    return {
      findings: [unknown('Ready', 'IdentityUnavailable', 'the key could not be handed over; it is tried again')],
      failure,
    };
  }
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
  const { owner, teams, customer, client, models, tools, endpoints, mayAssert, tags, disabled } = spec;
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
  };
}
