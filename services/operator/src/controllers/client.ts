import { inboundOrigin } from '@sallyport/custom-resources';
import { clientReferences } from '../checks/client.ts';
import { fails, readyBy } from '../checks/findings.ts';
import type { Controller } from './controller.ts';
import { reconcileCredential, revoke } from './grants.ts';

/** Grants identity the secret that a client proves itself with; it is compared with, never sent. */
export const clientController: Controller<'Client'> = {
  kind: 'Client',
  async reconcile(entry, spec, context) {
    const named = clientReferences(spec, entry.tenant, context.source);
    const wanted = { ref: spec.secretRef, url: inboundOrigin, finding: 'ResolvedRefs' };
    const credential = await reconcileCredential(entry, wanted, context);
    const references = named.status === 'True' ? credential.finding : named;
    const ready = spec.disabled
      ? fails('Ready', 'Disabled', 'spec.disabled is true')
      : readyBy([references], [['ResolvedRefs', 'True']]);
    return {
      findings: [references, ready],
      fields: { clientId: spec.clientId ?? entry.name },
      failure: credential.failure,
    };
  },
  removed: revoke,
};
