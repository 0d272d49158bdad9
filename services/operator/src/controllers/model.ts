import { missingReferences, modelFindings, targetStates } from '../checks/references.ts';
import type { Controller } from './controller.ts';

/** Tells which targets of a model can serve. */
export const modelController: Controller<'Model'> = {
  kind: 'Model',
  async reconcile(entry, spec, { source }) {
    const targets = targetStates(spec, entry.tenant, source);
    return {
      findings: modelFindings(targets, missingReferences(spec, entry.tenant, source)),
      fields: { targets, liveTargets: targets.filter((target) => target.live).length },
    };
  },
};
