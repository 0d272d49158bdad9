import { GatewayError } from '@sallyport/chassis/errors';
import { type Soon, soon } from '@sallyport/chassis/soon';
import { furtherGrantUid } from '@sallyport/custom-resources/grant-uids';
import { orderedTargets } from '@sallyport/custom-resources/model';
import type { CredentialUse } from '@sallyport/peers/credentials';
import type { Model, Provider, Target } from '../catalog.ts';
import type { Gate } from '../turn/gate.ts';
import type { Turn } from '../turn/turn.ts';

/** Header in which a caller brings the provider's key, where the ModelProvider lets them. */
export const PROVIDER_KEY_HEADER = 'sallyport-provider-key';
const MAX_KEY = 4_096;

/** A provider's key for one call. */
export interface ProviderKey {
  readonly value: string;
  /** Names it in records; says nothing of the value. */
  readonly reference: string;
  /** Tells that the provider refused it. */
  refused(): void;
}

/** Vault may have to ask a cloud, twice. */
const CLOUD_MS = 10_000;

/** Providers are made anew with each change of theirs. */
const uses = new WeakMap<Provider, CredentialUse>();

/** What is asked of vault for a provider; undefined where it takes no credential that vault keeps. */
export function providerUse(provider: Provider): CredentialUse | undefined {
  const { credentials } = provider.spec;
  if (credentials === undefined) return undefined;
  const known = uses.get(provider);
  if (known !== undefined) return known;
  const { secretRef: ref, perPrincipal, workloadIdentity } = credentials;
  const isOwn = perPrincipal?.order.some((level) => level !== 'Request') ?? false;
  if (ref === undefined && !isOwn && workloadIdentity === undefined) return undefined;
  const { tenant, name, uid, origin } = provider;
  const own = perPrincipal !== undefined;
  const slow = workloadIdentity === undefined ? {} : { timeoutMs: CLOUD_MS };
  const use: CredentialUse = { tenant, ref, perPrincipal: own, kind: 'ModelProvider', name, uid, origin, ...slow };
  uses.set(provider, use);
  return use;
}

/** All keys of a provider that has several, the first first; undefined for the others. */
export function providerUses(provider: Provider): readonly CredentialUse[] | undefined {
  const further = provider.spec.credentials?.furtherSecretRefs;
  if (further === undefined || further.length === 0) return undefined;
  const known = severalUses.get(provider);
  if (known !== undefined) return known;
  const first = providerUse(provider);
  if (first === undefined) return undefined;
  const made = [first, ...further.map((ref) => ({ ...first, ref, uid: furtherGrantUid(provider.uid, ref) }))];
  severalUses.set(provider, made);
  return made;
}

const severalUses = new WeakMap<Provider, readonly CredentialUse[]>();

/**
 * The key for a call: the caller's own where the provider lets them bring one, else what vault gives. Undefined where the
 * provider takes none. What a caller brings is for the first target alone: it never goes to a provider that the call falls
 * back to, which is another company. Throws `permission_denied` for a key that the first target's provider takes not.
 */
export function providerKey(
  gate: Pick<Gate, 'credentials'>,
  turn: Pick<Turn, 'headers' | 'principal' | 'model'> & { readonly keyUse?: CredentialUse | undefined },
  { provider }: Target,
): Soon<ProviderKey | undefined> {
  const brought = turn.headers[PROVIDER_KEY_HEADER];
  if (brought !== undefined && isFirst(turn.model, provider)) return broughtKey(brought, provider);
  const use = turn.keyUse ?? providerUse(provider);
  if (use === undefined) return undefined;
  return soon(gate.credentials.lease(use, turn.principal), ({ value, reference }) => ({
    value,
    reference,
    refused: () => gate.credentials.drop(use, turn.principal),
  }));
}

/** Whether a Model names a provider first; those of its targets that cannot serve a request may be left out of `targets`. */
function isFirst({ spec, targets }: Model, { name, uid }: Provider): boolean {
  const [named] = orderedTargets(spec);
  return (named === undefined || named.provider === name) && uid === targets[0]?.provider.uid;
}

function broughtKey(brought: string | string[], { spec }: Provider): ProviderKey {
  if (!spec.credentials?.perPrincipal?.order.includes('Request')) {
    throw new GatewayError('permission_denied', `This model takes no key in ${PROVIDER_KEY_HEADER}.`);
  }
  // It becomes a header of ours: visible ASCII, and once.
  if (typeof brought !== 'string' || brought.length > MAX_KEY || !/^[\x21-\x7e]+$/.test(brought)) {
    throw new GatewayError('invalid_request', `${PROVIDER_KEY_HEADER} must hold one key.`);
  }
  return { value: brought, reference: 'request', refused: () => undefined };
}
