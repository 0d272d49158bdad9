import { holds } from '../checks/findings.ts';
import type { Controller } from './controller.ts';

/** A limit refers to names only: accepted is ready. */
export const limitController: Controller<'Limit'> = {
  kind: 'Limit',
  reconcile: async () => ({ findings: [holds('Ready', 'Ready')] }),
};
