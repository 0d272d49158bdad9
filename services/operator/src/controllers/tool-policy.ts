import { readyBy } from '../checks/findings.ts';
import { toolPolicyReferences } from '../checks/references.ts';
import type { Controller } from './controller.ts';

/** Tells whether what a tool policy speaks of is there. */
export const toolPolicyController: Controller<'ToolPolicy'> = {
  kind: 'ToolPolicy',
  async reconcile(entry, spec, { source, observations }) {
    const references = toolPolicyReferences(spec, entry.tenant, source);
    return {
      findings: [references, readyBy([references], [['ResolvedRefs', 'True']])],
      fields: observations.get(entry.uid)?.fields ?? {},
    };
  },
};
