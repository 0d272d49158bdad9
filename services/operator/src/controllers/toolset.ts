import { readyBy } from '../checks/findings.ts';
import { toolsetReferences } from '../checks/references.ts';
import type { Controller } from './controller.ts';

/** Tells whether what a toolset picks is there. */
export const toolsetController: Controller<'Toolset'> = {
  kind: 'Toolset',
  async reconcile(entry, spec, { source }) {
    const references = toolsetReferences(spec, entry.tenant, source);
    return { findings: [references, readyBy([references], [['ResolvedRefs', 'True']])] };
  },
};
