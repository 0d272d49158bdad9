import { type IdentityProviderSpec, inboundOrigin, scimGrantUid, signInGrantUid } from '@sallyport/custom-resources';
import { fails, readyBy } from '../checks/findings.ts';
import { observedFindings } from '../checks/observed.ts';
import type { Controller } from './controller.ts';
import { type Lending, reconcileCredential, revoke } from './grants.ts';

/**
 * Grants identity our secret at a provider, bound to the issuer's origin, and the token that its SCIM client presents.
 * Whether its keys can be had is what identity reports.
 */
export const identityProviderController: Controller<'IdentityProvider'> = {
  kind: 'IdentityProvider',
  async reconcile(entry, spec, context) {
    const finding = 'ResolvedRefs';
    const ref = spec.client?.secretRef ?? spec.client?.privateKeyJwt?.secretRef;
    const signIn = await reconcileCredential(entry, { ref, url: spec.issuer ?? inboundOrigin, finding }, context);
    const token = { ref: spec.scim?.secretRef, url: inboundOrigin, finding, grantUid: scimGrantUid(entry.uid) };
    const scim = await reconcileCredential(entry, token, context);
    const { status, reason } = signIn.finding;
    // Bound to where the secret itself is: while that goes to no other host, neither do sign-ins.
    const kept = keptSignIns(spec);
    const lending = status === 'True' ? kept : undefined;
    const keeping = {
      ...(lending === undefined ? { ref: undefined } : { ref, lending }),
      url: spec.issuer ?? inboundOrigin,
      finding,
      grantUid: signInGrantUid(entry.uid),
    };
    // What is taken away is forgotten: not so where a Secret is missing for a while, or vault is away.
    const decided = status === 'True' || reason === 'OriginChanged' || kept === undefined;
    const keeps = decided ? await reconcileCredential(entry, keeping, context) : undefined;
    const references = signIn.finding.status === 'True' ? scim.finding : signIn.finding;
    const observed = context.observations.get(entry.uid);
    const issuer = spec.issuer ?? context.source.cluster()?.issuer;
    const findings = observedFindings(entry, observed, [references], ['Reachable']);
    const ready =
      issuer === undefined
        ? fails('Ready', 'NoCluster', 'issuer is left out, and Sallyport does not run in a cluster')
        : readyBy(findings, [
            ['ResolvedRefs', 'True'],
            ['Reachable', 'notFalse'],
          ]);
    return {
      findings: [...findings, ready],
      fields: { grantedOrigin: signIn.grantedOrigin, issuer, ...observed?.fields },
      failure: signIn.failure ?? scim.failure ?? keeps?.failure,
    };
  },
  async removed(departed, context) {
    await revoke(departed, context);
    await revoke({ ...departed, uid: scimGrantUid(departed.uid) }, context);
    await revoke({ ...departed, uid: signInGrantUid(departed.uid) }, context);
  },
};

/** What vault is told where the sign-ins of people are kept. */
function keptSignIns({ client, issuer, allowPrivateNetwork }: IdentityProviderSpec): Lending | undefined {
  if (client?.keepGrant !== true || issuer === undefined) return undefined;
  const { clientId, privateKeyJwt } = client;
  const clientAuthentication = privateKeyJwt === undefined ? undefined : 'private_key_jwt';
  return { owners: [], auth: { type: 'SignIn', issuer, clientId, clientAuthentication }, allowPrivateNetwork };
}
