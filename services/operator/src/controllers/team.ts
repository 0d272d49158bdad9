import { holds } from '../checks/findings.ts';
import type { Controller } from './controller.ts';

/** A team refers to names only: accepted is ready. Identity counts its people. */
export const teamController: Controller<'Team'> = {
  kind: 'Team',
  reconcile: async (entry, _spec, { observations }) => ({
    findings: [holds('Ready', 'Ready')],
    fields: observations.get(entry.uid)?.fields ?? {},
  }),
};
