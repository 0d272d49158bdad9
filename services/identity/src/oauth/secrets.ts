import { GatewayError } from '@sallyport/chassis/errors';
import type { Client } from '@sallyport/chassis/rpc/client';
import { type ClientSpec, inboundOrigin } from '@sallyport/custom-resources';
import type { CredentialService } from '@sallyport/proto/vault/v1/vault_pb';

/** A Secret that a resource of a tenant names. */
export interface NamedSecret {
  readonly tenant: string;
  readonly kind: 'Client' | 'IdentityProvider';
  readonly name: string;
  readonly uid: string;
  readonly ref: { readonly name: string; readonly key: string };
  /** Where it is sent to; `inboundOrigin` for what is only compared with. */
  readonly origin: string;
}

/** Gives values of Secrets, leased from vault for some seconds. Rejects with `unavailable`. */
export type SecretValue = (secret: NamedSecret) => Promise<string>;

const LEASE_MS = 5_000;
const MAX_LEASES = 1_000;

/** Leases secrets from vault; without vault there are none. */
export function createSecrets(
  credentials: Pick<Client<typeof CredentialService>, 'resolve'> | undefined,
  now: () => number = () => performance.now(),
): SecretValue {
  const leases = new Map<string, { value: string; until: number }>();
  return async (secret) => {
    const key = JSON.stringify([secret.tenant, secret.kind, secret.uid, secret.ref, secret.origin]);
    const held = leases.get(key);
    if (held !== undefined && held.until > now()) return held.value;
    if (credentials === undefined) throw new GatewayError('unavailable', 'This secret cannot be had now.');
    try {
      const { value, leaseTtlMs } = await credentials.resolve(secret, { timeoutMs: 2_000 });
      if (leases.size >= MAX_LEASES) leases.clear();
      leases.set(key, { value, until: now() + Math.min(LEASE_MS, leaseTtlMs) });
      return value;
    } catch (error) {
      throw new GatewayError('unavailable', 'This secret cannot be had now.', { cause: error, retryAfterMs: 1_000 });
    }
  };
}

/** The Secret that a declared client proves itself with. Throws `unavailable` where it names none. */
export function secretOfClient(
  tenant: string,
  { name, uid, spec }: { readonly name: string; readonly uid: string; readonly spec: ClientSpec },
): NamedSecret {
  if (spec.secretRef === undefined) throw new GatewayError('unavailable', 'The client has no secret.');
  return { tenant, kind: 'Client', name, uid, ref: spec.secretRef, origin: inboundOrigin };
}
