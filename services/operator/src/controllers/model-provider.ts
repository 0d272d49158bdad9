import { providerUrls } from '@sallyport/custom-resources';
import { readyBy } from '../checks/findings.ts';
import { observedFindings } from '../checks/observed.ts';
import type { Controller } from './controller.ts';
import { lendingOf, reconcileCredential, revoke } from './grants.ts';

/** Grants a provider its credential, bound to the origins of its base URL and of where tokens are had. */
export const modelProviderController: Controller<'ModelProvider'> = {
  kind: 'ModelProvider',
  async reconcile(entry, spec, context) {
    const { credentials, allowPrivateNetwork } = spec;
    const lending = lendingOf(credentials?.perPrincipal?.order, allowPrivateNetwork);
    const wanted = { ref: credentials?.secretRef, url: providerUrls(spec).join(' '), lending };
    const credential = await reconcileCredential(entry, wanted, context);
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
  removed: revoke,
};
