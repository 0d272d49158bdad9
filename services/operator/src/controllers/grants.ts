import { type Finding, inboundOrigin, type SecretKeyRef } from '@sallyport/custom-resources';
import { decideCredential, decideValueless, originsOf } from '../checks/credential.ts';
import { holds, unknown } from '../checks/findings.ts';
import type { Entry } from '../entry.ts';
import type { Departed } from '../source/source.ts';
import { type ControllerContext, peerTimeoutMs } from './controller.ts';

// Vault may have been emptied behind our back: what it was told is told again after this time.
const tellAgainMs = 300_000;

/** The condition, and the origin that the credential is bound to from now on. */
export type CredentialOutcome = {
  readonly finding: Finding;
  readonly grantedOrigin: string | undefined;
  readonly failure?: unknown;
};

/** How a resource has credentials beside, or without, a Secret of its own. */
export type Lending = {
  /** Whose may be used, in this order; those that vault keeps. */
  readonly owners: readonly string[];
  /** ToolServer `spec.auth`, where tokens are had by OAuth, or the identity at a cloud that a ModelProvider names. */
  readonly auth?: object | undefined;
  readonly allowPrivateNetwork: boolean;
};

/** Whose credentials vault is to look for, from `credentials.perPrincipal`. */
export function lendingOf(
  order: readonly string[] | undefined,
  allowPrivateNetwork: boolean,
  auth?: object,
): Lending | undefined {
  if (order === undefined && auth === undefined) return undefined;
  // What the caller brings never comes to vault.
  return { owners: (order ?? []).filter((level) => level !== 'Request'), auth, allowPrivateNetwork };
}

/** Hands a credential to vault and grants it to a resource, or takes the grant away when it may not be granted. */
export async function reconcileCredential(
  entry: Entry,
  wanted: {
    readonly ref: SecretKeyRef | undefined;
    /** Where it goes: URLs separated by a blank. */
    readonly url: string;
    /** Where the Secret is sent instead, and what it is bound to; what people bring is sent to `url`. */
    readonly secretTo?: string | undefined;
    /** Type of the condition that says how it went; default `CredentialsValid`. */
    readonly finding?: string;
    /** What else vault is told of the resource; without it there is no grant without a Secret. */
    readonly lending?: Lending | undefined;
    /** UID of the grant where a resource has a second one, which the status does not remember the origin of. */
    readonly grantUid?: string;
  },
  context: ControllerContext,
): Promise<CredentialOutcome> {
  const { ref, url, secretTo = url, lending, finding: type = 'CredentialsValid', grantUid: uid = entry.uid } = wanted;
  const held = uid === entry.uid ? entry.status.grantedOrigin : undefined;
  const before = typeof held === 'string' ? held : undefined;
  try {
    const lends = lending !== undefined && (lending.owners.length > 0 || lending.auth !== undefined);
    if (ref === undefined && !lends) {
      if (before !== undefined || context.granted.has(uid)) await revoke({ ...entry, uid }, context);
      return { finding: holds(type, 'NotRequired'), grantedOrigin: undefined };
    }
    const secret = ref === undefined ? undefined : await context.source.secret(entry.tenant, ref.name);
    const { annotations } = entry;
    // What people bring is bound to its origin one by one, so there is nothing here that another URL could draw out.
    const decision =
      ref === undefined || originsOf(url) === undefined
        ? decideValueless(url)
        : decideCredential({ ref, url: secretTo, secret, grantedOrigin: before, annotations });
    if (!decision.grant) {
      if (decision.gone && ref !== undefined) await call(context, 'remove', { tenant: entry.tenant, ref });
      if (before !== undefined || context.granted.has(uid)) await revoke({ ...entry, uid }, context);
      return { finding: { ...decision.finding, type }, grantedOrigin: before };
    }
    const { value, origin: bound } = decision;
    const origin = originsOf(url) ?? bound;
    const version = secret?.version ?? '';
    const what = JSON.stringify([ref, version, bound, lending, url]);
    const told = context.granted.get(uid);
    if (told?.what !== what || context.now() - told.atMs > tellAgainMs) {
      const { tenant, kind, name } = entry;
      if (ref !== undefined) await call(context, 'put', { tenant, ref, value, version });
      const more = lending === undefined ? {} : lendingFields(lending, url);
      await call(context, 'grant', { tenant, kind, name, uid, origin, ...(ref === undefined ? {} : { ref }), ...more });
      context.granted.set(uid, { what, atMs: context.now() });
    }
    return {
      finding: holds(type, 'Granted', bound === inboundOrigin ? '' : `granted to ${bound}`),
      grantedOrigin: bound,
    };
  } catch (failure) {
    const message = 'the credential could not be handed over; it is tried again';
    return { finding: unknown(type, 'VaultUnavailable', message), grantedOrigin: before, failure };
  }
}

function lendingFields({ owners, auth, allowPrivateNetwork }: Lending, url: string) {
  const authJson = auth === undefined ? '' : JSON.stringify(auth);
  return { owners: [...owners], authJson, url, allowPrivateNetwork };
}

/** Takes the grant of a resource away. */
export async function revoke(of: Pick<Departed, 'kind' | 'tenant' | 'uid'>, context: ControllerContext): Promise<void> {
  await call(context, 'revokeGrant', { tenant: of.tenant, kind: of.kind, uid: of.uid });
  context.granted.delete(of.uid);
}

type Secrets = ControllerContext['clients']['secrets'];

function call<M extends keyof Secrets>(context: ControllerContext, method: M, request: Parameters<Secrets[M]>[0]) {
  const send = context.clients.secrets[method] as (request: unknown, options: object) => Promise<unknown>;
  return send(request, { timeoutMs: peerTimeoutMs, signal: context.signal });
}
