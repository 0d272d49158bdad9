import { readyBy } from '../checks/findings.ts';
import { observedFindings } from '../checks/observed.ts';
import type { Controller } from './controller.ts';
import { lendingOf, reconcileCredential, revoke } from './grants.ts';

/** Grants a tool server its credential, bound to the origin of its URL; its tools are what the broker reports. */
export const toolServerController: Controller<'ToolServer'> = {
  kind: 'ToolServer',
  async reconcile(entry, spec, context) {
    const { credentials, allowPrivateNetwork } = spec;
    const lending = lendingOf(credentials?.perPrincipal?.order, allowPrivateNetwork);
    const wanted = { ref: credentials?.secretRef, url: spec.remote.url, lending };
    const credential = await reconcileCredential(entry, wanted, context);
    const observed = context.observations.get(entry.uid);
    const findings = observedFindings(entry, observed, [credential.finding], ['Reachable', 'DefinitionDrift']);
    // A server whose tools nobody has seen offers none, so it is ready only once the broker reached it.
    const ready = readyBy(findings, [
      ['CredentialsValid', 'True'],
      ['Reachable', 'True'],
    ]);
    return {
      findings: [...findings, ready],
      fields: { grantedOrigin: credential.grantedOrigin, ...observed?.fields },
      failure: credential.failure,
    };
  },
  removed: revoke,
};
