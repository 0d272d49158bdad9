import { coverageFinding } from '../checks/coverage.ts';
import { holds } from '../checks/findings.ts';
import type { Controller } from './controller.ts';

/** An access policy refers to names only: accepted is ready. What it admits may stand outside of the protection. */
export const accessPolicyController: Controller<'AccessPolicy'> = {
  kind: 'AccessPolicy',
  reconcile: async (entry, _spec, { source }) => ({
    findings: [coverageFinding(entry, source), holds('Ready', 'Ready')],
  }),
};
