import { z } from 'zod';
import type { Rule } from './define-resource.ts';
import { withRules } from './define-resource.ts';
import { externalName, setOf } from './fields.ts';

/** Where a tool server stands on its way to everybody. */
export const serverStage = z
  .enum(['Sandbox', 'Live'])
  .default('Live')
  .describe(
    'Sandbox: for its reviewers alone; for all others it does not exist. Live: for whom AccessPolicies allow it.',
  );

/** Who looks at a tool server before others use it. */
export const serverReviewers = withRules(
  z.object({
    users: setOf(externalName, 64).default([]).describe('Users by id.'),
    teams: setOf(externalName, 64).default([]).describe('Teams by name: every member.'),
    clients: setOf(externalName, 64).default([]).describe('Clients (applications) by name.'),
    keys: setOf(externalName, 64).default([]).describe('Virtual keys, by name of the resource or by id of the key.'),
  }),
  [
    {
      cel: 'size(self.users) + size(self.teams) + size(self.clients) + size(self.keys) > 0',
      message: 'reviewers must name at least one user, team, client or key',
      holds: (r) => r.users.length + r.teams.length + r.clients.length + r.keys.length > 0,
    },
  ],
).describe(
  'Who may use the server while its stage is Sandbox, of those whom AccessPolicies allow it. Once Live, a server that has reviewers offers the definitions that tools[].digest names and no other: "sallyport promote" writes them.',
);

interface Staged {
  readonly stage: z.output<typeof serverStage>;
  readonly reviewers?: z.output<typeof serverReviewers> | undefined;
}

/** A server in Sandbox says whose it is. */
export const stageRules: readonly Rule<Staged>[] = [
  {
    cel: "self.stage != 'Sandbox' || has(self.reviewers)",
    message: 'stage Sandbox needs reviewers: nobody else may use the server',
    fieldPath: '.reviewers',
    holds: (s) => s.stage !== 'Sandbox' || s.reviewers !== undefined,
  },
];

/** Whether a server is for its reviewers alone. */
export function isStaged({ stage }: Pick<Staged, 'stage'>): boolean {
  return stage === 'Sandbox';
}

/** Whether a server offers only what its reviewers named. */
export function needsReview({ stage, reviewers }: Staged): boolean {
  return stage !== 'Sandbox' && reviewers !== undefined;
}
