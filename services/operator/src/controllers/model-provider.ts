import { furtherGrantUid, providerUrls, type SecretKeyRef } from '@sallyport/custom-resources';
import { readyBy } from '../checks/findings.ts';
import { observedFindings } from '../checks/observed.ts';
import type { Entry } from '../entry.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { type CredentialOutcome, lendingOf, reconcileCredential, revoke } from './grants.ts';

/** Grants a provider its credential, bound to the origins of its base URL and of where tokens are had. */
export const modelProviderController: Controller<'ModelProvider'> = {
  kind: 'ModelProvider',
  async reconcile(entry, spec, context) {
    const { credentials, allowPrivateNetwork } = spec;
    const identity = credentials?.workloadIdentity;
    const auth = identity === undefined ? undefined : { type: 'WorkloadIdentity', identity };
    const lending = lendingOf(credentials?.perPrincipal?.order, allowPrivateNetwork, auth);
    const wanted = { ref: credentials?.secretRef, url: providerUrls(spec).join(' '), lending };
    const first = await reconcileCredential(entry, wanted, context);
    const credential = await reconcileFurther(entry, first, credentials?.furtherSecretRefs ?? [], wanted.url, context);
    const observed = context.observations.get(entry.uid);
    const findings = observedFindings(entry, observed, [credential.finding], ['Reachable']);
    // Nobody has called it yet is no reason to say that it is not ready.
    const ready = readyBy(findings, [
      ['CredentialsValid', 'True'],
      ['Reachable', 'notFalse'],
    ]);
    return {
      findings: [...findings, ready],
      fields: { grantedOrigin: credential.grantedOrigin, ...observed?.fields },
      failure: credential.failure,
    };
  },
  async removed(departed, context) {
    await revoke(departed, context);
    await revokeOthers(departed, new Set(), context);
  },
};

/**
 * Grants the further keys of a provider. They are bound to where the first is: a URL to which that may not go voids them as
 * well. The condition is that of the first, else of the first of them that cannot be had.
 */
async function reconcileFurther(
  entry: Entry,
  first: CredentialOutcome,
  refs: readonly SecretKeyRef[],
  url: string,
  context: ControllerContext,
): Promise<CredentialOutcome> {
  const moved = first.finding.reason === 'OriginChanged' || first.finding.reason === 'InvalidURL';
  const wanted = new Map(moved ? [] : refs.map((ref) => [furtherGrantUid(entry.uid, ref), ref]));
  await revokeOthers(entry, new Set(wanted.keys()), context);
  // While the first may not go to this URL, or is not there, nothing new is granted; what was, stays bound to where it was.
  if (first.finding.status !== 'True') return first;
  let joined = first;
  for (const [grantUid, ref] of wanted) {
    const one = await reconcileCredential(entry, { ref, url, grantUid }, context);
    if (one.finding.status !== 'True' && joined === first) joined = { ...one, grantedOrigin: first.grantedOrigin };
  }
  return joined;
}

/** Takes the grants of further keys away that are not wanted any more. */
async function revokeOthers(
  { kind, tenant, uid }: Pick<Entry, 'kind' | 'tenant' | 'uid'>,
  wanted: ReadonlySet<string>,
  context: ControllerContext,
): Promise<void> {
  for (const granted of [...context.granted.keys()]) {
    if (!granted.startsWith(`${uid}/key/`) || wanted.has(granted)) continue;
    await revoke({ kind, tenant, uid: granted }, context);
  }
}
