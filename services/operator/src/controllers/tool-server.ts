import { serverUrl } from '@sallyport/custom-resources';
import { documentFindings } from '../checks/document.ts';
import { readyBy } from '../checks/findings.ts';
import { observedFindings } from '../checks/observed.ts';
import type { Controller } from './controller.ts';
import { lendingOf, reconcileCredential, revoke } from './grants.ts';
import { reconcileHosted } from './hosted.ts';

/** Grants a tool server its credential, bound to the origin of its URL; its tools are what the broker reports. */
export const toolServerController: Controller<'ToolServer'> = {
  kind: 'ToolServer',
  async reconcile(entry, spec, context) {
    const { auth, credentials, allowPrivateNetwork } = spec;
    const lending = lendingOf(credentials?.perPrincipal?.order, allowPrivateNetwork, auth);
    const ref = auth?.secretRef ?? credentials?.secretRef;
    // The secret of a client goes to its issuer; the tokens that people have by it are bound to the server one by one.
    const wanted = { ref, url: serverUrl(spec), secretTo: auth?.secretRef && auth.issuer, lending };
    const credential = await reconcileCredential(entry, wanted, context);
    const hosted = await reconcileHosted(entry, spec.hosted, context);
    const references = documentFindings(entry, context.source.configMap);
    const observed = context.observations.get(entry.uid);
    const findings = observedFindings(
      entry,
      observed,
      [...references, credential.finding, ...hosted.findings],
      ['Reachable', 'DefinitionDrift', 'DefinitionSuspect'],
    );
    // A server whose tools nobody has seen offers none, so it is ready only once the broker reached it.
    const ready = readyBy(findings, [
      ['ResolvedRefs', 'notFalse'],
      ['CredentialsValid', 'True'],
      ['Deployed', 'notFalse'],
      ['Reachable', 'True'],
    ]);
    return {
      findings: [...findings, ready],
      fields: { grantedOrigin: credential.grantedOrigin, ...observed?.fields },
      failure: credential.failure ?? hosted.failure,
    };
  },
  removed: revoke,
  sweep: (tenant, name, uid, { hosting }) => hosting.sweep(tenant, name, uid),
};
