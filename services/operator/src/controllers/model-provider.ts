import { providerBaseUrl } from '@sallyport/custom-resources';
import { readyBy } from '../checks/findings.ts';
import { observedFindings } from '../checks/observed.ts';
import type { Controller } from './controller.ts';
import { lendingOf, reconcileCredential, revoke } from './grants.ts';

/** Grants a provider its credential, bound to the origin of its base URL. */
export const modelProviderController: Controller<'ModelProvider'> = {
  kind: 'ModelProvider',
  async reconcile(entry, spec, context) {
    const { credentials, allowPrivateNetwork } = spec;
    const lending = lendingOf(credentials?.perPrincipal?.order, allowPrivateNetwork);
    const wanted = { ref: credentials?.secretRef, url: providerBaseUrl(spec), lending };
    const credential = await reconcileCredential(entry, wanted, context);
    const findings = observedFindings(entry, context.observations.get(entry.uid), [credential.finding], ['Reachable']);
    // Nobody has called it yet is no reason to say that it is not ready.
    const ready = readyBy(findings, [
      ['CredentialsValid', 'True'],
      ['Reachable', 'notFalse'],
    ]);
    return {
      findings: [...findings, ready],
      fields: { grantedOrigin: credential.grantedOrigin },
      failure: credential.failure,
    };
  },
  removed: revoke,
};
