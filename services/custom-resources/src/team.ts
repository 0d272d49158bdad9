import { z } from 'zod';
import { claimsExpression } from './claims-expression.ts';
import { conditionsSchema, observedGenerationSchema } from './conditions.ts';
import { defineResource, readyColumns, withRules } from './define-resource.ts';
import { externalName, setOf } from './fields.ts';

const members = withRules(
  z.object({
    users: setOf(externalName, 1024).default([]).describe('People by name.'),
    groups: setOf(externalName, 256)
      .default([])
      .describe('Groups as the identity provider names them by SCIM: each of their people.'),
    claims: claimsExpression('bool')
      .optional()
      .describe(
        'CEL over claims: people for whom it is true. For people whom SCIM provisions, claims are their attributes there ' +
          'and "groups", the names of their groups; for others, the claims of their token.',
      ),
  }),
  [
    {
      cel: 'size(self.users) + size(self.groups) > 0 || has(self.claims)',
      message: 'members must name at least one user or group, or have claims',
      holds: (m) => m.users.length + m.groups.length > 0 || m.claims !== undefined,
    },
  ],
);

const spec = z.object({
  members: members.describe('Who belongs to the team; any one that fits is enough.'),
  owners: setOf(externalName, 64).default([]).describe('People who administer the team; they belong to it too.'),
  description: z.string().max(512).optional().describe('What the team is for.'),
});

/** Team: who belongs together. A group of the same name that SCIM brings does not count beside it. */
export const team = defineResource({
  kind: 'Team',
  plural: 'teams',
  shortNames: [],
  description:
    'People who belong together, for AccessPolicies, ToolPolicies, Limits and keys. It alone says who they are.',
  spec: spec.describe('What is wanted.'),
  status: z
    .object({
      conditions: conditionsSchema,
      observedGeneration: observedGenerationSchema,
      memberCount: z.int().min(0).optional().describe('How many people belong to it, as far as identity knows them.'),
    })
    .describe('What is known; written by Sallyport.'),
  columns: [{ name: 'Members', type: 'integer', jsonPath: '.status.memberCount' }, ...readyColumns],
  conditions: ['Accepted', 'Ready'],
});

/** Spec of a Team with defaults filled in. */
export type TeamSpec = z.output<typeof spec>;

/** Status of a Team. */
export type TeamStatus = z.output<typeof team.status>;
