import { readyBy } from '../checks/findings.ts';
import { observedFindings } from '../checks/observed.ts';
import { toolsetReferences } from '../checks/references.ts';
import type { Controller } from './controller.ts';

/** Tells whether what a toolset picks is there: by the resources, and by what the broker sees of each pick. */
export const toolsetController: Controller<'Toolset'> = {
  kind: 'Toolset',
  async reconcile(entry, spec, { source, observations }) {
    const observed = observations.get(entry.uid);
    const references = toolsetReferences(spec, entry.tenant, source);
    const findings = observedFindings(entry, observed, [references], []);
    return { findings: [...findings, readyBy(findings, [['ResolvedRefs', 'True']])], fields: { ...observed?.fields } };
  },
};
