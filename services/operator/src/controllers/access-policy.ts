import { holds } from '../checks/findings.ts';
import type { Controller } from './controller.ts';

/** An access policy refers to names only: accepted is ready. */
export const accessPolicyController: Controller<'AccessPolicy'> = {
  kind: 'AccessPolicy',
  reconcile: async () => ({ findings: [holds('Ready', 'Ready')] }),
};
